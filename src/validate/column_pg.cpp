#include "validate/column_pg.hpp"

#include "core/text.hpp"

extern "C" {
#include <catalog/pg_collation.h>
#include <catalog/pg_type.h>
#include <mb/pg_wchar.h>
#include <utils/lsyscache.h>
#include <utils/pg_locale.h>
#include <utils/typcache.h>
}

#include <bit>
#include <limits>

namespace etl::validate {
namespace {

constexpr std::size_t longest_shown = 1000; // bytes of one failing value in a report

field::kind kind_of(reading how)
{
    switch (how) {
    case reading::boolean:
    case reading::int16:
    case reading::int32:
    case reading::int64:
        return field::kind::integer;
    case reading::float4:
    case reading::float8:
        return field::kind::real;
    case reading::text:
    case reading::padded_text:
        return field::kind::text;
    case reading::other:
        break;
    }
    return field::kind::other;
}

// What the catalog says of a type, gathered under one guard. Trivial, so that it may come back from call().
struct type_facts {
    Oid type; // what a domain is made of
    Oid collation;
    bool deterministic;
    Oid input;
    Oid input_parameter;
    Oid output;
    TypeCacheEntry* cache;
};

bool is_deterministic(Oid collation)
{
    return !OidIsValid(collation) || get_collation_isdeterministic(collation);
}

type_facts look_up(Oid type, Oid collation)
{
    type_facts facts = {};
    bool is_varlena = false;
    facts.type = getBaseType(type);
    facts.collation = collation;
    facts.deterministic = is_deterministic(collation);
    getTypeInputInfo(facts.type, &facts.input, &facts.input_parameter);
    getTypeOutputInfo(facts.type, &facts.output, &is_varlena);
    facts.cache = lookup_type_cache(facts.type, TYPECACHE_CMP_PROC_FINFO | TYPECACHE_HASH_EXTENDED_PROC_FINFO);
    return facts;
}

class pg_column_type final : public column_type {
    // Runs f, which makes something that lives as long as this object.
    template <class F>
    auto in_memory(F&& f) const
    {
        return pg::call([&] {
            MemoryContext old = MemoryContextSwitchTo(memory_);
            auto made = f();
            MemoryContextSwitchTo(old);
            return made;
        });
    }

  public:
    pg_column_type(Oid type, Oid collation, MemoryContext memory)
        : facts_{pg::call([type, collation] { return look_up(type, collation); })}, how_{reading_of(facts_.type)},
          memory_{memory}
    {
    }

    field::kind kind() const override { return kind_of(how_); }

    std::string name() const override
    {
        return pg::call([type = facts_.type] { return static_cast<const char*>(format_type_be(type)); });
    }

    field literal(const std::string& text) override
    {
        return in_memory([&] {
            const Datum value =
                OidInputFunctionCall(facts_.input, const_cast<char*>(text.c_str()), facts_.input_parameter, -1);
            return read_field(how_, value, false);
        });
    }

    int compare(const field& left, const field& right) const override
    {
        if (!OidIsValid(facts_.cache->cmp_proc)) {
            throw error(sqlstate::datatype_mismatch,
                        "type " + name() + " has no order, so its values cannot be compared");
        }
        return pg::call([&] {
            return DatumGetInt32(FunctionCall2Coll(&facts_.cache->cmp_proc_finfo, facts_.collation,
                                                   static_cast<Datum>(left.raw), static_cast<Datum>(right.raw)));
        });
    }

    fingerprint hash(const field& value) const override
    {
        if (value.is == field::kind::real) {
            const double real = value.real == 0 ? 0 : value.real != value.real ? the_nan : value.real;
            return fingerprint_of(std::bit_cast<std::int64_t>(real), number_kind::integer);
        }
        if (value.is == field::kind::text && facts_.deterministic) {
            return fingerprint_of(value.text);
        }
        if (!OidIsValid(facts_.cache->hash_extended_proc)) {
            throw error(sqlstate::datatype_mismatch,
                        "type " + name() + " has no hash function, so its values cannot be checked for uniqueness");
        }
        return pg::call([&] { return fingerprint{extended_hash(value, 1), extended_hash(value, 2)}; });
    }

    bool equal_means_identical() const override { return facts_.deterministic; }

