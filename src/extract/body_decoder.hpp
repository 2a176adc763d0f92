// Content codings of HTTP (RFC 9110, section 8.4.1), decoded piece by piece as they come. libcurl could decode them too,
// but takes a body for whole whose compressed data was cut.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string_view>

namespace etl {

class body_decoder {
  public:
    // What a client tells that it takes.
    static constexpr char codings[] = "gzip, br, zstd";

    enum class outcome { fine, refused, wrong };

    // nullptr for a coding that is not known.
    static std::unique_ptr<body_decoder> make(std::string_view coding);

    virtual ~body_decoder() = default;
    body_decoder(const body_decoder&) = delete;
    body_decoder& operator=(const body_decoder&) = delete;

    // Gives to take(std::string_view) what the next bytes of the body stand for. refused: take has returned false;
    // wrong: these are no such data.
    template <class Take>
    outcome decode(std::string_view bytes, Take take)
    {
        while (!bytes.empty() || is_full_) {
            const auto [used, made, is_right] = next(bytes);
            bytes.remove_prefix(used);
            if (!is_right) {
                return outcome::wrong;
            }
            if (made > 0 && !take(std::string_view{buffer_.data(), made})) {
                return outcome::refused;
            }
        }
        return outcome::fine;
    }

    // Whether the data ended where the bytes did.
    bool is_complete() const noexcept { return has_ended_; }

  protected:
    struct progress {
        std::size_t used;
        std::size_t made;
        bool is_right = true;
        bool has_ended = false;
    };

    body_decoder() = default;

  private:
    struct step_result {
        std::size_t used;
        std::size_t made;
        bool is_right;
    };

    virtual progress step(std::string_view bytes, std::span<char> to) = 0;
    // Before what follows the end of the data; false where nothing may.
    virtual bool restart() = 0;

    step_result next(std::string_view bytes);

    bool has_ended_ = false;
    bool is_full_ = false; // the buffer was, so that there may be more inside
    std::array<char, std::size_t{64} << 10U> buffer_;
};

} // namespace etl
