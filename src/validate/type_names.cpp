#include "validate/type_names.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

struct named {
    std::string_view first;
    std::string_view second;
};

// PostgreSQL's names whose class is not just their upper case.
constexpr std::array classes{
    named{"character varying", "VARCHAR"},
    named{"character", "CHAR"},
    named{"timestamp without time zone", "TIMESTAMP"},
    named{"timestamp with time zone", "TIMESTAMP"},
    named{"time without time zone", "TIME"},
    named{"time with time zone", "TIME"},
    named{"double precision", "DOUBLE_PRECISION"},
    named{"bit varying", "BIT"},
};

// A class and the one that it is derived from.
constexpr std::array derived{named{"JSONB", "JSON"}, named{"CITEXT", "TEXT"}};

// What pandas and numpy call a class of values, and the classes that hold such.
constexpr std::array aliases{
    named{"int", "SMALLINT INTEGER BIGINT"},
    named{"int8", "SMALLINT INTEGER BIGINT"},
    named{"int16", "SMALLINT INTEGER BIGINT"},
    named{"int32", "SMALLINT INTEGER BIGINT"},
    named{"int64", "SMALLINT INTEGER BIGINT"},
    named{"uint8", "SMALLINT INTEGER BIGINT"},
    named{"uint16", "SMALLINT INTEGER BIGINT"},
    named{"uint32", "SMALLINT INTEGER BIGINT"},
    named{"uint64", "SMALLINT INTEGER BIGINT NUMERIC"},
    named{"float", "REAL DOUBLE_PRECISION NUMERIC"},
    named{"float16", "REAL DOUBLE_PRECISION NUMERIC"},
    named{"float32", "REAL DOUBLE_PRECISION NUMERIC"},
    named{"float64", "REAL DOUBLE_PRECISION NUMERIC"},
    named{"str", "VARCHAR TEXT CHAR"},
    named{"string", "VARCHAR TEXT CHAR"},
    named{"object", "VARCHAR TEXT CHAR"},
    named{"object_", "VARCHAR TEXT CHAR"},
    named{"bool", "BOOLEAN"},
    named{"boolean", "BOOLEAN"},
    named{"datetime", "TIMESTAMP"},
    named{"datetime64", "TIMESTAMP DATE"},
    named{"datetime64[ns]", "TIMESTAMP DATE"},
    named{"datetime64[ns, utc]", "TIMESTAMP"},
    named{"datetimetzdtype", "TIMESTAMP"},
    named{"timestamp", "TIMESTAMP"},
    named{"timedelta", "INTERVAL"},
    named{"timedelta64", "INTERVAL"},
    named{"timedelta64[ns]", "INTERVAL"},
    named{"bytes", "BYTEA"},
    named{"dict", "JSON JSONB"},
    named{"list", "ARRAY"},
};

// Other spellings of PostgreSQL itself.
constexpr std::array synonyms{
    named{"int2", "SMALLINT"},
    named{"int4", "INTEGER"},
    named{"int8", "BIGINT"},
    named{"float4", "REAL"},
    named{"float8", "DOUBLE_PRECISION"},
    named{"decimal", "NUMERIC"},
    named{"varchar", "VARCHAR"},
    named{"bpchar", "CHAR"},
};

// PostgreSQL's short names of types that share a class with another.
constexpr std::array spelled_out{named{"timestamptz", "timestamp with time zone"},
                                 named{"timetz", "time with time zone"}};

char upper(char c)
{
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_listed(std::string_view name, std::string_view list)
{
    for (std::size_t at = 0; at < list.size();) {
        const std::size_t end = std::min(list.find(' ', at), list.size());
        if (list.substr(at, end - at) == name) {
            return true;
        }
        at = end + 1;
    }
    return false;
}

// What only PostgreSQL says: a type with or without time zone, an array of some type, one of a schema. Such a name means
// that type alone. nullopt for all other names.
std::optional<bool> is_exactly(std::string_view type, std::string_view name)
{
    for (const named& entry : spelled_out) {
        if (entry.first == name) {
            return type == entry.second;
        }
    }
    if (name.ends_with("[]")) {
        return type.ends_with("[]") && is_type(type.substr(0, type.size() - 2), name.substr(0, name.size() - 2));
    }
    if (name.ends_with(" time zone") || name.find('.') != std::string_view::npos) {
        return type == name;
    }
    return std::nullopt;
}

// char(3) is character, timestamp(3) without time zone is one without.
std::string without_modifier(std::string_view type)
{
    const auto from = type.find('(');
    const auto to = type.find(')', std::min(from, type.size()));
    return std::string{type.substr(0, from)} + std::string{to < type.size() ? type.substr(to + 1) : ""};
}

} // namespace

std::string great_expectations_name(std::string_view type)
{
    if (type.ends_with("[]")) {
        return "ARRAY";
    }
    for (const named& entry : classes) {
        if (entry.first == type) {
            return std::string{entry.second};
        }
    }
    std::string made{type.substr(type.rfind('.') + 1)};
    std::transform(made.begin(), made.end(), made.begin(), upper);
    return made;
}

bool is_type(std::string_view type, std::string_view wanted)
{
    const std::string class_name = great_expectations_name(type);
    constexpr std::string_view catalog = "pg_catalog.";
    std::string name = without_modifier(wanted.starts_with(catalog) ? wanted.substr(catalog.size()) : wanted);
    if (class_name == name ||
        std::ranges::any_of(derived, [&](const named& d) { return d.first == class_name && d.second == name; })) {
        return true;
    }
    // An upper-case name is SQLAlchemy's, which has no synonyms; those of pandas and PostgreSQL are in lower case.
    const bool is_class = std::ranges::none_of(name, [](char c) { return lower(c) == c && upper(c) != c; });
    std::transform(name.begin(), name.end(), name.begin(), lower);
    if (name == type || is_class) {
        return name == type;
    }
    if (const auto exact = is_exactly(type, name)) {
        return *exact;
    }
    const auto means = [&](const named& entry) { return entry.first == name && is_listed(class_name, entry.second); };
    return std::ranges::any_of(aliases, means) || std::ranges::any_of(synonyms, means) ||
           great_expectations_name(name) == class_name;
}

} // namespace etl::validate
