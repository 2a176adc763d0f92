// Schemas for the same value: references, allOf, anyOf, oneOf, not, if.
#include "core/text.hpp"
#include "validate/json_schema_evaluate.hpp"
#include "validate/json_schema_value.hpp"

#include "core/cpp_only.hpp"

namespace etl::validate::schema {

bool evaluation::check_combinations(const combination_rules& by, value of, const place* where, evaluated* seen)
{
    bool verdict = true;
    bool more = joined(verdict, check_references(by, of, where, seen));
    for (std::size_t i = 0; more && i < by.all_of.size(); ++i) {
        more = joined(verdict, follow(by.all_of[i], of, where, seen));
    }
    (void)(more && joined(verdict, by.any_of.empty() || check_any(by, of, where, seen)) &&
           joined(verdict, by.one_of.empty() || check_one(by, of, where, seen)) &&
           joined(verdict, !by.negated || !follow_quietly(*by.negated, of, where, nullptr) ||
                               refuse(where, "not", [&] { return excerpt(of) + " is what it must not be"; })) &&
           joined(verdict, !by.condition || check_condition(by, of, where, seen)));
    return verdict;
}

bool evaluation::check_references(const combination_rules& by, value of, const place* where, evaluated* seen)
{
    bool verdict = true;
    if (by.reference) {
        refuse_circle(*by.reference->to, where);
        verdict = follow(*by.reference, of, where, seen);
    }
    if ((verdict || is_collecting()) && by.dynamic_reference) {
        const edge& usual = by.dynamic_reference->usual;
        const edge actual{dynamic_target(*by.dynamic_reference), usual.keyword, usual.step};
        refuse_circle(*actual.to, where);
        verdict = follow(actual, of, where, seen) && verdict;
    }
    return verdict;
}

// The anchor of the name in the outermost resource that has one.
const rules* evaluation::dynamic_target(const dynamic_edge& by) const
{
    const rules* found = by.usual.to;
    for (const scope* at = scope_; at != nullptr; at = at->outer) {
        const auto& targets = at->home->dynamic_targets;
        if (const auto known = targets.find(by.name); known != targets.end()) {
            found = known->second;
        }
    }
    return found;
}

// A reference to a schema that is being applied to this very value would never end.
void evaluation::refuse_circle(const rules& target, const place* where) const
{
    for (const place* at = where; at != nullptr && at->how == movement::same_value; at = at->up) {
        if (at->via->to == &target) {
            throw error(sqlstate::invalid_parameter_value, "a JSON Schema refers to itself without an end",
                        "The schema at " + in_quotes(printable(at->via->step)) +
                            " applies itself to the same value, over and over.");
        }
    }
}

bool evaluation::check_any(const combination_rules& by, value of, const place* where, evaluated* seen)
{
    bool verdict = false;
    for (std::size_t i = 0; i < by.any_of.size() && (!verdict || seen != nullptr); ++i) {
        evaluated own;
        if (follow_quietly(by.any_of[i], of, where, seen != nullptr ? &own : nullptr)) {
            verdict = true;
            if (seen != nullptr) {
                seen->add_all(own);
            }
        }
    }
    return verdict || refuse(where, "anyOf", [&] {
               return excerpt(of) + " matches none of the " + std::to_string(by.any_of.size()) + " schemas";
           });
}

bool evaluation::check_one(const combination_rules& by, value of, const place* where, evaluated* seen)
{
    std::size_t first = by.one_of.size();
    for (std::size_t i = 0; i < by.one_of.size(); ++i) {
        evaluated own;
        if (!follow_quietly(by.one_of[i], of, where, seen != nullptr ? &own : nullptr)) {
            continue;
        }
        if (first != by.one_of.size()) {
            return refuse(where, "oneOf", [&] {
                return excerpt(of) + " matches more than one schema: " + std::to_string(first) + " and " +
                       std::to_string(i);
            });
        }
        first = i;
        if (seen != nullptr) {
            seen->add_all(own);
        }
    }
    return first != by.one_of.size() || refuse(where, "oneOf", [&] {
               return excerpt(of) + " matches none of the " + std::to_string(by.one_of.size()) + " schemas";
           });
}

bool evaluation::check_condition(const combination_rules& by, value of, const place* where, evaluated* seen)
{
    if (seen == nullptr && !by.consequence && !by.alternative) {
        return true;
    }
    evaluated own;
    if (!follow_quietly(*by.condition, of, where, seen != nullptr ? &own : nullptr)) {
        return !by.alternative || follow(*by.alternative, of, where, seen);
    }
    if (seen != nullptr) {
        seen->add_all(own);
    }
    return !by.consequence || follow(*by.consequence, of, where, seen);
}

} // namespace etl::validate::schema
