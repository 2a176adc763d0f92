// Column types without a server, for the tests and fuzzers of the validator. Their names are PostgreSQL's, but for
// "loose": text whose equality and order overlook the case of letters, as a nondeterministic collation does.
#pragma once

#include "core/error.hpp"
#include "sketch/decimal_sum.hpp"
#include "validate/plan.hpp"
#include "validate/row_tests.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <deque>
#include <stdexcept>
#include <string>

namespace etl::test {

inline validate::field null_field()
{
    return {};
}

inline validate::field integer_field(std::int64_t value)
{
    validate::field made;
    made.is = validate::field::kind::integer;
    made.integer = value;
    return made;
}

inline validate::field real_field(double value)
{
    validate::field made;
    made.is = validate::field::kind::real;
    made.real = value;
    return made;
}

inline validate::field text_field(std::string_view value)
{
    validate::field made;
    made.is = validate::field::kind::text;
    made.text = value;
    return made;
}

// As char(n) has it: blanks at the end are no part of the value, but follow it in memory.
inline validate::field padded_field(std::string_view value)
{
    validate::field made = text_field(value.substr(0, value.find_last_not_of(' ') + 1));
    made.padding = static_cast<std::uint32_t>(value.size() - made.text.size());
    return made;
}

// The digits of a decimal to the base 10000, as numeric stores them: "-12345.67" is -1, 2345, 6700 and weight 1.
class decimal_digits {
  public:
    explicit decimal_digits(std::string text)
    {
        if (text == "NaN" || text == "Infinity" || text == "-Infinity") {
            sign_ = text == "NaN"        ? decimal::sign::not_a_number
                    : text == "Infinity" ? decimal::sign::infinity
                                         : decimal::sign::negative_infinity;
            return;
        }
        if (text.starts_with('-')) {
            sign_ = decimal::sign::negative;
            text.erase(0, 1);
        }
        const std::size_t point = std::min(text.find('.'), text.size());
        std::string whole = text.substr(0, point);
        std::string part = point < text.size() ? text.substr(point + 1) : "";
        whole.insert(0, (4 - whole.size() % 4) % 4, '0');
        part.append((4 - part.size() % 4) % 4, '0');
        weight_ = static_cast<int>(whole.size() / 4) - 1;
        for (const std::string& digits : {whole, part}) {
            for (std::size_t i = 0; i < digits.size(); i += 4) {
                put(std::stoi(digits.substr(i, 4)));
            }
        }
        while (bytes_.ends_with(std::string(2, '\0'))) {
            bytes_.resize(bytes_.size() - 2);
        }
    }

    decimal value() const { return {sign_, bytes_.empty() ? 0 : weight_, bytes_}; }

    validate::field as_field() const
    {
        validate::field made;
        made.is = validate::field::kind::decimal;
        made.sign = sign_;
        made.integer = value().weight;
        made.text = bytes_;
        return made;
    }

  private:
    void put(int digit)
    {
        if (digit == 0 && bytes_.empty()) {
            --weight_; // a zero in front
            return;
        }
        const auto stored = static_cast<std::int16_t>(digit);
        bytes_.append(reinterpret_cast<const char*>(&stored), sizeof stored);
    }

    decimal::sign sign_ = decimal::sign::positive;
    int weight_ = 0;
    std::string bytes_;
};

// What loops over long values call.
inline poll_fn fake_poll = never_poll;

class fake_type final : public validate::column_type {
    using field = validate::field;

  public:
    explicit fake_type(std::string name) : name_{std::move(name)} {}

    field::kind kind() const override
    {
        if (name_ == "bigint" || name_ == "boolean" || name_ == "timestamp without time zone") {
            return field::kind::integer;
        }
        return name_ == "double precision"           ? field::kind::real
               : name_ == "numeric"                  ? field::kind::decimal
               : name_ == "point" || name_ == "json" ? field::kind::other
               : name_ == "uuid"                     ? field::kind::other
                                                     : field::kind::text;
    }
    std::string name() const override { return name_ == "loose" ? "text" : name_; }
    validate::measure measures() const override
    {
        if (name_ == "bigint" || name_ == "double precision" || name_ == "numeric") {
            return validate::measure::number;
        }
        return name_ == "timestamp without time zone" ? validate::measure::moment : validate::measure::none;
    }
    bool is_ordered() const override { return name_ != "point" && name_ != "json"; }
    bool is_hashable() const override { return is_ordered(); }
    bool is_comparable_with(const column_type& other) const override { return name() == other.name(); }

