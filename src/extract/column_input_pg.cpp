#include "extract/column_input_pg.hpp"

#include "core/text.hpp"
#include "extract/day_words.hpp"
#include "extract/json_text.hpp"
#include "pg/encoding.hpp"
#include "pg/plain_values.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/builtins.h>
#include <utils/datetime.h>
#include <utils/json.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

#include <algorithm>
#include <array>

namespace etl {
namespace {

using pg::value_fault;
using kind = column_text::kind;

constexpr char bad_text[] = "22P02";
constexpr char bad_moment[] = "22007";
constexpr char untranslatable[] = "22P05";

bool is_integer(Oid type)
{
    return type == INT2OID || type == INT4OID || type == INT8OID;
}

bool is_moment(Oid type)
{
    return type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID;
}

// Whether days and times are what values of a type are, or are made of. May raise.
bool holds_days(Oid type)
{
    const Oid base = getBaseType(type);
    if (is_moment(base) || base == TIMEOID || base == TIMETZOID) {
        return true;
    }
    const Oid element = get_element_type(base);
    if (OidIsValid(element)) {
        return holds_days(element);
    }
    switch (get_typtype(base)) {
    case TYPTYPE_RANGE:
        return holds_days(get_range_subtype(base));
    case TYPTYPE_MULTIRANGE:
        return holds_days(get_range_subtype(get_multirange_range(base)));
    case TYPTYPE_COMPOSITE: {
        TupleDesc columns = lookup_rowtype_tupdesc(base, -1);
        bool found = false;
        for (int i = 0; i < columns->natts && !found; ++i) {
            found = !TupleDescAttr(columns, i)->attisdropped && holds_days(TupleDescAttr(columns, i)->atttypid);
        }
        ReleaseTupleDesc(columns);
        return found;
    }
    default:
        return false;
    }
}

} // namespace

column_input::column_input(const FormData_pg_attribute& column, const column_rule& rule)
    : input_{column.atttypid, column.atttypmod}
{
    struct facts {
        Oid base;
        bool is_made_of_json;
        bool holds_days;
    };
    const facts known = pg::call([type = column.atttypid] {
        return facts{getBaseType(type), pg::is_made_of_json(type), holds_days(type)};
    });
    base_type_ = known.base;
    is_domain_ = known.base != column.atttypid;
    holds_days_ = known.holds_days;
    if (known.is_made_of_json) {
        json_input_.emplace(column.atttypid, column.atttypmod);
    }
    if (!rule.format.empty()) {
        choose_format(rule.format);
    }
}

void column_input::choose_format(const std::string& format)
{
    const auto require = [&](bool fits) {
        if (!fits) {
            throw error(sqlstate::datatype_mismatch,
                        "format " + in_quotes(format) + " is none for type " +
                            pg::call([type = base_type_] { return format_type_be(type); }));
        }
    };
    struct known_format {
        std::string_view name;
        value_format format;
    };
    constexpr std::array moments{
        known_format{"epoch", value_format::epoch}, known_format{"epoch_ms", value_format::epoch_ms},
        known_format{"epoch_us", value_format::epoch_us}, known_format{"epoch_ns", value_format::epoch_ns}};
    const auto moment = std::ranges::find(moments, std::string_view{format}, &known_format::name);
    if (format == "hex") {
        require(base_type_ == BYTEAOID || base_type_ == NUMERICOID || is_integer(base_type_));
        format_ = base_type_ == BYTEAOID ? value_format::hex_bytes : value_format::hex_number;
    } else if (format == "base64") {
        require(base_type_ == BYTEAOID);
        format_ = value_format::base64;
    } else if (moment != moments.end()) {
        require(is_moment(base_type_));
        format_ = moment->format;
    } else {
        require(is_moment(base_type_));
        format_ = value_format::pattern;
        pattern_.emplace(format, base_type_);
    }
}

std::optional<value_fault> column_input::read(const column_text& given, pg::soft_batch& batch, NullableDatum& value)
{
    value = {Datum{0}, true};
    if (!given.is_given()) {
        return std::nullopt;
    }
    if (format_ == value_format::none && (base_type_ == JSONBOID || base_type_ == JSONOID)) {
        return read_text(given.json(), batch, value);
    }
    if (json_input_ && (given.is == kind::array || given.is == kind::object)) {
        return read_json(given.text, batch, value);
    }
    std::string_view text = given.text;
    if (given.has_escapes) {
        auto fault = unescape(text);
        if (fault) {
            return fault;
        }
    }
    if (format_ != value_format::none) {
        return read_formatted(given, text, batch, value);
    }
    if (given.is == kind::number && is_integer(base_type_) && text.find_first_of(".eE") != std::string_view::npos) {
        written_.clear();
        text = write_whole_number(text, written_) ? std::string_view{written_} : text;
    }
    return read_text(text, batch, value);
}

std::optional<value_fault> column_input::read_null(pg::soft_batch& batch)
{
    return is_domain_ ? input_.read_null(batch) : std::nullopt;
}

std::optional<value_fault> column_input::unescape(std::string_view& text)
{
    unescaped_.clear();
    const text_fault fault = unescape_json(text, unescaped_);
    text = unescaped_;
    switch (fault) {
    case text_fault::zero_character:
        return value_fault{untranslatable, "the text holds the character \\u0000, which no text of PostgreSQL can", {}};
    case text_fault::lone_surrogate:
        return value_fault{untranslatable, "the text holds half of a surrogate pair, which is no character", {}};
    default:
        return std::nullopt;
    }
}

std::optional<value_fault> column_input::of_server(std::string_view& text, pg::soft_batch& batch)
{
    if (pg::server_speaks_utf8() || is_ascii(text)) {
        return std::nullopt;
    }
    return batch.attempt([&text] {
        const char* made = pg_any_to_server(text.data(), static_cast<int>(text.size()), PG_UTF8);
        text = made == text.data() ? text : std::string_view{made};
    });
}

std::optional<value_fault> column_input::read_text(std::string_view text, pg::soft_batch& batch, NullableDatum& value)
{
    if (auto fault = of_server(text, batch)) {
        return fault;
    }
    value.isnull = false;
    if (!is_domain_ && text.find('\0') == std::string_view::npos) {
        if (const auto made = pg::plain_value(base_type_, input_.modifier(), text)) {
            value.value = *made;
            return std::nullopt;
        }
    }
    if (holds_days_ && has_day_word(text)) {
        return value_fault{bad_moment, "a word that means another day tomorrow is no value", {}};
    }
    return input_.read(text, batch, value.value);
}

std::optional<value_fault> column_input::read_json(std::string_view text, pg::soft_batch& batch, NullableDatum& value)
{
    if (holds_days_ && has_day_word(text)) {
        return value_fault{bad_moment, "a word that means another day tomorrow is no value", {}};
    }
    auto fault = of_server(text, batch);
    return fault ? fault : json_input_->read(text, batch, value);
}

// What the type would do with a value of its own, as rounding it, it does with the text of it.
std::optional<value_fault> column_input::read_pattern(std::string_view text, pg::soft_batch& batch,
                                                      NullableDatum& value)
{
    value.isnull = false;
    auto fault = pattern_->read(text, batch, value.value);
    if (fault || (!is_domain_ && input_.modifier() < 0)) {
        return fault;
    }
    char iso[MAXDATELEN + 1];
    pg::call([&] { JsonEncodeDateTime(iso, value.value, base_type_, nullptr); });
    return input_.read(iso, batch, value.value);
}

std::optional<value_fault> column_input::read_formatted(const column_text& given, std::string_view text,
                                                        pg::soft_batch& batch, NullableDatum& value)
{
    if (given.is == kind::array || given.is == kind::object || given.is == kind::boolean) {
        return value_fault{bad_text, "it is neither a text nor a number", {}};
    }
    if (format_ == value_format::pattern) {
        auto fault = of_server(text, batch);
        return fault ? fault : read_pattern(text, batch, value);
    }
    written_.clear();
    const std::string_view wrong = write_formatted(format_, text, written_);
    return wrong.empty() ? read_text(written_, batch, value) : value_fault{bad_text, std::string{wrong}, {}};
}

} // namespace etl
