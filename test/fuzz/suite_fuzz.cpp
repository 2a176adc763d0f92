// Any text as a suite document: refused, or a suite that keeps its meaning under another name, in the shape of either
// generation, with its parameters bound and with one more expectation.
#include "validate/suite.hpp"
#include "core/error.hpp"
#include "validate/parameters.hpp"
#include "validate/suite_document.hpp"

#include <algorithm>
#include <cstdlib>

namespace {

using etl::json;
using etl::validate::expectation;
using etl::validate::suite;

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

// Which arguments they have may differ: 1.x drops some.
void demand_alike(const suite& a, const suite& b)
{
    demand(a.expectations.size() == b.expectations.size() && a.columns() == b.columns());
    demand(a.conditions() == b.conditions());
    for (std::size_t i = 0; i < a.expectations.size(); ++i) {
        const expectation& x = a.expectations[i];
        const expectation& y = b.expectations[i];
        demand(x.label() == y.label() && x.mostly == y.mostly && x.severity == y.severity);
    }
}

void demand_equal(const suite& a, const suite& b)
{
    demand_alike(a, b);
    for (std::size_t i = 0; i < a.expectations.size(); ++i) {
        demand(a.expectations[i].kwargs == b.expectations[i].kwargs);
    }
}

// Values may be refused where the parameters put them, but nothing else may happen.
void bind_values(const std::string& document, std::string_view values)
{
    try {
        (void)etl::validate::parse_suite(etl::validate::bind_parameters(document, values));
    } catch (const etl::error&) {
    }
}

void add(const suite& to, const std::string& document)
{
    constexpr char kwargs[] = R"({"column": "added", "row_condition": "added > 1"})";
    const auto made = etl::validate::add_expectation(document, "expect_column_values_to_be_unique", kwargs, "critical");
    const suite again = etl::validate::parse_suite(made.document);
    demand(again.expectations.size() == to.expectations.size() + (made.replaced ? 0 : 1));
    demand(again.expectations[made.number - 1].columns.front() == "added");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    demand(!json::accept(text) || json::accept(etl::quote_unusual_numbers(text)));
    try {
        (void)etl::validate::parse_suite(text);
    } catch (const etl::error&) {
        return 0;
    }
    const suite read = etl::validate::parse_suite(text);
    const std::string renamed = etl::validate::rename_suite(text, "another");
    const suite again = etl::validate::parse_suite(renamed);
    demand(again.name == "another");
    demand_equal(read, again);
    demand(etl::validate::rename_suite(renamed, "another") == renamed);
    demand_equal(read, etl::validate::parse_suite(etl::validate::export_suite(renamed, "0.x")));
    demand_alike(read, etl::validate::parse_suite(etl::validate::export_suite(renamed, "1.x")));
    bind_values(renamed, "");
    bind_values(renamed, R"({"x": 1, "y": "2024-01-31", "z": [1, "a"]})");
    add(read, renamed);
    return 0;
}
