// Any text as a suite document: refused, or a suite that keeps its meaning under another name and in a state's plan.
#include "core/error.hpp"
#include "validate/report.hpp"

#include "../unit/vector_buffer.hpp"

#include <cstdlib>

namespace {

using etl::validate::suite;
using etl::validate::validation_state;

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

void demand_equal(const suite& a, const suite& b)
{
    demand(a.expectations.size() == b.expectations.size() && a.columns() == b.columns());
    for (std::size_t i = 0; i < a.expectations.size(); ++i) {
        const auto& x = a.expectations[i];
        const auto& y = b.expectations[i];
        demand(x.label() == y.label() && x.kwargs == y.kwargs && x.mostly == y.mostly && x.value_set == y.value_set);
    }
}

// A state of no rows that carries the suite.
void demand_report(const suite& read, const std::string& document)
{
    etl::test::vector_buffer state;
    validation_state::create(state, etl::validate::write_plan({read.columns(), document}), read.expectations.size());
    validation_state::check_foreign(state.bytes());
    const auto outcomes = etl::validate::report(state.bytes(), etl::never_poll);
    demand(outcomes.size() == read.expectations.size());
    for (const auto& outcome : outcomes) {
        demand(outcome.success && outcome.partial_unexpected_list == "[]");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view document{reinterpret_cast<const char*>(data), size};
    try {
        (void)etl::validate::parse_suite(document);
    } catch (const etl::error&) {
        return 0;
    }
    const suite read = etl::validate::parse_suite(document);
    const std::string renamed = etl::validate::rename_suite(document, "another");
    const suite again = etl::validate::parse_suite(renamed);
    demand(again.name == "another");
    demand_equal(read, again);
    demand(etl::validate::rename_suite(renamed, "another") == renamed);
    demand_report(read, renamed);
    return 0;
}
