#include "validate/judge.hpp"

#include "core/error.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

// Finds the scan that decided an expectation.
evidence gather(const expectation& what, std::size_t number, std::span<const scanned> scans)
{
    evidence made{.what = what,
                  .number = number,
                  .told = scans[0].rules->made_from(),
                  .rows = scans[0].state->rows(),
                  .rules = nullptr,
                  .state = nullptr};
    for (const scanned& scan : scans) {
        const auto rules = scan.rules->rules();
        const auto found = std::ranges::find(rules, number, &rule::number);
        if (found != rules.end()) {
            made.rules = scan.rules;
            made.state = scan.state;
            made.decided = &*found;
            made.rule_number = static_cast<std::size_t>(found - rules.begin());
            return made;
        }
    }
    return made;
}

bool is_repetition(std::string_view name)
{
    return name == "expect_column_values_to_be_unique" || name == "expect_compound_columns_to_be_unique";
}

std::string describe(const error& e)
{
    return e.detail().empty() ? e.what() : e.what() + ("\n" + e.detail());
}

void judge_one(const evidence& from, outcome& to)
{
    const std::string_view name = from.what.type->name;
    const bool is_of_types = name.ends_with("_of_type") || name.ends_with("_in_type_list");
    if (from.what.type->of == family::table || from.what.type->of == family::query || is_of_types) {
        judge_table(from, to);
    } else if (from.decided == nullptr) {
        throw error(sqlstate::feature_not_supported, from.what.label() + " is decided by etl.validate() alone",
                    "A state holds what one scan in any order finds.");
    } else if (from.decided->is_tested) {
        judge_tested(from, to);
    } else if (is_repetition(name)) {
        judge_repeated(from, to);
    } else if (name.ends_with("z_scores_to_be_less_than")) {
        judge_z_scores(from, to);
    } else if (name.find("_p_value_") != std::string_view::npos ||
               name.find("_divergence_") != std::string_view::npos || name.find("_phi_") != std::string_view::npos) {
        judge_distribution(from, to);
    } else {
        judge_aggregate(from, to);
    }
}

} // namespace

json value_of(std::string_view text, const expectation& what)
{
    constexpr int deepest = 2; // arrays of plain values
    const auto is_flat = [](int depth, json::parse_event_t, const json&) { return depth <= deepest; };
    json made = json::parse(text, is_flat, false);
    if (!made.is_discarded()) {
        return made;
    }
    if (text.find_first_not_of("+-0123456789.eE") == std::string_view::npos) {
        return std::string{text};
    }
    throw error(sqlstate::feature_not_supported,
                what.label() + " has values beyond ASCII, which need a database in UTF8");
}

void require_storable(const column_type& type, const expectation& what)
{
    if (!type.is_storable()) {
        throw error(sqlstate::feature_not_supported, what.label() + " reads values of type " + type.name() +
                                                         ", which would run the conditions of a domain inside");
    }
}

void note_partial_list(outcome& to, const std::string& why)
{
    to.details["partial_list"] = why;
}

std::vector<outcome> judge(std::span<const scanned> scans)
{
    const plan& told = scans[0].rules->made_from();
    std::vector<outcome> made;
    std::size_t number = 0;
    for (const expectation& what : scans[0].rules->rules_of().expectations) {
        outcome& to = made.emplace_back();
        to.what = &what;
        to.number = number;
        const auto fault = told.faults.find(number);
        if (fault != told.faults.end()) {
            to.fault = fault->second;
        } else {
            try {
                judge_one(gather(what, number, scans), to);
            } catch (const error& e) {
                to.fault = describe(e);
            } catch (const json::exception&) { // of a forged plan alone
                to.fault = "the plan of the validation state is damaged";
            }
        }
        ++number;
    }
    return made;
}

} // namespace etl::validate
