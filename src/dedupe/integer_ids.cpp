#include "dedupe/integer_ids.hpp"

#include "core/error.hpp"
#include "sketch/fingerprint.hpp"

#include <limits>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

constexpr std::size_t first_slots = 64;
constexpr std::uint32_t most_ids = std::numeric_limits<std::uint32_t>::max() - 1;

std::size_t hash_of(std::int64_t id) noexcept
{
    return print_hash{}(fingerprint_of(id, number_kind::integer));
}

} // namespace

integer_ids::integer_ids(std::pmr::memory_resource* memory) : ids_{memory}, slots_{memory}
{
    slots_.resize(first_slots);
}

std::uint32_t integer_ids::number_of(std::int64_t id)
{
    std::size_t slot = find(id);
    if (slots_[slot] != 0) {
        return slots_[slot] - 1;
    }
    if (count() == most_ids) {
        throw error(sqlstate::program_limit_exceeded, "a graph cannot have more than 4294967294 nodes");
    }
    if (ids_.size() >= slots_.size() / 2) {
        grow();
        slot = find(id);
    }
    ids_.push_back(id);
    slots_[slot] = count();
    return count() - 1;
}

// The slot of the id or, when it is unknown, the free slot where it belongs.
std::size_t integer_ids::find(std::int64_t id) const noexcept
{
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = hash_of(id) & mask;
    while (slots_[slot] != 0 && ids_[slots_[slot] - 1] != id) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

void integer_ids::grow()
{
    std::pmr::vector<std::uint32_t> grown(slots_.size() * 2, slots_.get_allocator());
    slots_.swap(grown);
    for (std::uint32_t number = 0; number < count(); ++number) {
        slots_[find(ids_[number])] = number + 1;
    }
}

} // namespace etl::dedupe
