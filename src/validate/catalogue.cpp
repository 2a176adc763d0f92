#include "validate/catalogue.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/catalogue_tables.hpp"
#include "validate/nearest.hpp"

#include <algorithm>
#include <array>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

using enum kwarg_kind;

constexpr kwarg mostly{"mostly", fraction, false, "the least part of the values, from 0 to 1, that must be right", "1"};

constexpr kwarg ignored_rows{.name = "ignore_row_if",
                             .kind = choice,
                             .required = false,
                             .meaning = "accepted; a NULL of a single column is missing anyway",
                             .choices = "never value_is_missing both_values_are_missing either_value_is_missing "
                                        "all_values_are_missing any_value_is_missing"};

// What every expectation may have.
constexpr std::array common{
    kwarg{"row_condition", condition, false, "the rows to look at; all without it"},
    kwarg{.name = "condition_parser",
          .kind = choice,
          .required = false,
          .meaning = "the language of row_condition; without it SQL, or what the condition looks like",
          .choices = "great_expectations great_expectations__experimental__ pandas python spark sql"},
    kwarg{"result_format", format, false, "how much the result says: BOOLEAN_ONLY, BASIC, SUMMARY, COMPLETE"},
    kwarg{"include_config", flag, false, "accepted; results always have the configuration", "true"},
    kwarg{"catch_exceptions", flag, false, "accepted; exceptions are always part of the result", "true"},
    kwarg{"meta", anything, false, "whatever the author wants to note"},
    kwarg{.name = "severity",
          .kind = choice,
          .required = false,
          .meaning = "how bad it is when it fails",
          .otherwise = "\"critical\"",
          .choices = "critical warning info"},
    kwarg{"batch_id", anything, false, "ignored: what is validated is said when it is"},
    kwarg{"table", anything, false, "ignored: what is validated is said when it is"},
};

constexpr std::array tables{&column_map_types, &column_aggregate_types, &record_types, &table_types};

// Letters in lower case, and no underscores: both spellings of a type's name become the same.
std::string plain(std::string_view name)
{
    std::string made;
    for (const char c : name) {
        if (c != '_') {
            made += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        }
    }
    return made;
}

bool is_of_values(family of)
{
    return of == family::column_map || of == family::column_pair || of == family::multicolumn || of == family::row;
}

} // namespace

const char* name_of(family of)
{
    constexpr std::array names{"column map", "column aggregate", "column pair", "multicolumn", "table", "row", "query"};
    return names[static_cast<std::size_t>(of)];
}

bool expectation_type::has_mostly() const
{
    return is_of_values(of) && std::string_view{name} != "expect_column_pair_cramers_phi_value_to_be_less_than";
}

std::vector<const kwarg*> expectation_type::kwargs() const
{
    std::vector<const kwarg*> made;
    for (const kwarg& k : own) {
        made.push_back(&k);
    }
    if (has_mostly()) {
        made.push_back(&mostly);
    }
    if (of == family::column_map || of == family::row) {
        made.push_back(&ignored_rows);
    }
    for (const kwarg& k : common) {
        made.push_back(&k);
    }
    return made;
}

const kwarg* expectation_type::find(std::string_view wanted) const
{
    for (const kwarg* k : kwargs()) {
        if (wanted == k->name || (!k->older.empty() && wanted == k->older)) {
            return k;
        }
    }
    return nullptr;
}

std::vector<const expectation_type*> all_types()
{
    std::vector<const expectation_type*> made;
    for (const auto* table : tables) {
        for (const expectation_type& type : *table) {
            made.push_back(&type);
        }
    }
    return made;
}

const expectation_type* find_type(std::string_view name)
{
    const auto types = all_types();
    auto found = std::find_if(types.begin(), types.end(), [name](const auto* type) { return name == type->name; });
    if (found == types.end()) {
        found = std::find_if(types.begin(), types.end(),
                             [wanted = plain(name)](const auto* type) { return wanted == plain(type->name); });
    }
    return found == types.end() ? nullptr : *found;
}

const expectation_type& require_type(std::string_view name)
{
    if (const expectation_type* found = find_type(name)) {
        return *found;
    }
    std::vector<std::string_view> known;
    for (const expectation_type* type : all_types()) {
        known.emplace_back(type->name);
    }
    throw error(sqlstate::invalid_parameter_value, "unknown expectation " + in_quotes(shortened(name)), {},
                did_you_mean(name, known) + "SELECT * FROM etl.expectation_types lists the known ones.");
}

std::string class_name(const expectation_type& of)
{
    std::string made;
    bool upper = true;
    for (const char c : std::string_view{of.name}) {
        if (c == '_') {
            upper = true;
        } else {
            made += upper && c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
            upper = false;
        }
    }
    return made;
}

const kwarg& require_kwarg(const expectation_type& of, std::string_view name)
{
    if (const kwarg* found = of.find(name)) {
        return *found;
    }
    std::vector<std::string_view> known;
    for (const kwarg* k : of.kwargs()) {
        known.emplace_back(k->name);
    }
    std::string hint = did_you_mean(name, known);
    if (!hint.empty()) {
        hint.pop_back(); // the blank before a next sentence
    }
    throw error(sqlstate::invalid_parameter_value,
                std::string{of.name} + " has no argument " + in_quotes(shortened(name)),
                "Its arguments are " + joined(known) + ".", hint);
}

} // namespace etl::validate
