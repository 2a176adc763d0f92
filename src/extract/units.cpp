#include "extract/units.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>

#include "core/cpp_only.hpp"

namespace etl {

namespace {

constexpr std::int64_t largest_number = 1'000'000'000;

struct unit {
    std::string_view name;
    std::int64_t size;
};

constexpr unit durations[] = {{"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}};
constexpr unit sizes[] = {{"B", 1}, {"kB", 1 << 10}, {"MB", 1 << 20}, {"GB", 1 << 30}};
constexpr unit periods[] = {
    {"s", 1'000'000'000}, {"min", 60'000'000'000}, {"h", 3'600'000'000'000}, {"d", 86'400'000'000'000}};

template <std::size_t N>
std::optional<std::int64_t> size_of(std::string_view name, const unit (&units)[N]) noexcept
{
    const auto* found = std::find_if(std::begin(units), std::end(units), [name](unit u) { return u.name == name; });
    return found == std::end(units) ? std::nullopt : std::optional{found->size};
}

// Takes the digits off the beginning of a text.
std::optional<std::int64_t> take_number(std::string_view& text) noexcept
{
    std::int64_t number = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (code != std::errc{} || text.front() == '-' || number > largest_number) {
        return std::nullopt;
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return number;
}

template <std::size_t N>
std::optional<std::int64_t> parse(std::string_view text, const unit (&units)[N]) noexcept
{
    const auto number = take_number(text);
    if (text.starts_with(' ')) {
        text.remove_prefix(1);
    }
    const auto size = size_of(text, units);
    return number && size ? std::optional{*number * *size} : std::nullopt;
}

} // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept
{
    const auto parsed = parse(text, durations);
    return parsed ? std::optional{std::chrono::milliseconds{*parsed}} : std::nullopt;
}

std::optional<std::size_t> parse_size(std::string_view text) noexcept
{
    const auto parsed = parse(text, sizes);
    return parsed ? std::optional{static_cast<std::size_t>(*parsed)} : std::nullopt;
}

std::optional<std::chrono::nanoseconds> parse_rate(std::string_view text) noexcept
{
    const auto number = take_number(text);
    if (!number || *number == 0 || !text.starts_with('/')) {
        return std::nullopt;
    }
    const auto period = size_of(text.substr(1), periods);
    return period && *period >= *number ? std::optional{std::chrono::nanoseconds{*period / *number}} : std::nullopt;
}

} // namespace etl
