// Where bytes go to and come from. What writes and reads rows knows no more of a place than this, so that a file, a
// compressor, a hash and a store elsewhere can stand behind each other.
#pragma once

#include "core/error.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace etl {

class byte_sink {
  public:
    virtual ~byte_sink() = default;
    virtual void write(std::string_view bytes) = 0;
    // Nothing is written after it.
    virtual void finish() = 0;
};

class byte_source {
  public:
    virtual ~byte_source() = default;
    // How many bytes were read; 0 at the end.
    virtual std::size_t read(std::span<char> to) = 0;
};

// Sees all bytes that pass, as a hash does.
class byte_watcher {
  public:
    virtual ~byte_watcher() = default;
    virtual void see(std::string_view bytes) = 0;
};

class watched_sink final : public byte_sink {
  public:
    watched_sink(byte_sink& to, byte_watcher& by) noexcept : to_{to}, by_{by} {}

    void write(std::string_view bytes) override
    {
        by_.see(bytes);
        to_.write(bytes);
    }
    void finish() override { to_.finish(); }

  private:
    byte_sink& to_;
    byte_watcher& by_;
};

class watched_source final : public byte_source {
  public:
    watched_source(byte_source& from, byte_watcher& by) noexcept : from_{from}, by_{by} {}

    std::size_t read(std::span<char> to) override
    {
        const std::size_t count = from_.read(to);
        by_.see({to.data(), count});
        return count;
    }

  private:
    byte_source& from_;
    byte_watcher& by_;
};

// Gathers what is written in small pieces, and polls whenever it hands them on.
class output_buffer {
  public:
    static constexpr std::size_t capacity = 256 * 1024;

    output_buffer(byte_sink& to, poll_fn poll) : to_{to}, poll_{poll}, bytes_{new char[capacity]} {}

    // Where up to `size` bytes (capacity at most) may be written; advance() says where they end.
    char* reserve(std::size_t size)
    {
        if (size > capacity - used_) {
            flush();
        }
        return bytes_.get() + used_;
    }
    void advance(const char* end) noexcept { used_ = static_cast<std::size_t>(end - bytes_.get()); }

    void put(char c)
    {
        *reserve(1) = c;
        ++used_;
    }

    void append(std::string_view text)
    {
        while (text.size() > capacity) {
            append(text.substr(0, capacity));
            text.remove_prefix(capacity);
        }
        std::memcpy(reserve(text.size()), text.data(), text.size());
        used_ += text.size();
    }

    void flush()
    {
        poll_();
        to_.write({bytes_.get(), used_});
        flushed_ += used_;
        used_ = 0;
    }

    std::uint64_t written() const noexcept { return flushed_ + used_; }

  private:
    byte_sink& to_;
    poll_fn poll_;
    std::unique_ptr<char[]> bytes_;
    std::size_t used_ = 0;
    std::uint64_t flushed_ = 0;
};

} // namespace etl
