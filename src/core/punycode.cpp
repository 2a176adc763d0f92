// The characters below 0x80 stand first, as they are. The others follow in the order of their numbers: for each, how
// far it is from the state before it, which counts the places of the text over and over, once for every number.
#include "core/punycode.hpp"

#include <algorithm>
#include <cstdint>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::uint32_t base = 36;
constexpr std::uint32_t first_beyond_ascii = 0x80;
constexpr std::uint32_t last_character = 0x10ffff;
constexpr char32_t beyond_all = ~char32_t{0};
constexpr char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";

// Where the digits of a number are expected to end, which depends on the numbers before it (section 6.1).
class bias {
  public:
    std::uint32_t threshold(std::uint32_t k) const { return std::clamp(k > value_ ? k - value_ : 0, 1U, 26U); }

    void adapt(std::uint64_t delta, std::uint64_t characters)
    {
        constexpr std::uint32_t damp = 700;
        constexpr std::uint32_t skew = 38;
        delta = is_first_ ? delta / damp : delta / 2;
        delta += delta / characters;
        std::uint32_t k = 0;
        for (; delta > (base - 1) * 26 / 2; k += base) {
            delta /= base - 1;
        }
        value_ = k + static_cast<std::uint32_t>(base * delta / (delta + skew));
        is_first_ = false;
    }

  private:
    std::uint32_t value_ = 72;
    bool is_first_ = true;
};

// Takes a number off the start of the text; nullopt where it does not end, or is beyond any character.
std::optional<std::uint64_t> take_number(std::string_view& from, const bias& by)
{
    constexpr std::uint64_t largest = std::uint64_t{1} << 32;
    std::uint64_t made = 0;
    std::uint64_t weight = 1;
    for (std::uint32_t k = base; !from.empty(); k += base) {
        const std::size_t digit = std::string_view{digits}.find(from.front());
        from.remove_prefix(1);
        if (digit == std::string_view::npos) {
            return std::nullopt;
        }
        made += digit * weight;
        if (made > largest) {
            return std::nullopt;
        }
        const std::uint32_t threshold = by.threshold(k);
        if (digit < threshold) {
            return made;
        }
        weight = std::min(weight * (base - threshold), largest);
    }
    return std::nullopt;
}

void put_number(std::string& out, std::uint64_t number, const bias& by)
{
    std::uint32_t k = base;
    for (std::uint32_t threshold = by.threshold(k); number >= threshold; threshold = by.threshold(k += base)) {
        out += digits[threshold + (number - threshold) % (base - threshold)];
        number = (number - threshold) / (base - threshold);
    }
    out += digits[number];
}

} // namespace

std::optional<std::u32string> decode_punycode(std::string_view encoded)
{
    const std::size_t hyphen = encoded.rfind('-');
    const std::size_t plain = hyphen == std::string_view::npos ? 0 : hyphen;
    std::u32string made(encoded.begin(), encoded.begin() + static_cast<std::ptrdiff_t>(plain));
    encoded.remove_prefix(hyphen == std::string_view::npos ? 0 : hyphen + 1);
    bias by;
    std::uint64_t character = first_beyond_ascii;
    std::uint64_t place = 0;
    while (!encoded.empty()) {
        const auto delta = take_number(encoded, by);
        if (!delta) {
            return std::nullopt;
        }
        const std::uint64_t places = made.size() + 1;
        by.adapt(*delta, places);
        character += (place + *delta) / places;
        place = (place + *delta) % places;
        if (character > last_character || (character >= 0xd800 && character < 0xe000)) {
            return std::nullopt;
        }
        made.insert(made.begin() + static_cast<std::ptrdiff_t>(place++), static_cast<char32_t>(character));
    }
    return made;
}

std::string encode_punycode(std::u32string_view characters)
{
    std::string made;
    for (const char32_t each : characters) {
        if (each < first_beyond_ascii) {
            made += static_cast<char>(each);
        }
    }
    std::uint64_t done = made.size();
    made += done > 0 && done < characters.size() ? "-" : "";
    bias by;
    std::uint64_t delta = 0;
    for (char32_t reached = first_beyond_ascii; done < characters.size(); ++reached, ++delta) {
        char32_t next = beyond_all;
        for (const char32_t each : characters) {
            next = each >= reached ? std::min(next, each) : next;
        }
        delta += (next - reached) * (done + 1);
        reached = next;
        for (const char32_t each : characters) {
            delta += each < reached ? 1 : 0;
            if (each == reached) {
                put_number(made, delta, by);
                by.adapt(delta, ++done);
                delta = 0;
            }
        }
    }
    return made;
}

} // namespace etl
