// A compiled schema: its keywords by what they look at, every reference resolved.
//
// Schemas point to each other in any way, also in circles, so all of them belong to the compiled whole (schema_set) and
// point to each other plainly.
#pragma once

#include "validate/json_schema_format.hpp"
#include "validate/json_schema_library.hpp"
#include "validate/json_schema_number.hpp"
#include "validate/json_schema_regex.hpp"

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace etl::validate::schema {

struct rules;

// The way from a schema to one within it, or that it refers to.
struct edge {
    const rules* to = nullptr;
    std::string_view keyword; // which leads there
    std::string step;         // the same with what follows it in a JSON pointer: properties/price
};

// A count that a value's size is compared to.
struct size_limits {
    std::uint64_t least = 0;
    std::uint64_t most = std::numeric_limits<std::uint64_t>::max();

    bool allow(std::uint64_t size) const noexcept { return least <= size && size <= most; }
};

struct number_rules {
    std::optional<number_bound> minimum;
    std::optional<number_bound> maximum;
    std::optional<number_bound> exclusive_minimum;
    std::optional<number_bound> exclusive_maximum;
    std::optional<divisor> multiple_of;
};

struct string_rules {
    size_limits length;
    std::shared_ptr<const regex> pattern;
    std::string_view format_name;
    format_check format = nullptr; // only where formats are asserted
};

struct array_rules {
    size_limits size;
    bool unique = false;
    std::vector<edge> first;  // prefixItems, or items as a list
    std::optional<edge> rest; // items, or additionalItems
    std::optional<edge> contains;
    bool contains_evaluates = true; // the items it matches count as evaluated; not before 2020-12
    size_limits contained{1, std::numeric_limits<std::uint64_t>::max()};
};

// What an object's rules say of one name.
struct name_rule {
    std::string_view name;
    std::uint64_t hash = 0;
    std::optional<edge> property;
    std::optional<edge> dependent;    // of the whole object, where the name is there
    std::vector<std::uint32_t> needs; // names that must be there too
    std::string_view needs_keyword;
    bool required = false;
};

// Names in the order of the schema, found by hashing.
class name_table {
  public:
    name_rule& at(std::string_view name); // adds it where it is new
    std::optional<std::uint32_t> find(std::string_view name) const noexcept;
    const std::vector<name_rule>& all() const noexcept { return names_; }
    std::uint32_t number_of(const name_rule& rule) const noexcept
    {
        return static_cast<std::uint32_t>(&rule - names_.data());
    }

  private:
    void grow();
    void place(std::uint32_t number);

    std::vector<name_rule> names_;
    std::vector<std::uint32_t> slots_; // number + 1, or 0
};

struct pattern_rule {
    std::shared_ptr<const regex> pattern;
    edge property;
};

struct object_rules {
    size_limits size;
    name_table names;
    bool has_required = false;
    bool has_dependents = false;
    std::vector<pattern_rule> patterns;
    std::optional<edge> additional;
    std::optional<edge> name; // propertyNames
};

struct dynamic_edge {
    edge usual;             // where the reference leads by itself
    std::uint32_t name = 0; // number of the dynamic anchor's name
};

// Schemas for the same value.
struct combination_rules {
    std::optional<edge> reference;
    std::optional<dynamic_edge> dynamic_reference;
    std::vector<edge> all_of;
    std::vector<edge> any_of;
    std::vector<edge> one_of;
    std::optional<edge> negated;
    std::optional<edge> condition;
    std::optional<edge> consequence;
    std::optional<edge> alternative;
};

// One of a list of values.
class value_set {
  public:
    explicit value_set(value list);
    bool has(value of) const;
    value list() const noexcept { return list_; }

  private:
    value list_;
    std::vector<std::pair<std::uint64_t, value>> by_hash_; // of a long list
};

// Types as a set: the kinds of values by their numbers, and integers among the numbers.
namespace types {
inline constexpr std::uint8_t any = 0xff;
inline constexpr std::uint8_t integer = 0x80;
constexpr std::uint8_t of(json_kind kind)
{
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(kind));
}
} // namespace types

struct rules {
    resource* home = nullptr;
    bool allows_nothing = false;   // the schema false
    bool integers_by_form = false; // draft 4: 1.0 is no integer
    std::uint8_t allowed_types = types::any;
    value type_keyword; // in messages
    std::optional<value> constant;
    std::unique_ptr<value_set> enumeration;
    std::unique_ptr<number_rules> numbers;
    std::unique_ptr<string_rules> strings;
    std::unique_ptr<array_rules> arrays;
    std::unique_ptr<object_rules> objects;
    std::unique_ptr<combination_rules> combinations;
    std::optional<edge> unevaluated_items;
    std::optional<edge> unevaluated_properties;
};

} // namespace etl::validate::schema