    field literal(const std::string& text, const std::string& purpose) override
    {
        switch (kind()) {
        case field::kind::integer:
            return integer_field(name_ == "boolean" ? text == "true" : number<std::int64_t>(text, purpose));
        case field::kind::real:
            return real_field(number<double>(text, purpose));
        case field::kind::decimal:
            return decimals_.emplace_back(text).as_field();
        case field::kind::text:
            return name_ == "character" ? padded_field(kept(text)) : text_field(kept(text));
        default: {
            field made;
            made.is = field::kind::other;
            made.raw = reinterpret_cast<std::uintptr_t>(&kept(text));
            return made;
        }
        }
    }

    field keep(const field& value, std::pmr::string&) const override { return value; } // kept() keeps them all
    int compare(const field& left, const field& right) const override { return folded(left).compare(folded(right)); }
    fingerprint hash(const field& value, std::uint64_t) const override { return fingerprint_of(folded(value)); }
    bool equal_means_identical() const override { return name_ != "loose"; }
    bool ordered_by_bytes() const override { return name_ != "loose"; }
    std::size_t length(std::string_view text) const override { return validate::utf8_length(text); }
    bool is_utf8() const override { return true; }
    validate::text_predicate regex(const std::string& pattern, const std::string&) const override
    {
        throw std::runtime_error("not portable: " + pattern);
    }

    std::string text(const field& value) const override
    {
        switch (value.is) {
        case field::kind::integer:
            return name_ == "boolean" ? (value.integer != 0 ? "true" : "false") : std::to_string(value.integer);
        case field::kind::real:
            return shortest(value.real);
        case field::kind::decimal: {
            decimal_sum one{std::pmr::get_default_resource()};
            one.add(value.as_decimal());
            return one.to_string();
        }
        case field::kind::text:
            return std::string{value.padded_text()};
        default:
            return *reinterpret_cast<const std::string*>(value.raw);
        }
    }

    std::string json(const field& value) const override
    {
        if (value.is == field::kind::text) {
            return validate::json_string(value.text, 100);
        }
        const std::string shown = text(value);
        const bool plain = value.is != field::kind::other && measures() != validate::measure::moment &&
                           shown.find_first_of("Nny") == std::string::npos;
        return plain || name_ == "boolean" ? shown : validate::json_string(shown, 100);
    }

    std::string json_of_measure(std::int64_t whole) const override { return json(integer_field(whole)); }

    poll_fn poll() const override { return fake_poll; }

  private:
    const std::string& kept(const std::string& text) { return texts_.emplace_back(text); }

    template <class T>
    static T number(const std::string& text, const std::string& purpose)
    {
        T made{};
        const auto read = std::from_chars(text.data(), text.data() + text.size(), made);
        if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) {
            throw error("22P02", "no number: \"" + text + "\", of " + purpose);
        }
        return made;
    }

    static std::string shortest(double value)
    {
        if (std::isnan(value)) {
            return "NaN";
        }
        if (std::isinf(value)) {
            return value > 0 ? "Infinity" : "-Infinity";
        }
        std::array<char, 32> digits;
        return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr};
    }

    std::string folded(const field& value) const
    {
        std::string made =
            value.is == field::kind::text ? std::string{value.text} : *reinterpret_cast<const std::string*>(value.raw);
        if (name_ == "loose") {
            std::transform(made.begin(), made.end(), made.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
        }
        return made;
    }

    std::string name_;
    std::deque<std::string> texts_;
    std::deque<decimal_digits> decimals_;
};

inline validate::column fake_column(std::string name, std::string type)
{
    return {std::move(name), std::make_unique<fake_type>(std::move(type))};
}

// For checkers that are made from a plan.
inline std::unique_ptr<validate::column_type> make_fake_type(const validate::plan_column& from)
{
    return std::make_unique<fake_type>(from.type);
}

} // namespace etl::test
