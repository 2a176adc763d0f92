// Any bytes as a state of a validation: refused, or a state that merges, takes rows, and is reported or refused then.
#include "core/error.hpp"
#include "validate/report.hpp"

#include "../unit/fake_columns.hpp"
#include "../unit/vector_buffer.hpp"

#include <cstdlib>

namespace {

using etl::test::vector_buffer;
using etl::validate::checker;
using etl::validate::validation_state;

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

// As many checks as the states of the corpus have.
const checker& checks()
{
    static const checker made = [] {
        std::vector<etl::validate::column> columns;
        columns.push_back(etl::test::fake_column("t", etl::validate::field::kind::text));
        return checker{etl::validate::parse_suite(R"({"expectations": [
            {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "t", "regex": "^a"}},
            {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "t"}}]})"),
                       std::move(columns)};
    }();
    return made;
}

void read(std::span<const std::byte> bytes)
{
    demand(etl::validate::duplicates(bytes, etl::never_poll).size() <= 20U * 65535U);
    try {
        for (const auto& outcome : etl::validate::report(bytes, etl::never_poll)) {
            demand(outcome.missing_count.value_or(0) <= outcome.element_count);
        }
    } catch (const etl::error&) { // the plan is no plan
    }
}

void add_rows(vector_buffer& state)
{
    for (std::uint32_t i = 0; i < 100; ++i) {
        const std::string text = (i % 2 == 0 ? "a" : "b") + std::to_string(i);
        const std::array row{etl::test::text_field(text)};
        validation_state{state}.add_row(checks(), row, {1, i, 1});
    }
}

void use(std::span<const std::byte> bytes)
{
    read(bytes);
    vector_buffer grown{bytes};
    try {
        validation_state{grown}.merge(bytes);
        add_rows(grown);
    } catch (const etl::error&) { // too many rows, or another number of checks
    }
    validation_state::check_foreign(grown.bytes());
    read(grown.bytes());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto bytes = std::as_bytes(std::span{data, size});
    try {
        validation_state::check_foreign(bytes);
    } catch (const etl::error&) {
        return 0;
    }
    use(bytes);
    return 0;
}
