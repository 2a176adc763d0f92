#include "validate/json_schema_dialect.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>

#include "core/cpp_only.hpp"

namespace etl::validate::schema {
namespace {

using enum keyword;
using enum schema_shape;
using enum draft;

// By name, for a binary search. A name that has changed its meaning (items, exclusiveMinimum) stands here once.
// dependencies is applied in the latest drafts as well: they took its name out and allow it still.
constexpr std::array keywords{
    keyword_facts{"$anchor", anchor, vocabulary::core, draft2019_09, draft2020_12, none},
    keyword_facts{"$defs", defs, vocabulary::core, draft2019_09, draft2020_12, map},
    keyword_facts{"$dynamicAnchor", dynamic_anchor, vocabulary::core, draft2020_12, draft2020_12, none},
    keyword_facts{"$dynamicRef", dynamic_ref, vocabulary::core, draft2020_12, draft2020_12, none},
    keyword_facts{"$id", id, vocabulary::core, draft6, draft2020_12, none},
    keyword_facts{"$recursiveAnchor", recursive_anchor, vocabulary::core, draft2019_09, draft2019_09, none},
    keyword_facts{"$recursiveRef", recursive_ref, vocabulary::core, draft2019_09, draft2019_09, none},
    keyword_facts{"$ref", ref, vocabulary::core, draft4, draft2020_12, none},
    keyword_facts{"additionalItems", additional_items, vocabulary::applicator, draft4, draft2019_09, one},
    keyword_facts{"additionalProperties", additional_properties, vocabulary::applicator, draft4, draft2020_12, one},
    keyword_facts{"allOf", all_of, vocabulary::applicator, draft4, draft2020_12, list},
    keyword_facts{"anyOf", any_of, vocabulary::applicator, draft4, draft2020_12, list},
    keyword_facts{"const", constant, vocabulary::validation, draft6, draft2020_12, none},
    keyword_facts{"contains", contains, vocabulary::applicator, draft6, draft2020_12, one},
    keyword_facts{"definitions", definitions, vocabulary::core, draft4, draft2020_12, map},
    keyword_facts{"dependencies", dependencies, vocabulary::applicator, draft4, draft2020_12, map_or_names},
    keyword_facts{"dependentRequired", dependent_required, vocabulary::validation, draft2019_09, draft2020_12, none},
    keyword_facts{"dependentSchemas", dependent_schemas, vocabulary::applicator, draft2019_09, draft2020_12, map},
    keyword_facts{"else", otherwise, vocabulary::applicator, draft7, draft2020_12, one},
    keyword_facts{"enum", enumeration, vocabulary::validation, draft4, draft2020_12, none},
    keyword_facts{"exclusiveMaximum", exclusive_maximum, vocabulary::validation, draft4, draft2020_12, none},
    keyword_facts{"exclusiveMinimum", exclusive_minimum, vocabulary::validation, draft4, draft2020_12, none},
    keyword_facts{"format", format, vocabulary::format, draft4, draft2020_12, none},
    keyword_facts{"id", id, vocabulary::core, draft4, draft4, none},
    keyword_facts{"if", condition, vocabulary::applicator, draft7, draft2020_12, one},
    keyword_facts{"items", items, vocabulary::applicator, draft4, draft2020_12, one_or_list},
    keyword_facts{"maxContains", max_contains, vocabulary::validation, draft2019_09, draft2020_12, none},
    keyword_facts{"maxItems", max_items, vocabulary::validation, draft4, draft2020_12, none},
    keyword_facts{"maxLength", max_length, vocabulary::validation, draft4, draft2020_12, none},
    keyword_facts{"maxProperties", max_properties, vocabulary::validation, draft4, draft2020_12, none},
    keyword_facts{"maximum", maximum, vocabulary::validation, draft4, draft2020_12, none},
    keyword_facts{"minContains", min_contains, vocabulary::validation, draft2019_09, draft2020_12, none},
    keyword_facts{"minItems", min_items, vocabulary::validation, draft4, draft2020_12, none},
    keyword_facts{"minLength", min_length, vocabulary::validation, draft4, draft2020_12, none},
    keyword_facts{"minProperties", min_properties, vocabulary::validation, draft4, draft2020_12, none},
    keyword_facts{"minimum", minimum, vocabulary::validation, draft4, draft2020_12, none},
    keyword_facts{"multipleOf", multiple_of, vocabulary::validation, draft4, draft2020_12, none},
    keyword_facts{"not", negation, vocabulary::applicator, draft4, draft2020_12, one},
    keyword_facts{"oneOf", one_of, vocabulary::applicator, draft4, draft2020_12, list},
    keyword_facts{"pattern", pattern, vocabulary::validation, draft4, draft2020_12, none},
    keyword_facts{"patternProperties", pattern_properties, vocabulary::applicator, draft4, draft2020_12, map},
    keyword_facts{"prefixItems", prefix_items, vocabulary::applicator, draft2020_12, draft2020_12, list},
    keyword_facts{"properties", properties, vocabulary::applicator, draft4, draft2020_12, map},
    keyword_facts{"propertyNames", property_names, vocabulary::applicator, draft6, draft2020_12, one},
    keyword_facts{"required", required, vocabulary::validation, draft4, draft2020_12, none},
    keyword_facts{"then", then, vocabulary::applicator, draft7, draft2020_12, one},
    keyword_facts{"type", type, vocabulary::validation, draft4, draft2020_12, none},
    keyword_facts{"unevaluatedItems", unevaluated_items, vocabulary::unevaluated, draft2019_09, draft2020_12, one},
    keyword_facts{"unevaluatedProperties", unevaluated_properties, vocabulary::unevaluated, draft2019_09, draft2020_12,
                  one},
    keyword_facts{"uniqueItems", unique_items, vocabulary::validation, draft4, draft2020_12, none},
};
static_assert(std::is_sorted(keywords.begin(), keywords.end(),
                             [](const keyword_facts& a, const keyword_facts& b) { return a.name < b.name; }));

// The part of a URI behind http:// or https://.
std::string_view without_scheme(std::string_view uri)
{
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (uri.starts_with(scheme)) {
            return uri.substr(scheme.size());
        }
    }
    return uri;
}

struct named_vocabulary {
    std::string_view name; // behind https://json-schema.org/draft/
    known_vocabulary known;
};

constexpr std::array vocabularies{
    named_vocabulary{"2019-09/vocab/core", {vocabulary::core, draft2019_09}},
    named_vocabulary{"2019-09/vocab/applicator", {vocabulary::applicator | vocabulary::unevaluated, draft2019_09}},
    named_vocabulary{"2019-09/vocab/validation", {vocabulary::validation, draft2019_09}},
    named_vocabulary{"2019-09/vocab/meta-data", {vocabulary::annotation, draft2019_09}},
    named_vocabulary{"2019-09/vocab/format", {vocabulary::format, draft2019_09}},
    named_vocabulary{"2019-09/vocab/content", {vocabulary::annotation, draft2019_09}},
    named_vocabulary{"2020-12/vocab/core", {vocabulary::core, draft2020_12}},
    named_vocabulary{"2020-12/vocab/applicator", {vocabulary::applicator, draft2020_12}},
    named_vocabulary{"2020-12/vocab/unevaluated", {vocabulary::unevaluated, draft2020_12}},
    named_vocabulary{"2020-12/vocab/validation", {vocabulary::validation, draft2020_12}},
    named_vocabulary{"2020-12/vocab/meta-data", {vocabulary::annotation, draft2020_12}},
    named_vocabulary{"2020-12/vocab/format-annotation", {vocabulary::format, draft2020_12}},
    named_vocabulary{"2020-12/vocab/format-assertion",
                     {vocabulary::format | vocabulary::format_assertion, draft2020_12}},
    named_vocabulary{"2020-12/vocab/content", {vocabulary::annotation, draft2020_12}},
};

} // namespace

