// Column types without a server, for the tests and fuzzers of the validator: integers, floats and text in UTF-8, the
// latter compared byte by byte.
#pragma once

#include "validate/checks.hpp"

#include <deque>
#include <stdexcept>

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

class fake_type final : public validate::column_type {
  public:
    explicit fake_type(validate::field::kind kind) : kind_{kind} {}

    validate::field::kind kind() const override { return kind_; }
    std::string name() const override
    {
        return kind_ == validate::field::kind::integer ? "bigint"
               : kind_ == validate::field::kind::real  ? "double precision"
                                                       : "text";
    }
    bool is_ordered() const override { return true; }
    bool is_hashable() const override { return true; }
    bool is_comparable_with(const column_type& other) const override { return kind() == other.kind(); }
    validate::field literal(const std::string& text, const std::string&) override
    {
        if (kind_ == validate::field::kind::integer) {
            return integer_field(std::stoll(text));
        }
        if (kind_ == validate::field::kind::real) {
            return real_field(std::stod(text));
        }
        return text_field(texts_.emplace_back(text));
    }
    int compare(const validate::field& left, const validate::field& right) const override
    {
        return left.text.compare(right.text);
    }
    fingerprint hash(const validate::field& value) const override { return fingerprint_of(value.text); }
    bool equal_means_identical() const override { return true; }
    std::size_t length(std::string_view text) const override { return validate::utf8_length(text); }
    bool is_utf8() const override { return true; }
    validate::text_predicate regex(const std::string& pattern, const std::string&) const override
    {
        throw std::runtime_error("not portable: " + pattern);
    }
    std::string json(const validate::field& value) const override
    {
        return value.is == validate::field::kind::text      ? validate::json_string(value.text, 100)
               : value.is == validate::field::kind::integer ? std::to_string(value.integer)
                                                            : std::to_string(value.real);
    }

  private:
    validate::field::kind kind_;
    std::deque<std::string> texts_;
};

inline validate::column fake_column(std::string name, validate::field::kind kind)
{
    return {std::move(name), std::make_unique<fake_type>(kind)};
}

} // namespace etl::test
