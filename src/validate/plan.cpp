#include "validate/plan.hpp"

#include "core/bytes.hpp"
#include "core/error.hpp"

#include <algorithm>
#include <charconv>
#include <functional>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr int deepest_plan = 70; // that of a suite, and what write_plan() puts around it
constexpr std::uint32_t most_listed = 1 << 24;

[[noreturn]] void refuse()
{
    refuse_state("etl.validation_state", "Its plan is damaged.");
}

std::size_t number_of(const std::string& text)
{
    std::size_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) {
        refuse();
    }
    return number;
}

std::vector<plan_column> read_columns(const json& from)
{
    std::vector<plan_column> made;
    for (const json& column : from) {
        made.push_back(
            {column.at(0).get<std::string>(), column.at(1).get<std::string>(), column.at(2).get<std::string>()});
    }
    return made;
}

std::map<std::size_t, json> read_by_number(const json& from)
{
    std::map<std::size_t, json> made;
    for (const auto& [number, value] : from.items()) {
        made[number_of(number)] = value;
    }
    return made;
}

json write_by_number(const std::map<std::size_t, json>& from)
{
    json made = json::object();
    for (const auto& [number, value] : from) {
        made[std::to_string(number)] = value;
    }
    return made;
}

plan read_members(const json& from)
{
    plan made;
    made.document = from.at("suite").dump();
    if (from.contains("numbers")) {
        made.numbers = from.at("numbers").get<std::vector<std::size_t>>();
    }
    made.columns = read_columns(from.at("columns"));
    made.part = from.at("part").get<std::vector<std::size_t>>();
    made.listed = from.at("listed").get<std::uint32_t>();
    made.seed = std::stoull(from.at("seed").get<std::string>());
    made.proven_unique = from.at("proven_unique").get<std::set<std::size_t>>();
    made.table = from.at("table");
    made.area = from.at("area").get<std::string>();
    made.facts = read_by_number(from.at("facts"));
    made.look_for = read_by_number(from.at("look_for"));
    made.profiled = read_by_number(from.at("profiled"));
    for (const auto& [number, fault] : from.at("faults").items()) {
        made.faults[number_of(number)] = fault.get<std::string>();
    }
    const bool ascends = std::ranges::adjacent_find(made.part, std::greater_equal{}) == made.part.end();
    if (!ascends || made.listed > most_listed) {
        refuse();
    }
    return made;
}

} // namespace

std::size_t plan::number_in_suite(std::size_t number) const noexcept
{
    return number < numbers.size() ? numbers[number] : number;
}

std::string write_plan(const plan& from)
{
    json columns = json::array();
    for (const plan_column& column : from.columns) {
        columns.push_back({column.name, column.type, column.collation});
    }
    json faults = json::object();
    for (const auto& [number, fault] : from.faults) {
        faults[std::to_string(number)] = fault;
    }
    json made{{"suite", json::parse(from.document)},
              {"columns", columns},
              {"part", from.part},
              {"listed", from.listed},
              {"seed", std::to_string(from.seed)},
              {"proven_unique", from.proven_unique},
              {"facts", write_by_number(from.facts)},
              {"look_for", write_by_number(from.look_for)},
              {"profiled", write_by_number(from.profiled)},
              {"faults", faults},
              {"table", from.table},
              {"area", from.area}};
    if (!from.numbers.empty()) {
        made["numbers"] = from.numbers;
    }
    return made.dump();
}

plan read_plan(std::string_view text)
{
    const json parsed = parse_json(text, "the plan of a validation state", deepest_plan);
    try {
        return read_members(parsed);
    } catch (const json::exception&) {
        refuse();
    } catch (const std::logic_error&) { // of stoull
        refuse();
    }
}

} // namespace etl::validate
