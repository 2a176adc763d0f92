// Any bytes as a state of a validation: refused, or a state that is written as it was read, merges, and is judged.
#include "core/error.hpp"
#include "validate/judge.hpp"

#include "../unit/fake_columns.hpp"

#include <cstdlib>
#include <new>

namespace {

using namespace etl::validate;

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

std::vector<std::byte> flat_of(validation_state& state)
{
    std::pmr::vector<std::byte> made{std::pmr::get_default_resource()};
    state.write(made);
    return {made.begin(), made.end()};
}

void judge_state(const checker& rules, validation_state& state)
{
    const scanned scan{&rules, &state};
    for (const outcome& found : judge({&scan, 1})) {
        demand(found.missing_count.value_or(0) <= found.element_count.value_or(~std::uint64_t{0}));
        demand(found.listed.size() <= rules.made_from().listed);
        found.observed_value.dump();
        found.details.dump();
    }
}

void use(std::span<const std::byte> bytes)
{
    const checker rules = checker::to_read(read_plan(validation_state::plan_of(bytes)), etl::test::make_fake_type);
    validation_state state{rules, bytes, {}};
    const auto flat = flat_of(state);
    validation_state again{rules, flat, {}};
    demand(flat_of(again) == flat);
    judge_state(rules, state);
    state.merge(again);
    judge_state(rules, state);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    try {
        use(std::as_bytes(std::span{data, size}));
    } catch (const etl::error&) {
    }
    return 0;
}
