// An HTTP server whose every answer a test decides, byte by byte.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

class scripted_server {
  public:
    struct request {
        int connection; // counted from 1
        int number;     // over all connections, counted from 1
        std::string text;
    };
    // What is sent for a request; with an empty answer, and after one that `closes` says, the connection ends.
    struct answer {
        std::string text;
        bool closes = false;
    };

    explicit scripted_server(std::function<answer(const request&)> script) : script_{std::move(script)}
    {
        listening_ = socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        bind(listening_, reinterpret_cast<sockaddr*>(&address), size);
        listen(listening_, 100);
        getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        acceptor_ = std::thread{[this] { accept_all(); }};
    }

    ~scripted_server()
    {
        shutdown(listening_, SHUT_RDWR);
        acceptor_.join();
        {
            const std::lock_guard lock{mutex_};
            for (const int each : open_) {
                shutdown(each, SHUT_RDWR);
            }
        }
        for (std::thread& each : threads_) {
            each.join();
        }
        close(listening_);
    }

    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    int requests() const noexcept { return requests_; }

    static answer ok(const std::string& body, const std::string& headers = "")
    {
        return {"HTTP/1.1 200 OK\r\n" + headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body};
    }

  private:
    void accept_all()
    {
        for (int connection = 1;; ++connection) {
            const int accepted = accept(listening_, nullptr, nullptr);
            if (accepted < 0) {
                return;
            }
            const std::lock_guard lock{mutex_};
            open_.push_back(accepted);
            threads_.emplace_back([this, accepted, connection] { serve(accepted, connection); });
        }
    }

    void serve(int connected, int connection)
    {
        for (std::string text = read(connected); !text.empty(); text = read(connected)) {
            const answer made = script_({connection, ++requests_, text});
            static_cast<void>(send(connected, made.text.data(), made.text.size(), MSG_NOSIGNAL));
            if (made.text.empty() || made.closes) {
                break;
            }
        }
        shutdown(connected, SHUT_RDWR);
    }

    // A request with its body; empty when there is no more.
    static std::string read(int connected)
    {
        std::string text;
        char piece[4096];
        for (std::size_t end = std::string::npos; end == std::string::npos || text.size() < end;) {
            const ssize_t size = recv(connected, piece, sizeof piece, 0);
            if (size <= 0) {
                return {};
            }
            text.append(piece, static_cast<std::size_t>(size));
            const std::size_t head = text.find("\r\n\r\n");
            if (head != std::string::npos) {
                const std::size_t length = text.find("Content-Length: ");
                end = head + 4 + (length < head ? std::stoul(text.substr(length + 16)) : 0);
            }
        }
        return text;
    }

    std::function<answer(const request&)> script_;
    int listening_;
    int port_;
    std::atomic<int> requests_ = 0;
    std::thread acceptor_;
    std::mutex mutex_;
    std::vector<int> open_;
    std::vector<std::thread> threads_;
};
