// The keywords of objects, and those that combine schemas, read into rules.
#include "validate/json_schema_compile.hpp"
#include "validate/json_schema_value.hpp"

#include "core/cpp_only.hpp"

namespace etl::validate::schema {
namespace {

void require_map(value content, std::string_view name)
{
    if (!content.is_object()) {
        refuse_keyword(content, name, "an object");
    }
}

void require_names(value content, std::string_view name)
{
    if (!content.is_array()) {
        refuse_keyword(content, name, "an array of names");
    }
    for (const value each : elements(content)) {
        if (!each.is_string()) {
            refuse_keyword(each, name, "an array of names");
        }
    }
}

} // namespace

bool compiler::read_object_keyword(rules& into, keyword which, std::string_view name, value content)
{
    switch (which) {
    case keyword::min_properties:
        made(into.objects).size.least = count_of(content, name);
        return true;
    case keyword::max_properties:
        made(into.objects).size.most = count_of(content, name);
        return true;
    case keyword::required:
        require_names(content, name);
        for (const value each : elements(content)) {
            made(into.objects).names.at(each.text()).required = true;
            into.objects->has_required = true;
        }
        return true;
    case keyword::properties:
        require_map(content, name);
        read_properties(made(into.objects), content);
        return true;
    case keyword::pattern_properties:
        require_map(content, name);
        read_patterns(made(into.objects), content);
        return true;
    case keyword::additional_properties:
        made(into.objects).additional = link(content, name);
        return true;
    case keyword::property_names:
        made(into.objects).name = link(content, name);
        return true;
    case keyword::dependencies:
    case keyword::dependent_required:
    case keyword::dependent_schemas:
        require_map(content, name);
        read_dependencies(made(into.objects), which, name, content);
        return true;
    default:
        return false;
    }
}

void compiler::read_properties(object_rules& into, value content)
{
    for (const auto [name, schema] : members(content)) {
        into.names.at(name.text()).property = link(schema, "properties", name.text());
    }
}

void compiler::read_patterns(object_rules& into, value content)
{
    for (const auto [name, schema] : members(content)) {
        into.patterns.push_back({pattern(name), link(schema, "patternProperties", name.text())});
    }
}

// dependentRequired has lists of names, dependentSchemas has schemas, and dependencies before them had both.
void compiler::read_dependencies(object_rules& into, keyword which, std::string_view keyword_name, value content)
{
    for (const auto [name, wanted] : members(content)) {
        const bool are_names =
            which == keyword::dependent_required || (which == keyword::dependencies && wanted.is_array());
        into.has_dependents = true;
        if (are_names) {
            read_needs(into, keyword_name, name, wanted);
        } else {
            into.names.at(name.text()).dependent = link(wanted, keyword_name, name.text());
        }
    }
}

void compiler::read_needs(object_rules& into, std::string_view keyword_name, value trigger, value names)
{
    require_names(names, keyword_name);
    std::vector<std::uint32_t> numbers;
    for (const value each : elements(names)) {
        numbers.push_back(into.names.number_of(into.names.at(each.text())));
    }
    name_rule& rule = into.names.at(trigger.text());
    rule.needs = std::move(numbers);
    rule.needs_keyword = keyword_name;
}

bool compiler::read_combination(rules& into, const located& from, keyword which, std::string_view name, value content)
{
    switch (which) {
    case keyword::all_of: {
        const auto edges = link_list(content, name); // beside a reference that stands there already
        auto& all = made(into.combinations).all_of;
        all.insert(all.end(), edges.begin(), edges.end());
        return true;
    }
    case keyword::any_of:
        made(into.combinations).any_of = link_list(content, name);
        return true;
    case keyword::one_of:
        made(into.combinations).one_of = link_list(content, name);
        return true;
    case keyword::negation:
        made(into.combinations).negated = link(content, name);
        return true;
    case keyword::condition:
        made(into.combinations).condition = link(content, name);
        return true;
    case keyword::then:
    case keyword::otherwise:
        if (from.at.find("if")) {
            auto& combinations = made(into.combinations);
            (which == keyword::then ? combinations.consequence : combinations.alternative) = link(content, name);
        }
        return true;
    default:
        return false;
    }
}

} // namespace etl::validate::schema
