// The keywords of a schema, read into rules. A value that its keyword cannot have is refused, with its place.
#include "validate/json_schema_compile.hpp"
#include "validate/json_schema_value.hpp"

#include <array>

#include "core/cpp_only.hpp"

namespace etl::validate::schema {
namespace {

std::string_view number_of(value content, std::string_view name)
{
    if (!content.is_number()) {
        refuse_keyword(content, name, "a number");
    }
    return content.text();
}

std::string_view text_of(value content, std::string_view name)
{
    if (!content.is_string()) {
        refuse_keyword(content, name, "a string");
    }
    return content.text();
}

bool flag_of(value content, std::string_view name)
{
    if (!content.is_boolean()) {
        refuse_keyword(content, name, "true or false");
    }
    return content.is_true();
}

void require_list(value content, std::string_view name, const char* of)
{
    if (!content.is_array()) {
        refuse_keyword(content, name, of);
    }
}

struct type_name {
    std::string_view name;
    std::uint8_t types;
};
constexpr std::array type_names{
    type_name{"null", types::of(json_kind::null)},
    type_name{"boolean", types::of(json_kind::no) | types::of(json_kind::yes)},
    type_name{"integer", types::integer},
    type_name{"number", types::of(json_kind::number)},
    type_name{"string", types::of(json_kind::string)},
    type_name{"array", types::of(json_kind::array)},
    type_name{"object", types::of(json_kind::object)},
};

std::uint8_t type_of(value name)
{
    if (name.is_string()) {
        for (const type_name& each : type_names) {
            if (each.name == name.text()) {
                return each.types;
            }
        }
    }
    refuse_keyword(name, "type", "one or some of null, boolean, integer, number, string, array, object");
}

} // namespace

void compiler::read(rules& into, const located& from)
{
    into.integers_by_form = from.home->in.version == draft::draft4;
    if (from.at.is_boolean()) {
        into.allows_nothing = !from.at.is_true();
        return;
    }
    if (!from.at.is_object()) {
        refuse_keyword(from.at, "", "a schema: an object or a boolean");
    }
    if (const auto reference = from.at.find("$ref"); reference && !from.home->in.has_adjacent_ref()) {
        read_reference(made(into.combinations), from, *reference, "$ref");
        return;
    }
    for (const auto [name, content] : members(from.at)) {
        polling_.tick();
        if (const keyword_facts* known = find_keyword(name.text(), from.home->in)) {
            read_keyword(into, from, known->id, name, content);
        }
    }
}

void compiler::read_keyword(rules& into, const located& from, keyword which, value name, value content)
{
    switch (which) {
    case keyword::type:
        read_types(into, content);
        return;
    case keyword::constant:
        into.constant = content;
        return;
    case keyword::enumeration:
        require_list(content, "enum", "an array");
        into.enumeration = std::make_unique<value_set>(content);
        return;
    case keyword::ref:
    case keyword::dynamic_ref:
    case keyword::recursive_ref:
        read_reference(made(into.combinations), from, content, name.text());
        return;
    case keyword::unevaluated_items:
        into.unevaluated_items = link(content, name.text());
        return;
    case keyword::unevaluated_properties:
        into.unevaluated_properties = link(content, name.text());
        return;
    default:
        (void)(read_number_keyword(into, from, which, content) || read_string_keyword(into, from, which, content) ||
               read_array_keyword(into, from, which, content) ||
               read_object_keyword(into, which, name.text(), content) ||
               read_combination(into, from, which, name.text(), content));
    }
}

void compiler::read_types(rules& into, value content)
{
    into.type_keyword = content;
    into.allowed_types = 0;
    if (!content.is_array()) {
        into.allowed_types = type_of(content);
        return;
    }
    for (const value each : elements(content)) {
        into.allowed_types |= type_of(each);
    }
}

bool compiler::read_number_keyword(rules& into, const located& from, keyword which, value content)
{
    const bool has_flags = from.home->in.has_exclusive_flags();
    auto exclusive = [&from, has_flags](const char* name) {
        const auto found = has_flags ? from.at.find(name) : std::nullopt;
        return found && found->is_true();
    };
    const bool is_flag = has_flags && (from.home->in.version == draft::draft4 || content.is_boolean());
    switch (which) {
    case keyword::minimum: {
        const number_bound bound{number_of(content, "minimum")};
        auto& numbers = made(into.numbers);
        (exclusive("exclusiveMinimum") ? numbers.exclusive_minimum : numbers.minimum) = bound;
        return true;
    }
    case keyword::maximum: {
        const number_bound bound{number_of(content, "maximum")};
        auto& numbers = made(into.numbers);
        (exclusive("exclusiveMaximum") ? numbers.exclusive_maximum : numbers.maximum) = bound;
        return true;
    }
    case keyword::exclusive_minimum:
        if (is_flag) { // says what kind of bound minimum is
            flag_of(content, "exclusiveMinimum");
        } else {
            made(into.numbers).exclusive_minimum = number_bound{number_of(content, "exclusiveMinimum")};
        }
        return true;
    case keyword::exclusive_maximum:
        if (is_flag) {
            flag_of(content, "exclusiveMaximum");
        } else {
            made(into.numbers).exclusive_maximum = number_bound{number_of(content, "exclusiveMaximum")};
        }
        return true;
    case keyword::multiple_of:
        made(into.numbers).multiple_of = divisor::from(number_of(content, "multipleOf"));
        if (!into.numbers->multiple_of) {
            refuse_keyword(content, "multipleOf", "greater than zero, and of at most 36 digits");
        }
        return true;
    default:
        return false;
    }
}

bool compiler::read_string_keyword(rules& into, const located& from, keyword which, value content)
{
    switch (which) {
    case keyword::min_length:
        made(into.strings).length.least = count_of(content, "minLength");
        return true;
    case keyword::max_length:
        made(into.strings).length.most = count_of(content, "maxLength");
        return true;
    case keyword::pattern:
        made(into.strings).pattern = pattern(content);
        return true;
    case keyword::format: {
        const bool asserted = assert_formats_ || (from.home->in.vocabularies & vocabulary::format_assertion) != 0;
        if (const auto check = asserted ? find_format(text_of(content, "format"), from.home->in.version) : nullptr) {
            made(into.strings).format = check;
            into.strings->format_name = content.text();
        }
        return true;
    }
    default:
        return false;
    }
}

std::shared_ptr<const regex> compiler::pattern(value text)
{
    constexpr std::size_t most = 1000;
    constexpr std::size_t largest = 4'000'000; // 64 MB
    const std::string_view wanted = text_of(text, "pattern");
    auto found = patterns_.find(wanted);
    if (found == patterns_.end()) {
        poll_();
        found = patterns_.emplace(wanted, std::make_shared<const regex>(wanted)).first;
        pattern_sizes_ += found->second->program_size();
        if (patterns_.size() > most) {
            throw error(sqlstate::program_limit_exceeded,
                        "a JSON Schema must not have more than " + std::to_string(most) + " regular expressions");
        }
        if (pattern_sizes_ > largest) {
            throw error(sqlstate::program_limit_exceeded,
                        "the regular expressions of a JSON Schema are too large together",
                        "Repeat counts of large classes, as in \\p{L}{1,200}, make large ones.");
        }
    }
    return found->second;
}

bool compiler::read_array_keyword(rules& into, const located& from, keyword which, value content)
{
    switch (which) {
    case keyword::min_items:
        made(into.arrays).size.least = count_of(content, "minItems");
        return true;
    case keyword::max_items:
        made(into.arrays).size.most = count_of(content, "maxItems");
        return true;
    case keyword::unique_items:
        made(into.arrays).unique = flag_of(content, "uniqueItems");
        return true;
    case keyword::prefix_items:
        made(into.arrays).first = link_list(content, "prefixItems");
        return true;
    case keyword::items:
        if (content.is_array() && from.home->in.has_item_lists()) {
            made(into.arrays).first = link_list(content, "items");
        } else {
            made(into.arrays).rest = link(content, "items");
        }
        return true;
    case keyword::additional_items:
        if (const auto list = from.at.find("items"); list && list->is_array()) {
            made(into.arrays).rest = link(content, "additionalItems");
        }
        return true;
    case keyword::contains:
        made(into.arrays).contains = link(content, "contains");
        into.arrays->contains_evaluates = from.home->in.version >= draft::draft2020_12;
        return true;
    case keyword::min_contains:
        made(into.arrays).contained.least = count_of(content, "minContains");
        return true;
    case keyword::max_contains:
        made(into.arrays).contained.most = count_of(content, "maxContains");
        return true;
    default:
        return false;
    }
}

std::vector<edge> compiler::link_list(value list, std::string_view keyword)
{
    require_list(list, keyword, "an array of schemas");
    std::vector<edge> edges;
    edges.reserve(list.size());
    for (const value each : elements(list)) {
        edges.push_back(link(each, keyword, std::to_string(edges.size())));
    }
    return edges;
}

} // namespace etl::validate::schema
