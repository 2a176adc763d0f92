#include "feature/text_measures.hpp"

#include "core/text.hpp"
#include "core/utf8.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <unordered_map>
#include <vector>

#include <utf8proc.h>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

template <class F>
void each_character(std::string_view text, F&& f)
{
    for (std::size_t at = 0; at < text.size();) {
        const decoded found = decode_at(text, at);
        f(found.value);
        at += found.size;
    }
}

bool is_digit(char32_t character) noexcept
{
    if (character < 0x80) {
        return character >= U'0' && character <= U'9';
    }
    return is_character(character) &&
           utf8proc_category(static_cast<utf8proc_int32_t>(character)) == UTF8PROC_CATEGORY_ND;
}

// Adds up -p log2 p as log2(n) - sum(c log2 c) / n, c being how often one character occurs among n.
class entropy_sum {
  public:
    void add(std::size_t count) noexcept
    {
        if (count > 0) {
            const auto c = static_cast<double>(count);
            characters_ += c;
            weighted_ += c * std::log2(c);
        }
    }
    double bits() const noexcept
    {
        return characters_ > 0 ? std::max(std::log2(characters_) - weighted_ / characters_, 0.0) : 0.0;
    }

  private:
    double characters_ = 0;
    double weighted_ = 0;
};

// In pieces, between which it polls. None where a character is not ASCII.
std::optional<double> entropy_of_ascii(std::string_view text, poll_fn poll)
{
    constexpr std::size_t piece = 65536;
    std::array<std::size_t, 128> counts{};
    for (std::size_t at = 0; at < text.size(); at += piece) {
        const std::string_view next = text.substr(at, piece);
        if (!is_ascii(next)) {
            return std::nullopt;
        }
        for (const char c : next) {
            ++counts[static_cast<unsigned char>(c)];
        }
        if (next.size() == piece) {
            poll();
        }
    }
    entropy_sum sum;
    for (const std::size_t count : counts) {
        sum.add(count);
    }
    return sum.bits();
}

} // namespace

std::int64_t digit_count(std::string_view text, poll_fn poll)
{
    std::int64_t digits = 0;
    poller stop{poll};
    each_character(text, [&](char32_t character) {
        digits += is_digit(character) ? 1 : 0;
        stop.tick();
    });
    return digits;
}

double text_entropy(std::string_view text, std::pmr::memory_resource* memory, poll_fn poll)
{
    if (const auto found = entropy_of_ascii(text, poll)) {
        return *found;
    }
    std::pmr::unordered_map<char32_t, std::size_t> counts{memory};
    poller stop{poll};
    each_character(text, [&](char32_t character) {
        ++counts[character];
        stop.tick();
    });
    std::pmr::vector<std::size_t> ordered{memory}; // so that the sum is the same everywhere
    for (const auto& [character, count] : counts) {
        ordered.push_back(count);
    }
    std::sort(ordered.begin(), ordered.end());
    entropy_sum sum;
    for (const std::size_t count : ordered) {
        sum.add(count);
    }
    return sum.bits();
}

} // namespace etl