const keyword_facts* find_keyword(std::string_view name, const dialect& in)
{
    const auto* found =
        std::lower_bound(keywords.begin(), keywords.end(), name,
                         [](const keyword_facts& each, std::string_view wanted) { return each.name < wanted; });
    const bool known = found != keywords.end() && found->name == name && found->since <= in.version &&
                       (in.version <= found->until || in.assumed) && (found->vocabulary & in.vocabularies) != 0;
    return known ? &*found : nullptr;
}

std::optional<draft> draft_of_name(std::string_view name)
{
    constexpr std::array<std::string_view, 5> names{"4", "6", "7", "2019-09", "2020-12"};
    const auto* found = std::find(names.begin(), names.end(), name);
    return found != names.end() ? std::optional{static_cast<draft>(found - names.begin())} : std::nullopt;
}

std::optional<draft> draft_of_metaschema(std::string_view uri)
{
    uri = without_scheme(uri);
    if (uri == "json-schema.org/draft-04/schema") {
        return draft4;
    }
    if (uri == "json-schema.org/draft-06/schema") {
        return draft6;
    }
    if (uri == "json-schema.org/draft-07/schema") {
        return draft7;
    }
    if (uri == "json-schema.org/draft/2019-09/schema") {
        return draft2019_09;
    }
    // The URI without a draft means the latest one.
    if (uri == "json-schema.org/draft/2020-12/schema" || uri == "json-schema.org/schema") {
        return draft2020_12;
    }
    return std::nullopt;
}

std::optional<known_vocabulary> find_vocabulary(std::string_view uri)
{
    constexpr std::string_view prefix = "json-schema.org/draft/";
    uri = without_scheme(uri);
    if (!uri.starts_with(prefix)) {
        return std::nullopt;
    }
    const auto* found =
        std::find_if(vocabularies.begin(), vocabularies.end(),
                     [name = uri.substr(prefix.size())](const named_vocabulary& each) { return each.name == name; });
    return found != vocabularies.end() ? std::optional{found->known} : std::nullopt;
}

} // namespace etl::validate::schema
