// The drafts of JSON Schema that are understood, their vocabularies and their keywords.
//
// A schema is written in a dialect: a draft, of which from 2019-09 on a metaschema may take some vocabularies only. A
// keyword that the dialect does not know is an annotation, whatever it holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace etl::validate::schema {

enum class draft : std::uint8_t { draft4, draft6, draft7, draft2019_09, draft2020_12 };

namespace vocabulary {
inline constexpr std::uint8_t core = 1;
inline constexpr std::uint8_t applicator = 2;
inline constexpr std::uint8_t unevaluated = 4;
inline constexpr std::uint8_t validation = 8;
inline constexpr std::uint8_t format = 16;
inline constexpr std::uint8_t format_assertion = 32;
inline constexpr std::uint8_t annotation = 64; // meta-data and content: known, and of no effect
inline constexpr std::uint8_t usual = core | applicator | unevaluated | validation | format | annotation;
} // namespace vocabulary

struct dialect {
    draft version = draft::draft2020_12;
    std::uint8_t vocabularies = vocabulary::usual;
    bool assumed = false; // no $schema names it: forms that only earlier drafts have are understood too

    bool has_adjacent_ref() const noexcept { return version >= draft::draft2019_09; }         // else $ref stands alone
    bool has_item_lists() const noexcept { return version < draft::draft2020_12 || assumed; } // items: [ … ]
    bool has_exclusive_flags() const noexcept { return version == draft::draft4 || assumed; } // exclusiveMinimum: true
    friend bool operator==(const dialect&, const dialect&) = default;
};

enum class keyword : std::uint8_t {
    additional_items,
    additional_properties,
    all_of,
    anchor,
    any_of,
    constant,
    contains,
    definitions,
    defs,
    dependencies,
    dependent_required,
    dependent_schemas,
    dynamic_anchor,
    dynamic_ref,
    otherwise,
    enumeration,
    exclusive_maximum,
    exclusive_minimum,
    format,
    id,
    condition,
    items,
    max_contains,
    max_items,
    max_length,
    max_properties,
    maximum,
    min_contains,
    min_items,
    min_length,
    min_properties,
    minimum,
    multiple_of,
    negation,
    one_of,
    pattern,
    pattern_properties,
    prefix_items,
    properties,
    property_names,
    recursive_anchor,
    recursive_ref,
    ref,
    required,
    then,
    type,
    unevaluated_items,
    unevaluated_properties,
    unique_items,
};

// Where a keyword's value holds schemas.
enum class schema_shape : std::uint8_t { none, one, list, one_or_list, map, map_or_names };

struct keyword_facts {
    std::string_view name;
    keyword id;
    std::uint8_t vocabulary;
    draft since;
    draft until;
    schema_shape holds;
};

// nullptr where the dialect knows no such keyword.
const keyword_facts* find_keyword(std::string_view name, const dialect& in);

// The draft of a name as in "7" or "2019-09".
std::optional<draft> draft_of_name(std::string_view name);

// The draft whose own metaschema has this URI (without fragment); https and http mean the same.
std::optional<draft> draft_of_metaschema(std::string_view uri);

// The vocabulary that a URI names, in the draft that defines it; nullopt where it is an unknown one.
struct known_vocabulary {
    std::uint8_t flags;
    draft version;
};
std::optional<known_vocabulary> find_vocabulary(std::string_view uri);

// The text of a built-in metaschema or of one of its parts; empty where there is none of this URI (without fragment).
std::string_view built_in_schema(std::string_view uri);

} // namespace etl::validate::schema
