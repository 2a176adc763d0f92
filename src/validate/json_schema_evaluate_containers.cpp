// Arrays and objects against their rules.
#include "core/text.hpp"
#include "validate/json_schema_evaluate.hpp"
#include "validate/json_schema_value.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::validate::schema {
namespace {

std::string counted(std::uint64_t count, const char* one, const char* many)
{
    return std::to_string(count) + ' ' + (count == 1 ? one : many);
}

std::string name_in_quotes(std::string_view name)
{
    return in_quotes(printable(name));
}

} // namespace

bool evaluation::check_array(const array_rules& by, value of, const place* where, evaluated* seen)
{
    bool verdict = true;
    if (of.size() < by.size.least) {
        verdict = refuse(where, "minItems", [&] {
            return "the array has " + counted(of.size(), "item", "items") + ", fewer than " +
                   std::to_string(by.size.least);
        });
    } else if (of.size() > by.size.most) {
        verdict = refuse(where, "maxItems", [&] {
            return "the array has " + counted(of.size(), "item", "items") + ", more than " +
                   std::to_string(by.size.most);
        });
    }
    (void)((verdict || is_collecting()) &&
           joined(verdict, (by.first.empty() && !by.rest) || check_elements(by, of, where, seen)) &&
           joined(verdict, !by.contains || check_contains(by, of, where, seen)) &&
           joined(verdict, !by.unique || check_unique(of, where)));
    return verdict;
}

bool evaluation::check_elements(const array_rules& by, value of, const place* where, evaluated* seen)
{
    bool verdict = true;
    std::uint32_t index = 0;
    for (const value each : elements(of)) {
        const edge* to = index < by.first.size() ? &by.first[index] : by.rest ? &*by.rest : nullptr;
        if (to == nullptr || !joined(verdict, follow(*to, each, where, nullptr, movement::element, 0, index))) {
            break;
        }
        ++index;
    }
    if (seen != nullptr) {
        seen->add_first(index);
    }
    return verdict;
}

bool evaluation::check_contains(const array_rules& by, value of, const place* where, evaluated* seen)
{
    const bool unbounded = by.contained.most >= of.size();
    seen = by.contains_evaluates ? seen : nullptr;
    std::uint64_t found = 0;
    std::uint32_t index = 0;
    for (const value each : elements(of)) {
        if (found >= by.contained.least && unbounded && seen == nullptr) {
            return true;
        }
        if (follow_quietly(*by.contains, each, where, nullptr, movement::element)) {
            ++found;
            if (seen != nullptr) {
                seen->add(index);
            }
        }
        ++index;
    }
    if (found < by.contained.least) {
        const bool any = by.contained.least == 1;
        return refuse(where, any ? "contains" : "minContains", [&] {
            return any ? std::string{"no item matches the schema"}
                       : counted(found, "item matches", "items match") + " the schema, fewer than " +
                             std::to_string(by.contained.least);
        });
    }
    return found <= by.contained.most || refuse(where, "maxContains", [&] {
               return counted(found, "item matches", "items match") + " the schema, more than " +
                      std::to_string(by.contained.most);
           });
}

bool evaluation::refuse_equal(std::size_t a, std::size_t b, const place* where)
{
    return refuse(where, "uniqueItems", [a, b] {
        return "items " + std::to_string(std::min(a, b)) + " and " + std::to_string(std::max(a, b)) + " are equal";
    });
}

// Few items are compared with each other, more of them by their hashes first.
bool evaluation::check_unique(value of, const place* where)
{
    struct hashed {
        std::uint64_t hash;
        std::uint32_t index;
        value item;
    };
    constexpr std::uint32_t few = 8;
    std::vector<hashed> items;
    items.reserve(of.size());
    for (const value each : elements(of)) {
        steps_for(each);
        items.push_back({of.size() <= few ? 0 : hash_value(each), static_cast<std::uint32_t>(items.size()), each});
    }
    if (of.size() > few) {
        std::sort(items.begin(), items.end(), [](const hashed& a, const hashed& b) {
            return a.hash != b.hash ? a.hash < b.hash : a.index < b.index;
        });
    }
    for (std::size_t i = 0; i < items.size(); ++i) {
        for (std::size_t k = i + 1; k < items.size() && items[k].hash == items[i].hash; ++k) {
            steps_for(items[k].item);
            if (are_equal(items[i].item, items[k].item)) {
                return refuse_equal(items[i].index, items[k].index, where);
            }
        }
    }
    return true;
}

bool evaluation::check_unevaluated_items(const edge& by, value of, const place* where, evaluated& seen)
{
    bool verdict = true;
    std::uint32_t index = 0;
    for (const value each : elements(of)) {
        if (!seen.has(index) && !joined(verdict, follow(by, each, where, nullptr, movement::element, 0, index))) {
            break;
        }
        ++index;
    }
    seen.add_everything();
    return verdict;
}

