#include "validate/extremes.hpp"

#include <cmath>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

// Whether weight and digits are such as numeric has.
bool is_sound(std::int64_t weight, std::string_view digits)
{
    const decimal value{.digits = digits};
    for (int i = 0; i < value.count(); ++i) {
        if (value.digit(i) < 0 || value.digit(i) > 9999) {
            return false;
        }
    }
    return digits.size() % 2 == 0 && weight == static_cast<std::int16_t>(weight);
}

} // namespace

void kept_value::assign(const field& value, const column_type& type)
{
    value_ = value;
    switch (value.is) {
    case field::kind::text:
        bytes_ = value.padded_text();
        value_.text = std::string_view{bytes_}.substr(0, value.text.size());
        break;
    case field::kind::decimal:
        bytes_ = value.text;
        value_.text = bytes_;
        break;
    case field::kind::other:
        value_ = type.keep(value, bytes_);
        break;
    default:
        break;
    }
    if (value.is != field::kind::other) {
        value_.raw = 0;
    }
}

void kept_value::write(byte_writer& to, const column_type& type) const
{
    to.value(static_cast<std::uint8_t>(value_.is));
    to.value(static_cast<std::uint8_t>(value_.sign));
    to.value(value_.padding);
    to.value(value_.integer);
    to.value(value_.real);
    to.string(value_.is == field::kind::other ? std::string_view{type.stored(value_)} : std::string_view{bytes_});
}

void kept_value::read(byte_reader& from, column_type& type)
{
    field made;
    const auto kind = from.value<std::uint8_t>();
    const auto sign = from.value<std::uint8_t>();
    made.padding = from.value<std::uint32_t>();
    made.integer = from.value<std::int64_t>();
    made.real = from.value<double>();
    bytes_ = from.string();
    made.is = static_cast<field::kind>(kind);
    made.sign = static_cast<decimal::sign>(sign);
    if ((made.is != field::kind::null && made.is != type.kind()) ||
        sign > static_cast<std::uint8_t>(decimal::sign::negative_infinity) || made.padding > bytes_.size() ||
        (made.padding > 0 && made.is != field::kind::text) ||
        (made.is == field::kind::decimal && !is_sound(made.integer, bytes_))) {
        from.refuse("Its least or greatest value is damaged.");
    }
    made.text = std::string_view{bytes_}.substr(0, bytes_.size() - made.padding);
    value_ = made.is == field::kind::other ? type.read_stored(std::string{bytes_}) : made;
}

bool looks_less(const column_type& type, const field& value, const field& than)
{
    switch (value.is) {
    case field::kind::real:
        return std::signbit(value.real) && !std::signbit(than.real);
    case field::kind::text:
        return !type.equal_means_identical() && value.text < than.text;
    case field::kind::other:
        return !type.equal_looks_same() && type.text(value) < type.text(than);
    default: // decimals are kept without the zeros at their ends
        return false;
    }
}

void extremes::include(const field& value)
{
    const auto goes_beyond = [&](const kept_value& kept, int sign) {
        const int order = kept.is_empty() ? 1 : sign * compare_fields(type_, value, kept.value());
        return order > 0 || (order == 0 && looks_less(type_, value, kept.value()));
    };
    if (goes_beyond(least_, -1)) {
        least_.assign(value, type_);
    }
    if (goes_beyond(greatest_, 1)) {
        greatest_.assign(value, type_);
    }
}

void extremes::merge(const metric& other)
{
    const auto& from = static_cast<const extremes&>(other);
    for (const field* value : {&from.least(), &from.greatest()}) {
        if (!value->is_null()) {
            include(*value);
        }
    }
}

void extremes::write(byte_writer& to)
{
    least_.write(to, type_);
    greatest_.write(to, type_);
}

void extremes::read(byte_reader& from)
{
    least_.read(from, type_);
    greatest_.read(from, type_);
    if (least_.is_empty() != greatest_.is_empty()) {
        from.refuse("Its least and greatest values contradict each other.");
    }
}

} // namespace etl::validate
