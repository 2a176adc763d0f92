#include "validate/report.hpp"

#include "core/error.hpp"
#include "validate/json.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr int deepest_plan = 66; // that of a suite, and what write_plan() puts around it

std::vector<std::uint64_t> count_duplicates(const state_reader& state, poll_fn poll)
{
    std::vector<std::uint64_t> rows(state.checks(), 0);
    poller poll_now_and_then{poll};
    state.each_counted([&](const state_reader::duplicate& found) {
        if (found.rows > 1) {
            rows[found.check] += found.rows;
        }
        poll_now_and_then.tick();
    });
    return rows;
}

std::vector<std::string> list_values(const state_reader& state)
{
    std::vector<std::string> lists(state.checks(), "[");
    for (const auto& value : state.values()) {
        std::string& list = lists[value.check];
        list += list.size() > 1 ? ", " : "";
        list += value.json;
    }
    for (std::string& list : lists) {
        list += ']';
    }
    return lists;
}

outcome judge(const expectation& what, std::uint64_t rows, std::uint64_t missing, std::uint64_t unexpected)
{
    const std::uint64_t values = rows - std::min(rows, missing);
    outcome made{.what = what,
                 .success = true,
                 .element_count = rows,
                 .missing_count = missing,
                 .unexpected_count = unexpected,
                 .unexpected_percent = std::nullopt,
                 .partial_unexpected_list = {}};
    if (what.kind == expectation_kind::not_be_null) {
        made.missing_count = std::nullopt;
    }
    if (values > 0) {
        const auto of = static_cast<double>(values);
        made.unexpected_percent = 100.0 * static_cast<double>(unexpected) / of;
        made.success = static_cast<double>(values - std::min(values, unexpected)) / of >= what.mostly;
    }
    return made;
}

} // namespace

std::string write_plan(const plan& from)
{
    return json{{"columns", from.columns}, {"suite", json::parse(from.document)}}.dump();
}

plan read_plan(std::string_view text)
{
    const json parsed = parse_json(text, "the plan of a validation state", deepest_plan);
    if (!parsed.is_object() || !parsed.contains("columns") || !parsed["columns"].is_array() ||
        !parsed.contains("suite")) {
        refuse_state(validation_state::type_name, "Its plan is damaged.");
    }
    plan made;
    for (const json& name : parsed["columns"]) {
        made.columns.push_back(name.is_string() ? name.get<std::string>() : name.dump());
    }
    made.document = parsed["suite"].dump();
    return made;
}

std::vector<outcome> report(std::span<const std::byte> bytes, poll_fn poll)
{
    const state_reader state{bytes};
    const suite rules = parse_suite(read_plan(state.plan()).document);
    if (rules.expectations.size() != state.checks()) {
        refuse_state(validation_state::type_name, "Its plan and its counters do not belong together.");
    }
    const auto duplicate_rows = count_duplicates(state, poll);
    const auto lists = list_values(state);
    std::vector<outcome> made;
    for (std::uint32_t i = 0; i < state.checks(); ++i) {
        made.push_back(
            judge(rules.expectations[i], state.rows(), state.missing(i), state.unexpected(i) + duplicate_rows[i]));
        made.back().partial_unexpected_list = lists[i];
    }
    return made;
}

std::vector<state_reader::duplicate> duplicates(std::span<const std::byte> bytes, poll_fn poll)
{
    const state_reader state{bytes};
    auto before = [](const state_reader::duplicate& a, const state_reader::duplicate& b) { return a.first < b.first; };
    std::vector<std::vector<state_reader::duplicate>> first(state.checks()); // each a heap, its last row on top
    poller poll_now_and_then{poll};
    state.each_counted([&](const state_reader::duplicate& found) {
        poll_now_and_then.tick();
        if (found.rows < 2) {
            return;
        }
        auto& heap = first[found.check];
        heap.push_back(found);
        std::push_heap(heap.begin(), heap.end(), before);
        if (heap.size() > validation_state::most_values) {
            std::pop_heap(heap.begin(), heap.end(), before);
            heap.pop_back();
        }
    });
    std::vector<state_reader::duplicate> made;
    for (auto& heap : first) {
        std::sort_heap(heap.begin(), heap.end(), before);
        made.insert(made.end(), heap.begin(), heap.end());
    }
    return made;
}

} // namespace etl::validate
