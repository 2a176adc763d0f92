#include "validate/column_pg.hpp"

#include "core/text.hpp"
#include "pg/error_context.hpp"
#include "pg/portable_settings.hpp"
#include "sketch/fingerprint_pg.hpp"
#include "validate/datum_pg.hpp"
#include "validate/json_schema_pg.hpp"
#include "sketch/stored_types_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/nbtree.h>
#include <catalog/pg_collation.h>
#include <catalog/pg_type.h>
#include <lib/stringinfo.h>
#include <libpq/pqformat.h>
#include <mb/pg_wchar.h>
#include <utils/array.h>
#include <utils/date.h>
#include <utils/fmgrprotos.h>
#include <utils/json.h>
#include <utils/lsyscache.h>
#include <utils/numeric.h>
#include <utils/pg_locale.h>
#include <utils/syscache.h>
#include <utils/typcache.h>
}

#include <algorithm>

namespace etl::validate {
namespace {

constexpr std::size_t longest_shown = 1000; // bytes of one failing value in a report

// What the catalog says of a type, gathered under one guard. Trivial, so that it may come back from call().
struct type_facts {
    Oid type; // what a domain is made of
    Oid collation;
    bool deterministic;
    bool bytewise;   // the collation orders texts by their bytes
    reading literal; // how to read what `input` makes
    Oid input;
    Oid input_parameter;
    Oid output;
    int16 length;
    bool by_value;
    TypeCacheEntry* cache;
};

bool is_deterministic(Oid collation)
{
    return !OidIsValid(collation) || get_collation_isdeterministic(collation);
}

bool orders_by_bytes(Oid collation)
{
#if PG_VERSION_NUM >= 180000
    return pg_newlocale_from_collation(collation)->collate_is_c;
#else
    return lc_collate_is_c(collation);
#endif
}

// The type that reads literals: a bound may be beyond what a column of small integers can hold.
Oid literal_type(Oid type)
{
    return type == INT2OID || type == INT4OID ? INT8OID : type;
}

type_facts look_up(Oid type, Oid collation)
{
    type_facts facts = {};
    bool is_varlena = false;
    facts.type = getBaseType(type);
    facts.collation = collation;
    facts.deterministic = is_deterministic(collation);
    facts.bytewise = facts.deterministic && OidIsValid(collation) && orders_by_bytes(collation);
    facts.literal = reading_of(literal_type(facts.type));
    getTypeInputInfo(literal_type(facts.type), &facts.input, &facts.input_parameter);
    getTypeOutputInfo(facts.type, &facts.output, &is_varlena);
    get_typlenbyval(facts.type, &facts.length, &facts.by_value);
    facts.cache = lookup_type_cache(facts.type, TYPECACHE_CMP_PROC_FINFO | TYPECACHE_HASH_EXTENDED_PROC_FINFO |
                                                    TYPECACHE_BTREE_OPFAMILY);
    return facts;
}

// Types whose values compare with each other as they are. Others are only comparable with themselves.
Oid family_of(Oid type)
{
    switch (type) {
    case INT2OID:
    case INT4OID:
        return INT8OID;
    case FLOAT4OID:
        return FLOAT8OID;
    case VARCHAROID:
        return TEXTOID;
    default:
        return type;
    }
}

class pg_column_type final : public column_type {
    // Runs f, which makes something that lives as long as this object; the line says what for, if it fails.
    template <class F>
    auto in_memory(const char* line, F&& f) const
    {
        return pg::call_in_context(line, [&] {
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

    field literal(const std::string& text, const std::string& purpose) override
    {
        const std::string line = "value \"" + text + "\" of " + purpose;
        const bool is_zoned = facts_.type == TIMESTAMPOID && may_name_zone(text);
        return in_memory(line.c_str(), [&] {
            char* const input = const_cast<char*>(text.c_str());
            const Datum value = is_zoned ? read_zoned_timestamp(input)
                                         : OidInputFunctionCall(facts_.input, input, facts_.input_parameter, -1);
            field made;
            read_field(made, facts_.literal, value, false);
            return made;
        });
    }

    bool is_storable() const override
    {
        return pg::call([type = facts_.type] { return reads_no_code(type); });
    }

    std::string stored(const field& value) const override
    {
        return pg::call_portably(
            [&] { return static_cast<const char*>(OidOutputFunctionCall(facts_.output, datum(value))); });
    }

    field read_stored(const std::string& text) override
    {
        if (!is_storable()) {
            throw error(sqlstate::feature_not_supported, "a validation state must not hold values of type " + name(),
                        "Reading them would run the conditions of a domain inside.");
        }
        const Datum value = pg::call_portably([&] {
            MemoryContext old = MemoryContextSwitchTo(memory_);
            const Datum made =
                OidInputFunctionCall(facts_.input, const_cast<char*>(text.c_str()), facts_.input_parameter, -1);
            MemoryContextSwitchTo(old);
            return made;
        });
        field made;
        read_field(made, reading::other, value, false);
        return made;
    }

    measure measures() const override
    {
        switch (facts_.type) {
        case INT2OID:
        case INT4OID:
        case INT8OID:
        case FLOAT4OID:
        case FLOAT8OID:
        case NUMERICOID:
            return measure::number;
        case DATEOID:
        case TIMESTAMPOID:
        case TIMESTAMPTZOID:
            return measure::moment;
        default:
            return measure::none;
        }
    }

    bool is_ordered() const override { return OidIsValid(facts_.cache->cmp_proc); }

    bool is_hashable() const override { return OidIsValid(facts_.cache->hash_extended_proc); }

    bool is_comparable_with(const column_type& other) const override
    {
        // every column_type in a server is one of these
        return family_of(facts_.type) == family_of(static_cast<const pg_column_type&>(other).facts_.type);
    }

    comparison comparison_with(const column_type& other) const override
    {
        const auto& right = static_cast<const pg_column_type&>(other);
        const auto compare = std::make_shared<FmgrInfo>();
        const bool exists = pg::call([&] {
            const Oid found = get_opfamily_proc(facts_.cache->btree_opf, facts_.type, right.facts_.type, BTORDER_PROC);
            if (OidIsValid(found)) {
                fmgr_info_cxt(found, compare.get(), memory_);
            }
            return OidIsValid(found);
        });
        if (!exists) {
            return {};
        }
        return [this, &right, compare](const field& a, const field& b) {
            return pg::call([&] {
                return DatumGetInt32(FunctionCall2Coll(compare.get(), facts_.collation, datum(a), right.datum(b)));
            });
        };
    }

    field keep(const field& value, std::pmr::string& bytes) const override
    {
        field made = value;
        if (!facts_.by_value) {
            const std::string_view found = pg::call([&] { return bytes_of(datum(value)); });
            bytes.assign(found);
            made.raw = reinterpret_cast<std::uintptr_t>(bytes.data());
        }
        return made;
    }

    int compare(const field& left, const field& right) const override
    {
        return pg::call([&] {
            return DatumGetInt32(
                FunctionCall2Coll(&facts_.cache->cmp_proc_finfo, facts_.collation, datum(left), datum(right)));
        });
    }

    fingerprint hash(const field& value, std::uint64_t seed) const override
    {
        if (facts_.type == UUIDOID) {
            return fingerprint_of_uuid(reinterpret_cast<const std::byte*>(DatumGetPointer(datum(value))));
        }
        fingerprint made = {};
        if (!pg::call([&] { return print(own_printer(), datum(value), seed, made); })) {
            throw error(sqlstate::feature_not_supported, "a value of type " + name() + " has no hash function");
        }
        return made;
    }

    bool equal_looks_same() const override
    {
        return pg::call([this] { return are_bytes_printed(own_printer()); });
    }

    bool equal_means_identical() const override { return facts_.deterministic; }
    bool ordered_by_bytes() const override { return facts_.bytewise; }

    std::size_t length(std::string_view text) const override
    {
        if (is_utf8()) {
            return utf8_length(text);
        }
        return static_cast<std::size_t>(
            pg::call([text] { return pg_mbstrlen_with_len(text.data(), static_cast<int>(text.size())); }));
    }

    bool is_utf8() const override { return GetDatabaseEncoding() == PG_UTF8; }

    static bool matches_empty(Oid collation, Datum compiled)
    {
        return DatumGetBool(DirectFunctionCall2Coll(textregexeq, collation, make_text(std::string_view{""}), compiled));
    }

    text_predicate regex(const std::string& pattern, const std::string& purpose) const override
    {
        const std::string line = "regex \"" + pattern + "\" of " + purpose;
        const Oid collation = OidIsValid(facts_.collation) ? facts_.collation : DEFAULT_COLLATION_OID;
        const Datum compiled = in_memory(line.c_str(), [&] { return make_text(pattern); });
        auto matches = [compiled, collation](std::string_view text) {
            return pg::call([&] {
                return DatumGetBool(DirectFunctionCall2Coll(textregexeq, collation, make_text(text), compiled));
            });
        };
        // A faulty pattern is PostgreSQL's to refuse, before the first row.
        pg::call_in_context(line.c_str(), [&] { return matches_empty(collation, compiled); });
        return matches;
    }

    std::string text(const field& value) const override
    {
        return pg::call([&] { return static_cast<const char*>(OidOutputFunctionCall(facts_.output, datum(value))); });
    }

    std::string json(const field& value) const override
    {
        if (value.is == field::kind::text) {
            return json_string(value.text, longest_shown);
        }
        const std::string text = pg::call([&] { return static_cast<const char*>(output(datum(value))); });
        if (facts_.type == BOOLOID) {
            return text == "t" ? "true" : "false";
        }
        return is_json_number(text) ? text : json_string(text, longest_shown);
    }

    std::string json_of_measure(std::int64_t whole) const override
    {
        field made;
        made.is = field::kind::integer;
        made.integer = whole;
        return json(made);
    }

    poll_fn poll() const override { return pg::poll; }

  private:
    static Datum make_text(std::string_view text)
    {
        return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
    }

    // Moments in ISO 8601 as JSON has them, whatever datestyle says; everything else as users see it.
    char* output(Datum value) const
    {
        switch (facts_.type) {
        case DATEOID:
        case TIMESTAMPOID:
        case TIMESTAMPTZOID:
            return JsonEncodeDateTime(nullptr, value, facts_.type, nullptr);
        default:
            return OidOutputFunctionCall(facts_.output, value);
        }
    }

    // Of a type that is passed by reference; detoasted.
    std::string_view bytes_of(Datum value) const
    {
        if (facts_.length == -1) {
            const auto* from = PG_DETOAST_DATUM(value);
            return {reinterpret_cast<const char*>(from), VARSIZE(from)};
        }
        const char* from = DatumGetPointer(value);
        return {from, facts_.length > 0 ? static_cast<std::size_t>(facts_.length) : std::strlen(from) + 1};
    }

    // What the type's functions take. A value that does not come from a row has its number alone.
    Datum datum(const field& value) const
    {
        if (value.raw != 0 || value.is == field::kind::other) {
            return static_cast<Datum>(value.raw);
        }
        switch (how_) {
        case reading::boolean:
            return BoolGetDatum(value.integer != 0);
        case reading::int16:
            return Int16GetDatum(static_cast<std::int16_t>(value.integer));
        case reading::int32:
            return Int32GetDatum(static_cast<std::int32_t>(value.integer));
        case reading::int64:
            return Int64GetDatum(value.integer);
        case reading::float4:
            return Float4GetDatum(static_cast<float>(value.real));
        case reading::float8:
            return Float8GetDatum(value.real);
        case reading::text:
        case reading::padded_text:
            return make_text(value.padded_text());
        default:
            return make_numeric(value.as_decimal());
        }
    }

    // Made for the first value. May raise.
    printer& own_printer() const
    {
        if (printer_ == nullptr) {
            MemoryContext old = MemoryContextSwitchTo(memory_);
            printer_ = make_printer(facts_.type, facts_.collation);
            MemoryContextSwitchTo(old);
        }
        return *printer_;
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
    mutable printer* printer_ = nullptr;
};

} // namespace

std::unique_ptr<column_type> make_column_type(Oid type, Oid collation, MemoryContext memory)
{
    return std::make_unique<pg_column_type>(type, collation, memory);
}

std::optional<std::string> registered_schema(const std::string& uri)
{
    return registered_json_schemas()(uri);
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
    case NUMERICOID:
        return reading::numeric;
    default:
        return reading::other;
    }
}

std::vector<reading> readings_of(const checker& checks, std::span<const Oid> types)
{
    std::vector<reading> made;
    for (std::size_t i = 0; i < types.size(); ++i) {
        pg::poll();
        const Oid base = pg::call([type = types[i]] { return getBaseType(type); });
        made.push_back(checks.needs_value(i) ? reading_of(base) : reading::presence);
    }
    return made;
}

} // namespace etl::validate
