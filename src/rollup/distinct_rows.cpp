#include "rollup/distinct_rows.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/cpp_only.hpp"

namespace etl::rollup {
namespace {

std::uint32_t hash_of(std::span<const std::byte> row) noexcept
{
    return static_cast<std::uint32_t>(XXH3_64bits_withSeed(row.data(), row.size(), detail::names_seed()));
}

bool is_same(std::span<const std::byte> one, std::span<const std::byte> other) noexcept
{
    return one.size() == other.size() && (one.empty() || std::memcmp(one.data(), other.data(), one.size()) == 0);
}

} // namespace

distinct_rows::distinct_rows(limits most, std::pmr::memory_resource* memory)
    : most_{most}, words_{memory}, starts_(1, memory), sizes_{memory}, slots_{memory}
{
    constexpr std::size_t most_numbers = std::numeric_limits<std::uint32_t>::max() - 1; // as many as the slots number
    most_.rows = std::min(most_.rows, most_numbers);
}

bool distinct_rows::has_room_for(std::size_t bytes) const noexcept
{
    return count() < most_.rows && words_of(bytes) <= most_.bytes / sizeof(word) - words_.size();
}

void distinct_rows::keep(std::span<const std::byte> row)
{
    words_.resize(words_.size() + words_of(row.size()));
    if (!row.empty()) {
        std::memcpy(words_.data() + starts_.back(), row.data(), row.size());
    }
    sizes_.push_back(row.size());
    starts_.push_back(words_.size());
}

bool distinct_rows::add(std::span<const std::byte> wanted)
{
    const std::uint32_t hash = hash_of(wanted);
    const auto is_it = [&](std::uint32_t number) { return is_same(row(number), wanted); };
    if (is_overrun_ || !has_room_for(wanted.size())) {
        const bool known = slots_.known(hash, is_it).has_value();
        is_overrun_ = is_overrun_ || !known;
        return known;
    }
    slots_.number_of(hash, is_it, [&] { keep(wanted); });
    return true;
}

} // namespace etl::rollup
