#include "validate/literals.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/nearest.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr double beyond = 9223372036854775808.0; // 2^63

template <class Number>
std::optional<Number> read_all(const std::string& literal)
{
    Number value{};
    const auto read = std::from_chars(literal.data(), literal.data() + literal.size(), value);
    return read.ec == std::errc{} && read.ptr == literal.data() + literal.size() ? std::optional{value} : std::nullopt;
}

// A number that a whole-number column cannot hold as it is: the whole number below it, or NaN. nullopt where the text
// is a whole number, or none at all: then the column's type reads it.
std::optional<double> floor_of_fraction(const column_type& type, const std::string& literal)
{
    if (type.kind() != field::kind::integer || type.measures() != measure::number || read_all<std::int64_t>(literal)) {
        return std::nullopt;
    }
    const auto value = read_all<double>(literal);
    return value ? std::optional{std::floor(*value)} : std::nullopt;
}

bool is_fraction(const std::string& literal)
{
    const auto value = read_all<double>(literal);
    return value && std::floor(*value) != *value;
}

// Whether no column of whole numbers holds it. NaN is greater than all.
bool is_beyond(double floor)
{
    return !(floor < beyond) || floor < -beyond;
}

field whole(double value)
{
    field made;
    made.is = field::kind::integer;
    made.integer = !(value < beyond) ? std::numeric_limits<std::int64_t>::max()
                   : value < -beyond ? std::numeric_limits<std::int64_t>::min()
                                     : static_cast<std::int64_t>(value);
    return made;
}

void require_order(const column_type& type, const std::string& purpose)
{
    if (!type.is_ordered()) {
        throw error(sqlstate::datatype_mismatch,
                    purpose + " needs a type with an order, but the column is of type " + type.name());
    }
}

} // namespace

void require_comparable(const column_type& type, const expectation& what, const char* name)
{
    const arguments given{what};
    if (type.kind() != field::kind::text || !given.has(name)) {
        return;
    }
    const auto is_foreign = [](const json& value) { return value.is_number() || value.is_boolean(); };
    const json& value = given.value(name);
    if (is_foreign(value) || (value.is_array() && std::ranges::any_of(value, is_foreign))) {
        throw error(sqlstate::datatype_mismatch,
                    what.label() + " compares " + name + " with a column of type " + type.name() +
                        ", but not all of it is text",
                    "It is " + shortened(value.dump()) + ".");
    }
}

void value_set::text_set::add(std::string_view text)
{
    if (all_.emplace(text).second && few_.size() < few) {
        outlines_.push_back(outline_of(text));
        few_.emplace_back(text);
    }
}

// Two reads that overlap take the place of a loop: texts of one size agree in both when they agree in those bytes.
inline value_set::text_set::outline value_set::text_set::outline_of(std::string_view text) noexcept
{
    const auto read = [text]<class Word>(Word word, std::size_t at) {
        std::memcpy(&word, text.data() + at, sizeof word);
        return static_cast<std::uint64_t>(word);
    };
    const std::size_t size = text.size();
    if (size >= 8) {
        return {size, read(std::uint64_t{}, 0)};
    }
    if (size >= 4) {
        return {size, read(std::uint32_t{}, 0) << 32 | read(std::uint32_t{}, size - 4)};
    }
    if (size >= 2) {
        return {size, read(std::uint16_t{}, 0) << 16 | read(std::uint16_t{}, size - 2)};
    }
    return {size, size == 0 ? 0 : read(std::uint8_t{}, 0)};
}

inline bool value_set::text_set::contains(std::string_view text) const
{
    if (all_.size() > few) {
        return all_.contains(text);
    }
    // Which member a row has is anybody's guess, so all of them are compared, without a branch to foretell.
    const outline wanted = outline_of(text);
    unsigned alike = 0;
    for (std::size_t i = 0; i < outlines_.size(); ++i) {
        alike |= static_cast<unsigned>(outlines_[i].is_of(wanted)) << i;
    }
    if (text.size() <= 8) {
        return alike != 0;
    }
    while (alike != 0 && few_[static_cast<std::size_t>(std::countr_zero(alike))] != text) {
        alike &= alike - 1;
    }
    return alike != 0;
}

value_set::value_set(column_type& type, const std::vector<std::string>& literals, const std::string& purpose)
    : type_{&type}
{
    require_order(type, purpose);
    if (type.kind() == field::kind::text && type.equal_means_identical()) {
        texts_.emplace();
    }
    for (const std::string& literal : literals) {
        const auto floor = floor_of_fraction(type, literal);
        if (floor && (is_fraction(literal) || is_beyond(*floor))) {
            is_possible_ = false; // no whole number equals it
            continue;
        }
        const field value = floor ? whole(*floor) : type.literal(literal, purpose);
        if (texts_) {
            texts_->add(value.text);
        }
        sorted_.push_back(value);
    }
    std::sort(sorted_.begin(), sorted_.end(), [this](const field& a, const field& b) { return precedes(a, b); });
}

bool value_set::contains(const field& value) const
{
    if (texts_) {
        return texts_->contains(value.text);
    }
    return std::binary_search(sorted_.begin(), sorted_.end(), value,
                              [this](const field& a, const field& b) { return precedes(a, b); });
}

bounds bounds::read_any(column_type& type, const expectation& what)
{
    const arguments given{what};
    require_order(type, what.label());
    require_comparable(type, what, "min_value");
    require_comparable(type, what, "max_value");
    bounds made;
    made.type_ = &type;
    if (const auto least = given.literal("min_value")) {
        made.least_ = made.read_bound(*least, true, given.flag("strict_min"), what.label());
    }
    if (const auto greatest = given.literal("max_value")) {
        made.greatest_ = made.read_bound(*greatest, false, given.flag("strict_max"), what.label());
    }
    return made;
}

bounds bounds::read(column_type& type, const expectation& what)
{
    bounds made = read_any(type, what);
    if (made.least_ && made.greatest_ && compare_fields(type, made.least_->value, made.greatest_->value) > 0) {
        const arguments given{what};
        throw error(sqlstate::invalid_parameter_value, what.label() + ": min_value cannot be greater than max_value",
                    "They are " + in_quotes(*given.literal("min_value")) + " and " +
                        in_quotes(*given.literal("max_value")) + ".");
    }
    return made;
}

// Between whole numbers a fraction stands for its floor: v >= 1.5 is v > 1, and v <= 1.5 is v <= 1.
bounds::bound bounds::read_bound(const std::string& literal, bool is_least, bool excluded, const std::string& purpose)
{
    const auto floor = floor_of_fraction(*type_, literal);
    if (!floor) {
        return {type_->literal(literal, purpose), excluded};
    }
    if (is_beyond(*floor)) { // all numbers lie on one side of it
        return {whole(*floor), is_least != (*floor < 0)};
    }
    return {whole(*floor), is_fraction(literal) ? is_least : excluded};
}

bool bounds::hold(const field& value) const
{
    if (least_) {
        const int order = compare_fields(*type_, value, least_->value);
        if (order < 0 || (order == 0 && least_->excluded)) {
            return false;
        }
    }
    if (greatest_) {
        const int order = compare_fields(*type_, value, greatest_->value);
        return order < 0 || (order == 0 && !greatest_->excluded);
    }
    return true;
}

} // namespace etl::validate
