#include "sketch/node_names.hpp"

#include <algorithm>
#include <array>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

std::uint32_t hash_of(std::string_view name) noexcept
{
    return static_cast<std::uint32_t>(XXH3_64bits_withSeed(name.data(), name.size(), detail::names_seed()));
}

} // namespace

node_names::node_names(std::pmr::memory_resource* memory) : text_{memory}, ends_(1, memory), slots_{memory} {}

std::uint32_t node_names::number_of(std::string_view name)
{
    return number_of(name, hash_of(name));
}

std::uint32_t node_names::number_of(std::string_view wanted, std::uint32_t hash)
{
    return slots_.number_of(
        hash, [&](std::uint32_t number) { return name(number) == wanted; },
        [&] {
            ends_.push_back(text_.size() + wanted.size());
            text_.insert(text_.end(), wanted.begin(), wanted.end());
        });
}

void node_names::numbers_of(std::span<const std::string_view> names, std::uint32_t* numbers)
{
    constexpr std::size_t most = 64;
    while (!names.empty()) {
        const auto part = names.first(std::min(names.size(), most));
        std::array<std::uint32_t, most> hashes;
        for (std::size_t i = 0; i < part.size(); ++i) {
            hashes[i] = hash_of(part[i]);
            slots_.prefetch(hashes[i]);
        }
        for (std::size_t i = 0; i < part.size(); ++i) {
            if (const auto likely = slots_.guess(hashes[i])) {
                __builtin_prefetch(&ends_[*likely]);
            }
        }
        for (std::size_t i = 0; i < part.size(); ++i) {
            if (const auto likely = slots_.guess(hashes[i])) {
                __builtin_prefetch(text_.data() + ends_[*likely]);
            }
        }
        for (std::size_t i = 0; i < part.size(); ++i) {
            *numbers++ = number_of(part[i], hashes[i]);
        }
        names = names.subspan(part.size());
    }
}

std::optional<std::uint32_t> node_names::known(std::string_view wanted) const noexcept
{
    return slots_.known(hash_of(wanted), [&](std::uint32_t number) { return name(number) == wanted; });
}

} // namespace etl
