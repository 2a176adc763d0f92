#include "sketch/node_names.hpp"

#include "core/error.hpp"
#include "sketch/fingerprint.hpp"

#include <limits>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::size_t first_slots = 64;
constexpr std::uint32_t most_nodes = std::numeric_limits<std::uint32_t>::max() - 1;

} // namespace

node_names::node_names(std::pmr::memory_resource* memory) : text_{memory}, nodes_{memory}, slots_{memory}
{
    slots_.resize(first_slots);
}

std::uint32_t node_names::number_of(std::string_view name)
{
    const std::uint64_t hash = fingerprint_of(name).low;
    const std::uint32_t found = slots_[find(name, hash)];
    return found != 0 ? found - 1 : append(name, hash);
}

std::optional<std::uint32_t> node_names::known(std::string_view name) const noexcept
{
    const std::uint32_t found = slots_[find(name, fingerprint_of(name).low)];
    return found != 0 ? std::optional{found - 1} : std::nullopt;
}

std::string_view node_names::name(std::uint32_t number) const noexcept
{
    const std::uint64_t begin = number == 0 ? 0 : nodes_[number - 1].end;
    return {text_.data() + begin, nodes_[number].end - begin};
}

// The slot of the name or, when it is unknown, the free slot where it belongs.
std::size_t node_names::find(std::string_view wanted, std::uint64_t hash) const noexcept
{
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = hash & mask;
    while (slots_[i] != 0) {
        const std::uint32_t number = slots_[i] - 1;
        if (nodes_[number].hash == hash && name(number) == wanted) {
            break;
        }
        i = (i + 1) & mask;
    }
    return i;
}

std::uint32_t node_names::append(std::string_view name, std::uint64_t hash)
{
    if (count() == most_nodes) {
        throw error(sqlstate::program_limit_exceeded, "a graph cannot have more than 4294967294 nodes");
    }
    if (nodes_.size() >= slots_.size() / 2) {
        grow();
    }
    text_.insert(text_.end(), name.begin(), name.end());
    nodes_.push_back({hash, text_.size()});
    slots_[find(name, hash)] = count();
    return count() - 1;
}

void node_names::grow()
{
    std::pmr::vector<std::uint32_t> grown(slots_.size() * 2, slots_.get_allocator());
    const std::size_t mask = grown.size() - 1;
    for (std::uint32_t number = 0; number < count(); ++number) {
        std::size_t i = nodes_[number].hash & mask;
        while (grown[i] != 0) {
            i = (i + 1) & mask;
        }
        grown[i] = number + 1;
    }
    slots_.swap(grown);
}

} // namespace etl
