#include "pg/plain_values.hpp"

#include "core/hex.hpp"
#include "core/iso_moment.hpp"
#include "pg/memory.hpp"
#include "pg/numeric.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/date.h>
#include <utils/uuid.h>
}

#include <charconv>
#include <cstring>

namespace etl::pg {
namespace {

bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

bool begins_with_number(std::string_view text) noexcept
{
    const std::size_t at = text.starts_with('-') ? 1 : 0;
    return at < text.size() && is_digit(text[at]);
}

// All of the text as a number in the machine's form.
template <class Number>
std::optional<Number> whole_number(std::string_view text) noexcept
{
    Number value{};
    const char* end = text.data() + text.size();
    const auto [stopped, failure] = std::from_chars(text.data(), end, value);
    return begins_with_number(text) && failure == std::errc{} && stopped == end ? std::optional{value} : std::nullopt;
}

template <class Number, class Make>
std::optional<Datum> number_datum(std::string_view text, Make&& make)
{
    const auto value = whole_number<Number>(text);
    return value ? std::optional<Datum>{make(*value)} : std::nullopt;
}

std::optional<Datum> bool_datum(std::string_view text)
{
    if (text == "true") {
        return BoolGetDatum(true);
    }
    return text == "false" ? std::optional{BoolGetDatum(false)} : std::nullopt;
}

Datum text_datum(std::string_view text)
{
    auto* made = static_cast<varlena*>(allocate_in(CurrentMemoryContext, text.size() + VARHDRSZ));
    SET_VARSIZE(made, text.size() + VARHDRSZ);
    std::memcpy(VARDATA(made), text.data(), text.size());
    return PointerGetDatum(made);
}

// numeric --------------------------------------------------------------------------------------------------------------

// The digits of a number without an exponent.
struct decimal_text {
    bool is_negative;
    std::string_view whole; // without zeros in front
    std::string_view fraction;
};

std::optional<decimal_text> split_decimal(std::string_view text)
{
    decimal_text made{text.starts_with('-'), {}, {}};
    text.remove_prefix(made.is_negative ? 1 : 0);
    std::size_t at = 0;
    while (at < text.size() && is_digit(text[at])) {
        ++at;
    }
    made.whole = text.substr(0, at);
    if (at < text.size() && text[at] == '.') {
        made.fraction = text.substr(at + 1);
        for (at = made.whole.size() + 1; at < text.size() && is_digit(text[at]); ++at) {
        }
    }
    if (made.whole.empty() || at != text.size() || text.back() == '.') {
        return std::nullopt;
    }
    made.whole.remove_prefix(std::min(made.whole.find_first_not_of('0'), made.whole.size()));
    return made;
}

// How many places a numeric with this modifier shows; -1 where it would round the number or refuse it.
int places_of(const decimal_text& number, std::int32_t modifier)
{
    const auto given = static_cast<int>(number.fraction.size());
    if (modifier < VARHDRSZ) {
        return given;
    }
    const int precision = (modifier - VARHDRSZ) >> 16 & 0xFFFF;
    const int scale = (((modifier - VARHDRSZ) & 0x7FF) ^ 1024) - 1024; // from PostgreSQL 15 on it may be negative
    const bool fits = scale >= given && static_cast<int>(number.whole.size()) <= precision - scale;
    return fits ? scale : -1;
}

// Four digits at a time, counted from the point, without groups of zeros at either end.
class digit_groups {
  public:
    static constexpr std::size_t most = 64; // digits on either side of the point

    explicit digit_groups(const decimal_text& number)
    {
        const std::size_t odd = number.whole.size() % 4;
        weight_ = static_cast<int>((number.whole.size() + 3) / 4) - 1;
        if (odd > 0) {
            put(number.whole.substr(0, odd), odd);
        }
        for (std::size_t at = odd; at < number.whole.size(); at += 4) {
            put(number.whole.substr(at, 4), 4);
        }
        for (std::size_t at = 0; at < number.fraction.size(); at += 4) {
            put(number.fraction.substr(at, 4), 4);
        }
        while (count_ > 0 && groups_[count_ - 1] == 0) {
            --count_;
        }
    }

    decimal value(bool is_negative) const
    {
        const std::string_view bytes{reinterpret_cast<const char*>(groups_), count_ * sizeof groups_[0]};
        if (count_ == 0) {
            return {};
        }
        return {is_negative ? decimal::sign::negative : decimal::sign::positive, weight_, bytes};
    }

