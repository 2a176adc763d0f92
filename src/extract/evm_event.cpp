#include "extract/evm_event.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::evm {

std::string event::signature() const
{
    std::string made = name + '(';
    for (const parameter& each : parameters) {
        made += made.back() == '(' ? "" : ",";
        made += canonical(each.type);
    }
    return made + ')';
}

std::size_t event::topics() const noexcept
{
    const auto indexed =
        std::count_if(parameters.begin(), parameters.end(), [](const parameter& each) { return each.is_indexed; });
    return static_cast<std::size_t>(indexed) + (is_anonymous ? 0 : 1);
}

} // namespace etl::evm