    std::size_t length(std::string_view text) const override
    {
        if (GetDatabaseEncoding() == PG_UTF8) {
            return utf8_length(text);
        }
        return static_cast<std::size_t>(
            pg::call([text] { return pg_mbstrlen_with_len(text.data(), static_cast<int>(text.size())); }));
    }

    text_predicate regex(const std::string& pattern) const override
    {
        const Oid collation = OidIsValid(facts_.collation) ? facts_.collation : DEFAULT_COLLATION_OID;
        const Datum compiled = in_memory([&] { return make_text(pattern); });
        auto matches = [compiled, collation](std::string_view text) {
            return pg::call([&] {
                return DatumGetBool(DirectFunctionCall2Coll(textregexeq, collation, make_text(text), compiled));
            });
        };
        matches({}); // a faulty pattern is PostgreSQL's to refuse, before the first row
        return matches;
    }

    std::string json(const field& value) const override
    {
        if (value.is == field::kind::text) {
            return json_string(value.text, longest_shown);
        }
        const std::string text =
            pg::call([&] { return static_cast<const char*>(OidOutputFunctionCall(facts_.output, datum(value))); });
        if (facts_.type == BOOLOID) {
            return text == "t" ? "true" : "false";
        }
        return is_json_number(text) ? text : json_string(text, longest_shown);
    }

  private:
    static constexpr double the_nan = std::numeric_limits<double>::quiet_NaN();

    static Datum make_text(std::string_view text)
    {
        return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
    }

    static Datum datum(const field& value) { return static_cast<Datum>(value.raw); }

    std::uint64_t extended_hash(const field& value, std::int64_t seed) const
    {
        return DatumGetUInt64(FunctionCall2Coll(&facts_.cache->hash_extended_proc_finfo, facts_.collation, datum(value),
                                                Int64GetDatum(seed)));
    }

    bool is_json_number(const std::string& text) const
    {
        switch (facts_.type) {
        case INT2OID:
        case INT4OID:
        case INT8OID:
        case OIDOID:
        case FLOAT4OID:
        case FLOAT8OID:
        case NUMERICOID: // "NaN" and "Infinity" stay strings: JSON has no such numbers
            return !text.empty() && text.find_first_of("Nny") == std::string::npos;
        default:
            return false;
        }
    }

    type_facts facts_;
    reading how_;
    MemoryContext memory_;
};

std::string_view without_trailing_blanks(std::string_view text)
{
    while (text.ends_with(' ')) {
        text.remove_suffix(1);
    }
    return text;
}

} // namespace

std::unique_ptr<column_type> make_column_type(Oid type, Oid collation, MemoryContext memory)
{
    return std::make_unique<pg_column_type>(type, collation, memory);
}

reading reading_of(Oid base_type)
{
    switch (base_type) {
    case BOOLOID:
        return reading::boolean;
    case INT2OID:
        return reading::int16;
    case INT4OID:
    case DATEOID:
        return reading::int32;
    case INT8OID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
        return reading::int64;
    case FLOAT4OID:
        return reading::float4;
    case FLOAT8OID:
        return reading::float8;
    case TEXTOID:
    case VARCHAROID:
        return reading::text;
    case BPCHAROID:
        return reading::padded_text;
    default:
        return reading::other;
    }
}

field read_field(reading how, Datum value, bool is_null)
{
    field made;
    if (is_null) {
        return made;
    }
    made.is = kind_of(how);
    made.raw = value;
    switch (how) {
    case reading::boolean:
        made.integer = DatumGetBool(value) ? 1 : 0;
        break;
    case reading::int16:
        made.integer = DatumGetInt16(value);
        break;
    case reading::int32:
        made.integer = DatumGetInt32(value);
        break;
    case reading::int64:
        made.integer = DatumGetInt64(value);
        break;
    case reading::float4:
        made.real = static_cast<double>(DatumGetFloat4(value));
        break;
    case reading::float8:
        made.real = DatumGetFloat8(value);
        break;
    case reading::text:
        made.text = pg::varlena_text(value);
        break;
    case reading::padded_text:
        made.text = without_trailing_blanks(pg::varlena_text(value));
        break;
    case reading::other:
        break;
    }
    return made;
}

} // namespace etl::validate
