// Two texts as arrays of symbols, which is what every comparison of texts works on: equal code points are equal
// numbers, and the numbers are small enough to be an index into a table.
//
// Texts in ASCII are compared as they stand, byte by byte, and those in Latin-1 by their code points, which fit a byte.
// For others the code points of both are numbered from 0 in the order in which they appear. A byte that is no UTF-8
// counts as one character, different from all others.
#pragma once

#include "core/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

// Longer texts are refused, so that memory is bounded whatever is compared.
inline constexpr std::size_t longest_text = 1U << 20U;

// Raises 54000 for a text of more than longest_text bytes.
[[noreturn]] void refuse_long_text(std::size_t size);

inline void require_length(std::string_view text)
{
    if (text.size() > longest_text) [[unlikely]] {
        refuse_long_text(text.size());
    }
}

// An array whose size is known when it is made, on the stack up to InPlace elements. Its elements start without a
// value.
template <class T, std::size_t InPlace>
class scratch {
    static_assert(std::is_trivial_v<T>);

  public:
    explicit scratch(std::size_t size)
        : heap_{size > InPlace ? std::make_unique_for_overwrite<T[]>(size) : nullptr},
          data_{heap_ ? heap_.get() : in_place_.data()}, size_{size}
    {
    }
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;

    T& operator[](std::size_t i) noexcept { return data_[i]; }
    const T& operator[](std::size_t i) const noexcept { return data_[i]; }
    T* data() noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    std::span<T> all() noexcept { return {data_, size_}; }
    std::span<const T> first(std::size_t count) const noexcept { return {data_, count}; }

  private:
    std::unique_ptr<T[]> heap_;
    std::array<T, InPlace> in_place_; // NOLINT(cppcoreguidelines-pro-type-member-init)
    T* data_;
    std::size_t size_;
};

// Writes the code points of a text in UTF-8 and returns how many they are. `to` has room for one a byte. A byte that
// is part of no valid sequence is written as decode_at (core/utf8.hpp) reads it.
std::size_t read_code_points(std::string_view text, char32_t* to) noexcept;

// The code points of one text: bytes where it is ASCII.
std::size_t code_point_count(std::string_view text) noexcept;

// Two texts of symbols below `count`.
template <class Symbol>
struct symbol_pair {
    std::span<const Symbol> a;
    std::span<const Symbol> b;
    std::size_t count;

    symbol_pair swapped() const noexcept { return {b, a, count}; }
};

// A value for each symbol that a pair holds; symbols that it does not hold have none.
template <class Symbol, class T>
class symbol_table {
  public:
    symbol_table(const symbol_pair<Symbol>& pair, T value) : values_{pair.count}
    {
        for (const Symbol s : pair.a) {
            values_[s] = value;
        }
        for (const Symbol s : pair.b) {
            values_[s] = value;
        }
    }
    T& operator[](Symbol s) noexcept { return values_[s]; }
    const T& operator[](Symbol s) const noexcept { return values_[s]; }

  private:
    scratch<T, 256> values_;
};

// The code points of two texts, numbered.
class numbered_texts {
  public:
    numbered_texts(std::string_view a, std::string_view b);

    bool fit_bytes() const noexcept { return count_ <= 256; }
    symbol_pair<std::uint32_t> pair() const noexcept { return pair_of<std::uint32_t>(numbers_); }
    symbol_pair<std::uint8_t> pair_of_bytes();

  private:
    template <class Symbol, std::size_t N>
    symbol_pair<Symbol> pair_of(const scratch<Symbol, N>& numbers) const noexcept
    {
        const auto both = numbers.first(size_a_ + size_b_);
        return {both.first(size_a_), both.subspan(size_a_), count_};
    }
    void number();

    scratch<std::uint32_t, 256> numbers_;
    scratch<std::uint8_t, 256> bytes_;
    std::size_t size_a_ = 0;
    std::size_t size_b_ = 0;
    std::size_t count_ = 0;
};

inline std::span<const std::uint8_t> bytes_of(std::string_view text) noexcept
{
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Calls f with the symbol_pair of two texts, of bytes if possible.
template <class F>
auto with_symbols(std::string_view a, std::string_view b, F&& f)
{
    if (is_ascii(a) && is_ascii(b)) [[likely]] {
        return f(symbol_pair<std::uint8_t>{bytes_of(a), bytes_of(b), 128});
    }
    numbered_texts numbered{a, b};
    return numbered.fit_bytes() ? f(numbered.pair_of_bytes()) : f(numbered.pair());
}

} // namespace etl::dedupe
