// Values as the checks see them, and what the boundary must tell about their types.
#pragma once

#include "core/decimal.hpp"
#include "core/error.hpp"
#include "sketch/fingerprint.hpp"
#include "validate/regex.hpp"

#include <compare>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>

namespace etl::validate {

// One column of one row. Trivial on purpose: rows of them stand on the stack while PostgreSQL may raise errors.
struct field {
    enum class kind : std::uint8_t {
        null,
        integer, // smallint, integer, bigint, boolean, date, timestamps: ordered like their 64-bit value
        real,    // real, double precision
        decimal, // numeric
        text,    // text, varchar, char (without the blanks at its end, which count in patterns alone)
        other,   // any other type, compared and hashed by its own operators
    };

    kind is = kind::null;
    decimal::sign sign = decimal::sign::positive; // of a decimal
    std::uint32_t padding = 0;                    // blanks that follow the text in memory
    std::int64_t integer = 0;                     // of a decimal its weight
    double real = 0;
    std::string_view text{}; // of a decimal its digits
    std::uintptr_t raw = 0;  // PostgreSQL's own form, for the type's operators

    bool is_null() const noexcept { return is == kind::null; }
    bool is_true() const noexcept { return is == kind::integer && integer != 0; }
    std::string_view padded_text() const noexcept { return {text.data(), text.size() + padding}; }
    etl::decimal as_decimal() const noexcept { return {sign, static_cast<int>(integer), text}; }
};

// What numbers of a column may be used for.
enum class measure : std::uint8_t {
    none,   // neither sums nor quantiles: texts, booleans, everything else
    number, // integers, floats, numeric
    moment, // dates and timestamps: quantiles, but no sums
};

// What a check asks of a column's type. Implemented by the boundary over PostgreSQL's type cache, by tests without.
class column_type {
  public:
    virtual ~column_type() = default;

    virtual field::kind kind() const = 0;
    virtual std::string name() const = 0; // as users write it: double precision
    virtual measure measures() const = 0;

    // Whether compare() and hash() may be called, and whether compare() takes a value of the other type on its right.
    virtual bool is_ordered() const = 0;
    virtual bool is_hashable() const = 0;
    virtual bool is_comparable_with(const column_type& other) const = 0;

    // The order of values of this type with those of another, where PostgreSQL has one, as of dates and timestamps. Empty
    // elsewhere; lives no longer than either type.
    using comparison = std::function<int(const field& left, const field& right)>;
    virtual comparison comparison_with(const column_type& /*other*/) const { return {}; }

    // A literal of the suite, read by the type's input function; lives as long as the column_type. The purpose, an
    // expectation, is named where the text is refused.
    virtual field literal(const std::string& text, const std::string& purpose) = 0;

    // Whether whoever reads a literal runs nobody's code: not where a domain inside the type has a condition. States
    // hold no values of other types, and judging them reads no literals of these.
    virtual bool is_storable() const { return true; }

    // A value of kind other as states write it, the same in every session, and read again.
    virtual std::string stored(const field& value) const { return text(value); }
    virtual field read_stored(const std::string& text) { return literal(text, "a stored validation state"); }

    // A copy of a value of kind other that lies in `bytes`, and lives as long as they are not changed.
    virtual field keep(const field& value, std::pmr::string& bytes) const = 0;

    // The order of the type (and collation), for other and for texts that have a collation of their own.
    virtual int compare(const field& left, const field& right) const = 0;

    // Equal values have equal fingerprints; for text without a deterministic collation, and other.
    virtual fingerprint hash(const field& value, std::uint64_t seed) const = 0;

    // Whether values that equal a value of kind other have its JSON, too.
    virtual bool equal_looks_same() const { return false; }

    // Whether texts are equal only when their bytes are (a deterministic collation), and ordered as those are.
    virtual bool equal_means_identical() const = 0;
    virtual bool ordered_by_bytes() const = 0;

    // Characters, not bytes.
    virtual std::size_t length(std::string_view text) const = 0;

    // Whether texts are UTF-8, which RE2 reads.
    virtual bool is_utf8() const = 0;

    // PostgreSQL's own regular expressions, for patterns that are not portable.
    virtual text_predicate regex(const std::string& pattern, const std::string& purpose) const = 0;

    // The value in the type's text form, and as a JSON fragment for lists of failing values.
    virtual std::string text(const field& value) const = 0;
    virtual std::string json(const field& value) const = 0;
    virtual std::string json_of_measure(std::int64_t whole) const = 0; // of an integer kind's 64-bit value

    // What a loop over a long value calls.
    virtual poll_fn poll() const { return never_poll; }
};

// Code points of valid UTF-8: every byte but the continuation bytes starts one.
std::size_t utf8_length(std::string_view text) noexcept;

// A JSON string literal. Long texts are cut to `longest` bytes at a character's edge and end in an ellipsis.
std::string json_string(std::string_view text, std::size_t longest);

// PostgreSQL's order of floats: NaN equals NaN and is greater than all else, -0 equals 0.
constexpr int compare_reals(double left, double right) noexcept
{
    if (left < right) {
        return -1;
    }
    if (left > right) {
        return 1;
    }
    return static_cast<int>(left != left) - static_cast<int>(right != right);
}

// The order of two values of one column, neither of them NULL.
inline int compare_fields(const column_type& type, const field& left, const field& right)
{
    switch (left.is) {
    case field::kind::integer:
        return left.integer < right.integer ? -1 : static_cast<int>(left.integer > right.integer);
    case field::kind::real:
        return compare_reals(left.real, right.real);
    case field::kind::decimal:
        return etl::compare(left.as_decimal(), right.as_decimal());
    case field::kind::text:
        if (type.ordered_by_bytes()) {
            return left.text.compare(right.text);
        }
        [[fallthrough]];
    default:
        return type.compare(left, right);
    }
}

// Equal values of a column have equal fingerprints. The seed is the same for all rows that are compared.
fingerprint print_of(const column_type& type, const field& value, std::uint64_t seed);

// Whether all values that equal this one have the same JSON: 1.0 and 1.00 are equal, and so are -0 and 0.
bool equals_look_same(const column_type& type, const field& value);

// A number as the nearest double; only for columns that measure something.
inline double real_of(const field& value)
{
    switch (value.is) {
    case field::kind::integer:
        return static_cast<double>(value.integer);
    case field::kind::decimal:
        return nearest_double(value.as_decimal());
    default:
        return value.real;
    }
}

// Where a row lies: ordered, so that "the first failing rows" is the same answer under every plan.
struct row_position {
    std::uint32_t table = 0;  // tableoid
    std::uint32_t block = 0;  // of ctid
    std::uint16_t offset = 0; // of ctid

    friend auto operator<=>(const row_position&, const row_position&) noexcept = default;
};

} // namespace etl::validate
