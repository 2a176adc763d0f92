#include "feature/graph.hpp"

#include "core/cpp_only.hpp"

namespace etl::feature {

std::pmr::vector<degrees> degrees_of(const csr& incoming, edge_poller& stop)
{
    std::pmr::vector<degrees> made(incoming.nodes(), incoming.memory());
    for (std::uint32_t node = 0; node < incoming.nodes(); ++node) {
        const auto sources = incoming.of(node);
        made[node].in = static_cast<std::int64_t>(sources.size());
        stop.in_parts(sources.size(), [&](std::size_t begin, std::size_t end) {
            for (auto i = begin; i < end; ++i) {
                ++made[sources[i]].out;
            }
        });
    }
    return made;
}

} // namespace etl::feature
