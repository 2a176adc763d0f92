#include "validate/scan_calls.hpp"

#include "core/error.hpp"
#include "validate/checker.hpp"
#include "validate/sql_text.hpp"
#include "validate/suite_document.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr std::size_t most_read = 94; // PostgreSQL's 100 arguments, but for the state, the plan, places and keys

bool is_ordered(const expectation& what)
{
    return is_row_test(what) && !what.is_row_level();
}

std::string tested_condition(const expectation& what)
{
    return what.type->of == family::row ? arguments{what}.text("condition") : std::string{};
}

// A call that is being gathered.
struct group {
    std::vector<std::size_t> part;
    std::vector<std::size_t> others;
    std::vector<read_column> reads;
    std::set<std::string> names; // of these

    std::size_t width_with(std::span<const read_column> more) const
    {
        std::set<std::string_view> added;
        for (const read_column& column : more) {
            if (!names.contains(column.column.name)) {
                added.insert(column.column.name);
            }
        }
        return names.size() + added.size();
    }
    void add(std::size_t number, std::span<const read_column> more)
    {
        part.push_back(number);
        for (const read_column& column : more) {
            if (names.insert(column.column.name).second) {
                reads.push_back(column);
            }
        }
    }
};

std::vector<group> divide(const json& expectations, std::span<const std::size_t> part, const source_columns& columns)
{
    std::vector<group> made(1);
    for (const std::size_t number : part) {
        const auto reads = columns_read_by(parse_expectation(expectations.at(number), number + 1), number, columns);
        if (!made.back().part.empty() && made.back().width_with(reads) > most_read) {
            made.emplace_back();
        }
        made.back().add(number, reads);
    }
    return made;
}

// What every call passes first: where the row lies, or what it is named by.
std::vector<read_column> places_of(const scan_source& from)
{
    const std::string row = sql_name(from.alias) + '.';
    if (from.passes_places) {
        return {{{"tableoid", "oid", ""}, row + "tableoid"}, {{"ctid", "tid", ""}, row + "ctid"}};
    }
    if (from.keys.empty()) {
        return {};
    }
    std::string members;
    for (const std::string& key : from.keys) {
        members += (members.empty() ? "" : ", ") + sql_literal(key) + ", " + row + sql_name(key);
    }
    return {{{"(keys)", "text", ""}, "json_build_object(" + members + ")::text"}};
}

json table_of(const scan_source& from)
{
    json columns = json::array();
    for (const plan_column& column : from.columns) {
        columns.push_back({column.name, column.type});
    }
    return {{"columns", std::move(columns)}};
}

// Adds an expectation to the document of a plan, with what is told of it.
void take(plan& to, json& document, const json& expectations, std::size_t number, const scan_told& told)
{
    const std::size_t own = to.numbers.size();
    to.numbers.push_back(number);
    document["expectations"].push_back(expectations.at(number));
    if (told.proven_unique.contains(number)) {
        to.proven_unique.insert(own);
    }
    const auto copy = [number, own](const auto& from, auto& into) {
        if (const auto found = from.find(number); found != from.end()) {
            into[own] = found->second;
        }
    };
    copy(told.facts, to.facts);
    copy(told.look_for, to.look_for);
    copy(told.faults, to.faults);
}

plan plan_of(const group& from, const json& suite, const scan_told& told, const scan_source& source)
{
    plan made = told.common;
    json document = {{"name", suite.value("name", json{})}, {"expectations", json::array()}};
    for (const std::size_t number : from.part) {
        made.part.push_back(made.numbers.size());
        take(made, document, suite["expectations"], number, told);
    }
    for (const std::size_t number : from.others) {
        take(made, document, suite["expectations"], number, told);
    }
    if (!from.others.empty()) {
        made.table = table_of(source);
    }
    made.document = document.dump();
    for (const read_column& column : from.reads) {
        made.columns.push_back(column.column);
    }
    return made;
}

scan_call call_of(group from, const json& suite, const scan_told& told, const scan_source& source)
{
    const auto places = places_of(source);
    from.reads.insert(from.reads.begin(), places.begin(), places.end());
    if (from.reads.empty()) {
        from.reads.push_back({{"(true)", "boolean", ""}, "true"});
    }
    scan_call made{.plan = write_plan(plan_of(from, suite, told, source)), .sql = {}};
    made.sql = "etl._validation_scan(" + sql_literal(made.plan);
    for (const read_column& column : from.reads) {
        made.sql += ", " + column.sql;
    }
    made.sql += ')';
    return made;
}

std::map<std::size_t, json> by_number(const json& from, const char* member)
{
    const json members = from.value(member, json::object());
    std::map<std::size_t, json> made;
    for (const auto& [number, value] : members.items()) {
        made[std::stoul(number)] = value;
    }
    return made;
}

} // namespace

source_columns::source_columns(const scan_source& from) : from_{from}
{
    for (const plan_column& column : from.columns) {
        by_name_.emplace(column.name, &column);
    }
}

const plan_column* source_columns::find(const std::string& name) const
{
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
}

std::vector<plan_column> read_source_columns(std::string_view text)
{
    const json columns = json::parse(text);
    std::vector<plan_column> made;
    for (const auto& [name, column] : columns.items()) {
        made.push_back({name, column.at(0).get<std::string>(), column.at(1).get<std::string>()});
    }
    return made;
}

scan_told read_told(std::string_view text)
{
    const json from = json::parse(text);
    scan_told made;
    made.common.listed = from.at("listed").get<std::uint32_t>();
    made.common.seed = std::stoull(from.at("seed").get<std::string>());
    made.common.area = from.value("area", std::string{});
    for (const json& number : from.value("proven_unique", json::array())) {
        made.proven_unique.insert(number.get<std::size_t>());
    }
    made.facts = by_number(from, "facts");
    made.look_for = by_number(from, "look_for");
    for (const auto& [number, fault] : by_number(from, "faults")) {
        made.faults[number] = fault.get<std::string>();
    }
    return made;
}

std::vector<scan_call> make_scan_calls(std::string_view document, std::span<const std::size_t> part,
                                       std::span<const std::size_t> others, const scan_told& told,
                                       const scan_source& from)
{
    const json suite = parse_document(document);
    const source_columns columns{from};
    std::vector<group> groups = divide(suite["expectations"], part, columns);
    groups.front().others.assign(others.begin(), others.end());
    std::vector<scan_call> made;
    made.reserve(groups.size());
    for (group& one : groups) {
        made.push_back(call_of(std::move(one), suite, told, from));
    }
    return made;
}

std::string previous_column(std::size_t number)
{
    return "(previous " + std::to_string(number) + ')';
}

std::vector<read_column> columns_read_by(const expectation& what, std::size_t number, const source_columns& columns)
{
    std::vector<read_column> made;
    const std::string row = sql_name(columns.source().alias) + '.';
    for (const std::string& name : what.columns) {
        if (const plan_column* column = columns.find(name)) {
            made.push_back({*column, row + sql_name(name)});
        }
    }
    for (const std::string& condition : {what.condition, tested_condition(what)}) {
        if (!condition.empty()) {
            made.push_back({{'(' + condition + ')', "boolean", ""}, '(' + condition + ')'});
        }
    }
    if (is_ordered(what) && !made.empty()) {
        plan_column previous = made.front().column;
        previous.name = previous_name(what);
        made.push_back({previous, row + sql_name(previous_column(number))});
    }
    return made;
}

} // namespace etl::validate