  private:
    // A part that has fewer digits than it stands for ends in zeros.
    void put(std::string_view digits, std::size_t width)
    {
        int group = 0;
        for (std::size_t i = 0; i < width; ++i) {
            group = group * 10 + (i < digits.size() ? digits[i] - '0' : 0);
        }
        if (count_ == 0 && group == 0) {
            --weight_;
            return;
        }
        groups_[count_++] = static_cast<std::int16_t>(group);
    }

    std::int16_t groups_[most / 2 + 2] = {};
    std::size_t count_ = 0;
    int weight_ = -1;
};

std::optional<Datum> numeric_datum(std::string_view text, std::int32_t modifier)
{
    const auto number = split_decimal(text);
    if (!number || number->whole.size() > digit_groups::most || number->fraction.size() > digit_groups::most) {
        return std::nullopt;
    }
    const int places = places_of(*number, modifier);
    if (places < 0) {
        return std::nullopt;
    }
    const digit_groups groups{*number};
    const decimal value = groups.value(number->is_negative);
    return call([&value, places] { return make_numeric(value, places); });
}

// Days and moments -----------------------------------------------------------------------------------------------------

std::optional<Datum> date_datum(std::string_view text)
{
    const auto day = iso_day(text);
    return day ? std::optional{DateADTGetDatum(*day)} : std::nullopt;
}

// Its input function reads a zone and passes over it.
std::optional<Datum> timestamp_datum(std::string_view text)
{
    const auto moment = iso_local_moment(text);
    if (!moment || (!moment->rest.empty() && !iso_zone(moment->rest))) {
        return std::nullopt;
    }
    return TimestampGetDatum(moment->value);
}

// Without a zone the session's counts, which the input function knows.
std::optional<Datum> timestamptz_datum(std::string_view text)
{
    const auto moment = iso_local_moment(text);
    const auto zone = moment ? iso_zone(moment->rest) : std::nullopt;
    return zone ? std::optional{TimestampTzGetDatum(moment->value - *zone)} : std::nullopt;
}

std::optional<Datum> uuid_datum(std::string_view text)
{
    if (text.size() != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') {
        return std::nullopt;
    }
    unsigned char bytes[UUID_LEN];
    std::size_t at = 0;
    for (unsigned char& byte : bytes) {
        at += text[at] == '-' ? 1 : 0;
        const int high = hex_digit(text[at]);
        const int low = hex_digit(text[at + 1]);
        if (high < 0 || low < 0) {
            return std::nullopt;
        }
        byte = static_cast<unsigned char>(high << 4 | low);
        at += 2;
    }
    auto* made = static_cast<pg_uuid_t*>(allocate_in(CurrentMemoryContext, sizeof(pg_uuid_t)));
    std::memcpy(made->data, bytes, sizeof bytes);
    return UUIDPGetDatum(made);
}

} // namespace

std::optional<Datum> plain_value(Oid type, std::int32_t modifier, std::string_view text)
{
    switch (type) {
    case BOOLOID:
        return bool_datum(text);
    case INT2OID:
        return number_datum<std::int16_t>(text, [](std::int16_t value) { return Int16GetDatum(value); });
    case INT4OID:
        return number_datum<std::int32_t>(text, [](std::int32_t value) { return Int32GetDatum(value); });
    case INT8OID:
        return number_datum<std::int64_t>(text, [](std::int64_t value) { return Int64GetDatum(value); });
    case FLOAT8OID:
        return number_datum<double>(text, [](double value) { return Float8GetDatum(value); });
    case NUMERICOID:
        return numeric_datum(text, modifier);
    case TEXTOID:
        return text_datum(text);
    case VARCHAROID: // bytes are characters at least
        return modifier < VARHDRSZ || text.size() <= static_cast<std::size_t>(modifier - VARHDRSZ)
                   ? std::optional{text_datum(text)}
                   : std::nullopt;
    case DATEOID:
        return date_datum(text);
    case TIMESTAMPOID:
        return modifier < 0 ? timestamp_datum(text) : std::nullopt;
    case TIMESTAMPTZOID:
        return modifier < 0 ? timestamptz_datum(text) : std::nullopt;
    case UUIDOID:
        return uuid_datum(text);
    default:
        return std::nullopt;
    }
}

} // namespace etl::pg
