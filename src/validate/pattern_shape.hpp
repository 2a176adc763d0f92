// The shape that texts have in common: which characters stand where, as far as all texts are built alike.
//
// A text is cut at its delimiters, the ASCII characters that are neither letters nor digits; these are its frame.
// "EU-2024/17" has the frame "-/" and the parts "EU", "2024" and "17". While all texts have one frame, each part has a
// set of characters for every place, counted from its left. Otherwise there is the set of all characters, and which
// well-known formats (pattern_format.hpp) every text is of.
//
// Every member is a union, an intersection, a least or a greatest: so any order of the texts, and any division into
// parts, gives the same shape, and what is guessed from it (pattern_guess.hpp) is true of every text.
#pragma once

#include "core/byte_io.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace etl::validate {

// A set of ASCII characters. Character 0, which no text has, stands for everything beyond ASCII.
struct charset {
    std::uint64_t low = 0;
    std::uint64_t high = 0;

    constexpr void add(char c) noexcept
    {
        const auto code = static_cast<unsigned char>(c);
        const unsigned bit = code < 0x80 ? code : 0;
        (bit < 64 ? low : high) |= std::uint64_t{1} << (bit % 64);
    }
    constexpr void add(const charset& other) noexcept
    {
        low |= other.low;
        high |= other.high;
    }
    constexpr bool has(char c) const noexcept
    {
        charset one;
        one.add(c);
        return contains(one);
    }
    constexpr bool contains(const charset& other) const noexcept
    {
        return (other.low & ~low) == 0 && (other.high & ~high) == 0;
    }
    constexpr charset within(const charset& other) const noexcept { return {low & other.low, high & other.high}; }
    constexpr int count() const noexcept { return std::popcount(low) + std::popcount(high); }
    constexpr bool empty() const noexcept { return (low | high) == 0; }

    // Of a set of one character.
    constexpr char only() const noexcept
    {
        return static_cast<char>(low != 0 ? std::countr_zero(low) : 64 + std::countr_zero(high));
    }

    // The characters from one to another.
    static constexpr charset range(char first, char last) noexcept
    {
        charset made;
        for (int c = static_cast<unsigned char>(first); c <= static_cast<unsigned char>(last); ++c) {
            made.add(static_cast<char>(c));
        }
        return made;
    }

    friend constexpr bool operator==(const charset&, const charset&) noexcept = default;
    friend constexpr charset operator|(charset a, const charset& b) noexcept
    {
        a.add(b);
        return a;
    }
};

inline constexpr charset digits = charset::range('0', '9');
inline constexpr charset lower_letters = charset::range('a', 'z');
inline constexpr charset upper_letters = charset::range('A', 'Z');
inline constexpr charset letters = lower_letters | upper_letters;
inline constexpr charset delimiters{~letters.low & ~digits.low & charset::range(' ', '~').low,
                                    ~letters.high & ~digits.high& charset::range(' ', '~').high};

class text_shape {
  public:
    static constexpr std::size_t most_characters = 255; // of a text that has a frame; as often a regex may repeat
    static constexpr std::size_t most_delimiters = 16;
    static constexpr std::size_t most_places = 64; // of a part that are looked at one by one

    struct part {
        std::uint32_t shortest = 0;
        std::uint32_t longest = 0;
        charset rest{}; // beyond most_places
    };

    explicit text_shape(std::pmr::memory_resource* memory) : frame_{memory}, parts_{memory}, places_{memory} {}

    // A text without the blanks that pad a char(n), and whether it has such.
    void add(std::string_view text, bool is_padded = false);
    void merge(const text_shape& other);
    void write(byte_writer& to) const;
    void read(byte_reader& from);

    bool has_texts() const noexcept { return has_texts_; } // that are not empty
    bool has_empty() const noexcept { return has_empty_; }
    bool has_padded() const noexcept { return has_padded_; }

    // Whether all texts have one frame, with characters that can be named between its delimiters.
    bool is_framed() const noexcept { return is_framed_; }
    std::string_view frame() const noexcept { return frame_; }
    std::span<const part> parts() const noexcept { return parts_; }
    std::span<const charset> places(std::size_t part) const
    {
        return std::span{places_}.subspan(part * most_places, std::min<std::size_t>(parts_[part].longest, most_places));
    }

    std::uint8_t formats() const noexcept { return formats_; }         // that every text is of
    const charset& characters() const noexcept { return characters_; } // of all texts, while anything asks for them

    // Whether a pattern of all characters would say anything: some of few kinds.
    bool is_narrow() const noexcept;

  private:
    bool is_hopeless() const noexcept { return has_texts_ && !is_framed_ && formats_ == 0 && is_wide(); }
    bool is_wide() const noexcept;
    void begin_frame(std::string_view text);
    bool add_framed(std::string_view text);
    void end_part(std::size_t i, std::size_t length);
    bool merge_framed(const text_shape& other);
    void drop_frame();

    bool has_texts_ = false;
    bool has_empty_ = false;
    bool has_padded_ = false;
    bool is_framed_ = true;
    std::uint8_t formats_ = 0xff;
    charset characters_;
    std::pmr::string frame_;
    std::pmr::vector<part> parts_;     // one more than the frame has delimiters
    std::pmr::vector<charset> places_; // most_places of each part
};

} // namespace etl::validate
