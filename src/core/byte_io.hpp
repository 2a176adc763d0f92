// Writing and reading the variable part of a flat state: values, arrays and texts one after the other, little-endian.
//
// The writer appends; the reader takes bytes from strangers: it looks at no byte that is not there, believes no count
// that the rest of the bytes could not hold, and refuses by refuse_state() in the name of the state's type. It checks
// sizes only. What the values mean, their owner checks, and refuses through the reader as well.
#pragma once

#include "core/bytes.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace etl {

// What may be written as it lies in memory: no padding, whose bytes would be anybody's.
template <class T>
inline constexpr bool is_plain_value = std::is_trivially_copyable_v<T> &&
                                       (std::has_unique_object_representations_v<T> || std::is_floating_point_v<T>);

// Appends to a vector or to a flat_buffer, which keep what they held before.
class byte_writer {
  public:
    explicit byte_writer(std::pmr::vector<std::byte>& to) noexcept : vector_{&to}, size_{to.size()} {}

    // A flat_buffer is grown by doubling: finish() cuts it to what was written.
    explicit byte_writer(flat_buffer& to) noexcept : buffer_{&to}, size_{to.size()} {}

    template <class T>
    requires is_plain_value<T>
    void value(T value) { std::memcpy(extend(sizeof value), &value, sizeof value); }

    void bytes(std::span<const std::byte> bytes)
    {
        if (!bytes.empty()) {
            std::memcpy(extend(bytes.size()), bytes.data(), bytes.size());
        }
    }

    // The elements alone: their number is written before, by count().
    template <class T>
    requires is_plain_value<T>
    void values(std::span<const T> values) { bytes(std::as_bytes(values)); }

    void count(std::size_t count) { value(static_cast<std::uint64_t>(count)); }

    // Length and bytes.
    void string(std::string_view text)
    {
        count(text.size());
        bytes(std::as_bytes(std::span{text}));
    }

    // Bytes that the target holds by now, with what it held before.
    std::size_t size() const noexcept { return size_; }

    void finish()
    {
        if (buffer_ != nullptr) {
            buffer_->resize(size_);
        }
    }

  private:
    std::byte* extend(std::size_t bytes)
    {
        const std::size_t at = size_;
        size_ += bytes;
        if (vector_ != nullptr) {
            vector_->resize(size_);
            return vector_->data() + at;
        }
        if (buffer_->size() < size_) {
            buffer_->resize(std::max({size_, 2 * at, std::size_t{64}}));
        }
        return buffer_->data() + at;
    }

    std::pmr::vector<std::byte>* vector_ = nullptr;
    flat_buffer* buffer_ = nullptr;
    std::size_t size_;
};

class byte_reader {
  public:
    // `type` names the state in messages and outlives the reader; the bytes do as well.
    byte_reader(std::span<const std::byte> bytes, const char* type) noexcept : rest_{bytes}, type_{type} {}

    template <class T>
    requires is_plain_value<T> T value() { return load<T>(bytes(sizeof(T)).data()); }

    std::span<const std::byte> bytes(std::size_t count)
    {
        if (count > rest_.size()) {
            refuse("The value ends too soon.");
        }
        const auto taken = rest_.first(count);
        rest_ = rest_.subspan(count);
        return taken;
    }

    // A number of elements that follow: so many bytes of each must be there, at least.
    std::size_t count(std::size_t element_size)
    {
        const auto claimed = value<std::uint64_t>();
        if (claimed > rest_.size() / std::max<std::size_t>(element_size, 1)) {
            refuse("The value claims " + std::to_string(claimed) + " elements, and ends too soon for them.");
        }
        return static_cast<std::size_t>(claimed);
    }

    // So many elements, appended to a vector.
    template <class T, class Allocator>
    requires is_plain_value<T>
    void values(std::vector<T, Allocator>& to, std::size_t count)
    {
        if (count > rest_.size() / sizeof(T)) {
            refuse("The value ends too soon.");
        }
        const auto from = bytes(count * sizeof(T));
        const std::size_t held = to.size();
        to.resize(held + count);
        if (count > 0) {
            std::memcpy(to.data() + held, from.data(), from.size());
        }
    }

    // What byte_writer::string() wrote; lies in the bytes that are read.
    std::string_view string()
    {
        const auto text = bytes(count(1));
        return {reinterpret_cast<const char*>(text.data()), text.size()};
    }

    // A byte that says yes or no.
    bool flag()
    {
        const auto said = value<std::uint8_t>();
        if (said > 1) {
            refuse("A flag is neither 0 nor 1.");
        }
        return said == 1;
    }

    std::size_t left() const noexcept { return rest_.size(); }

    void expect_end() const
    {
        if (!rest_.empty()) {
            refuse("The value is " + std::to_string(rest_.size()) + " bytes longer than its content.");
        }
    }

    [[noreturn]] void refuse(const std::string& why) const { refuse_state(type_, why); }

    const char* type() const noexcept { return type_; }

  private:
    std::span<const std::byte> rest_;
    const char* type_;
};

} // namespace etl