bool evaluation::check_object(const object_rules& by, value of, const place* where, evaluated* seen)
{
    bool verdict = true;
    if (of.size() < by.size.least) {
        verdict = refuse(where, "minProperties", [&] {
            return "the object has " + counted(of.size(), "property", "properties") + ", fewer than " +
                   std::to_string(by.size.least);
        });
    } else if (of.size() > by.size.most) {
        verdict = refuse(where, "maxProperties", [&] {
            return "the object has " + counted(of.size(), "property", "properties") + ", more than " +
                   std::to_string(by.size.most);
        });
    }
    bit_set present;
    (void)((verdict || is_collecting()) && joined(verdict, check_members(by, of, where, seen, present)) &&
           (by.has_required || by.has_dependents) && joined(verdict, check_present(by, of, where, seen, present)));
    return verdict;
}

bool evaluation::check_members(const object_rules& by, value of, const place* where, evaluated* seen, bit_set& present)
{
    bool verdict = true;
    std::size_t index = 0;
    for (const auto [name, content] : members(of)) {
        const auto number = by.names.find(name.text());
        if (number) {
            present.add(*number);
        }
        bool covered = false;
        const name_rule* known = number ? &by.names.all()[*number] : nullptr;
        if (!joined(verdict, check_member(by, known, name, content, where, covered))) {
            break;
        }
        if (seen != nullptr && covered) {
            seen->add(index);
        }
        ++index;
    }
    return verdict;
}

bool evaluation::check_member(const object_rules& by, const name_rule* known, value name, value content,
                              const place* where, bool& covered)
{
    const std::uint32_t key = name.place();
    bool verdict = true;
    if (by.name && !joined(verdict, follow(*by.name, name, where, nullptr, movement::name))) {
        return false;
    }
    if (known != nullptr && known->property) {
        covered = true;
        if (!joined(verdict, follow(*known->property, content, where, nullptr, movement::member, key))) {
            return false;
        }
    }
    for (const pattern_rule& each : by.patterns) {
        steps_for(name.text().size());
        if (each.pattern->matches(name.text())) {
            covered = true;
            if (!joined(verdict, follow(each.property, content, where, nullptr, movement::member, key))) {
                return false;
            }
        }
    }
    if (!covered && by.additional) {
        covered = true;
        if (by.additional->to->allows_nothing) {
            const place there{where, &*by.additional, movement::member, key, 0};
            return refuse(&there, by.additional->keyword,
                          [&] { return "property " + name_in_quotes(name.text()) + " is not allowed"; });
        }
        (void)joined(verdict, follow(*by.additional, content, where, nullptr, movement::member, key));
    }
    return verdict;
}

// What the names that are there ask for, once all of them are known.
bool evaluation::check_present(const object_rules& by, value of, const place* where, evaluated* seen,
                               const bit_set& present)
{
    bool verdict = true;
    std::size_t number = 0;
    for (const name_rule& each : by.names.all()) {
        const bool is_there = present.has(number++);
        if (!is_there && each.required) {
            const bool missing =
                refuse(where, "required", [&] { return "property " + name_in_quotes(each.name) + " is missing"; });
            if (!joined(verdict, missing)) {
                break;
            }
        }
        if (is_there && by.has_dependents &&
            !(joined(verdict, check_needs(by, each, where, present)) &&
              joined(verdict, !each.dependent || follow(*each.dependent, of, where, seen)))) {
            break;
        }
    }
    return verdict;
}

bool evaluation::check_needs(const object_rules& by, const name_rule& trigger, const place* where,
                             const bit_set& present)
{
    bool verdict = true;
    for (const std::uint32_t needed : trigger.needs) {
        if (present.has(needed)) {
            continue;
        }
        const bool missing = refuse(where, trigger.needs_keyword, [&] {
            return "property " + name_in_quotes(by.names.all()[needed].name) + " is missing, which property " +
                   name_in_quotes(trigger.name) + " asks for";
        });
        if (!joined(verdict, missing)) {
            break;
        }
    }
    return verdict;
}

bool evaluation::check_unevaluated_properties(const edge& by, value of, const place* where, evaluated& seen)
{
    bool verdict = true;
    std::size_t index = 0;
    for (const auto [name, content] : members(of)) {
        if (!seen.has(index) && !joined(verdict, follow(by, content, where, nullptr, movement::member, name.place()))) {
            break;
        }
        ++index;
    }
    seen.add_everything();
    return verdict;
}

} // namespace etl::validate::schema
