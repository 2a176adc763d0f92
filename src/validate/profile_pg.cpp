// Profiles as SQL reads them, and what SQL asks before it scans.
#include "validate/profile.hpp"
#include "pg/result_set.hpp"
#include "validate/type_names.hpp"
#include "validate/validation_state_pg.hpp"

extern "C" {
#include <access/nbtree.h>
#include <mb/pg_wchar.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

#include <algorithm>
#include <array>
#include <limits>
#include <string>

namespace etl::validate {
namespace {

// One row of SQL values, filled from the left.
class profile_row {
  public:
    void text(const std::string& value, bool is_null = false) { is_null ? put_null() : put(verified_text(value)); }
    void text(const std::optional<std::string>& value) { text(value.value_or(std::string{}), !value); }
    void count(std::uint64_t value) { put(Int64GetDatum(static_cast<std::int64_t>(value))); }
    void count(const std::optional<std::uint64_t>& value) { value ? count(*value) : put_null(); }
    void real(const std::optional<double>& value) { value ? put(Float8GetDatum(*value)) : put_null(); }
    void length(const std::optional<std::uint64_t>& value)
    {
        constexpr std::uint64_t most = std::numeric_limits<std::int32_t>::max();
        value ? put(Int32GetDatum(static_cast<std::int32_t>(std::min(*value, most)))) : put_null();
    }
    void finish(pg::result_set& rows) { rows.put(values_, nulls_); }

  private:
    // It may come from a forged state: checked to be in the database's encoding.
    static Datum verified_text(const std::string& text)
    {
        pg::call([&] { pg_verifymbstr(text.data(), static_cast<int>(text.size()), false); });
        return pg::make_text(text);
    }
    void put(Datum value)
    {
        values_[filled_] = value;
        nulls_[filled_++] = false;
    }
    void put_null() { nulls_[filled_++] = true; }

    std::array<Datum, 15> values_ = {};
    std::array<bool, 15> nulls_ = {};
    std::size_t filled_ = 0;
};

std::string top_as_json(const std::vector<profile_summary::counted>& top)
{
    std::string made;
    for (const auto& [json, rows] : top) {
        made += made.empty() ? "[" : ", ";
        made += "{\"value\": " + json + ", \"count\": " + std::to_string(rows) + '}';
    }
    return made.empty() ? "[]" : made + ']';
}

std::string quantiles_as_json(const std::vector<std::string>& quantiles)
{
    constexpr std::array names{"0.05", "0.25", "0.50", "0.75", "0.95"};
    static_assert(names.size() == profile_quantiles.size());
    std::string made{"{"};
    for (std::size_t i = 0; i < quantiles.size(); ++i) {
        made += i > 0 ? ", \"" : "\"";
        made += std::string{names[i]} + "\": " + quantiles[i];
    }
    return made + '}';
}

std::string sought_as_json(const std::vector<fingerprint>& prints)
{
    std::string made;
    for (const fingerprint& print : prints) {
        made += (made.empty() ? "[\"" : ", \"") + hex_of(print) + '"';
    }
    return made + ']';
}

void put_profile(pg::result_set& rows, const std::string& column, const profile_summary& found)
{
    const auto& characters = found.characters;
    const bool has_lengths = characters.has_value();
    profile_row row;
    row.text(column);
    row.count(found.rows);
    row.count(found.values);
    row.count(found.distinct);
    row.text(found.least);
    row.text(found.greatest);
    row.real(found.mean);
    row.real(found.deviation);
    row.text(quantiles_as_json(found.quantiles), found.quantiles.empty());
    row.text(found.top ? top_as_json(*found.top) : std::string{}, !found.top);
    row.length(has_lengths ? std::optional{characters->shortest} : std::nullopt);
    row.length(has_lengths ? std::optional{characters->longest} : std::nullopt);
    row.real(has_lengths ? std::optional{characters->mean} : std::nullopt);
    row.text(found.pattern, found.pattern.empty());
    row.text(sought_as_json(found.sought), found.sought.empty());
    row.finish(rows);
}

} // namespace
} // namespace etl::validate

using namespace etl;
using namespace etl::validate;

// etl._column_profiles(state, most_frequent)
ETL_FUNCTION(etl_column_profiles, args)
{
    pg::result_set rows{args};
    const read_validation read{args.datum(0), CurrentMemoryContext};
    const auto most = static_cast<std::size_t>(std::clamp(args.get<std::int32_t>(1), 0, 1000));
    const auto metrics = read.rules().metrics();
    for (std::size_t i = 0; i < metrics.size(); ++i) {
        if (metrics[i].kind == metric_kind::profile) {
            auto& found = static_cast<column_profile&>(read.state().measured(i));
            put_profile(rows, read.rules().columns()[metrics[i].columns.front()].name, found.summarize(most));
        }
    }
    return rows.finish();
}

// Whether equal values of a type look the same: what PostgreSQL's B-trees must know to store them once.
ETL_FUNCTION(etl_equal_is_identical, args)
{
    const TypeCacheEntry* type =
        lookup_type_cache(getBaseType(DatumGetObjectId(args.datum(0))), TYPECACHE_BTREE_OPFAMILY);
    const Oid decides = OidIsValid(type->btree_opf) ? get_opfamily_proc(type->btree_opf, type->btree_opintype,
                                                                        type->btree_opintype, BTEQUALIMAGE_PROC)
                                                    : InvalidOid;
    const Oid collation = DatumGetObjectId(args.datum(1));
    return args.result(OidIsValid(decides) &&
                       DatumGetBool(OidFunctionCall1Coll(decides, collation, ObjectIdGetDatum(type->btree_opintype))));
}

ETL_FUNCTION(etl_great_expectations_type, args)
{
    return args.result(great_expectations_name(args.get<std::string_view>(0)));
}
