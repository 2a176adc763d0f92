// From validation states to rows that SQL reads.
#include "pg/result_set.hpp"
#include "validate/judge.hpp"
#include "validate/validation_state_pg.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <mb/pg_wchar.h>
#include <storage/itemptr.h>
#include <utils/array.h>
}

#include <array>
#include <span>
#include <string>
#include <vector>

namespace etl::validate {
namespace {

// A text that is checked to be in the database's encoding: it may come from a forged state.
Datum verified_text(const std::string& text)
{
    pg::call([&] { pg_verifymbstr(text.data(), static_cast<int>(text.size()), false); });
    return pg::make_text(text);
}

// One row of SQL values, filled from the left.
template <std::size_t columns>
class row_builder {
  public:
    void put(Datum value)
    {
        values_[filled_] = value;
        nulls_[filled_++] = false;
    }
    void put_null() { nulls_[filled_++] = true; }
    void text(const std::string& value) { value.empty() ? put_null() : put(verified_text(value)); }
    void json_text(const json& value) { value.is_null() ? put_null() : put(verified_text(value.dump())); }
    void count(const std::optional<std::uint64_t>& value)
    {
        value ? put(Int64GetDatum(static_cast<std::int64_t>(*value))) : put_null();
    }
    void real(const std::optional<double>& value) { value ? put(Float8GetDatum(*value)) : put_null(); }
    void finish(pg::result_set& rows) { rows.put(values_, nulls_); }

  private:
    std::array<Datum, columns> values_ = {};
    std::array<bool, columns> nulls_ = {};
    std::size_t filled_ = 0;
};

template <class Part>
std::string json_array(const std::vector<failures::failure>& listed, Part part)
{
    std::string made{"["};
    for (const failures::failure& found : listed) {
        made += made.size() > 1 ? ", " : "";
        made += found.*part;
    }
    return made + ']';
}

Datum make_tables(const std::vector<failures::failure>& listed)
{
    auto* values = pg::allocate_array<Datum>(listed.size());
    for (std::size_t i = 0; i < listed.size(); ++i) {
        values[i] = ObjectIdGetDatum(listed[i].position.table);
    }
    return pg::call([values, count = static_cast<int>(listed.size())] {
        return PointerGetDatum(construct_array(values, count, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
    });
}

Datum make_row_ids(const std::vector<failures::failure>& listed)
{
    auto* values = pg::allocate_array<Datum>(listed.size());
    auto* places = pg::allocate_array<ItemPointerData>(listed.size());
    for (std::size_t i = 0; i < listed.size(); ++i) {
        ItemPointerSet(&places[i], listed[i].position.block, listed[i].position.offset);
        values[i] = PointerGetDatum(&places[i]);
    }
    return pg::call([values, count = static_cast<int>(listed.size())] {
        return PointerGetDatum(construct_array(values, count, TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT));
    });
}

void put_outcome(pg::result_set& rows, const outcome& o, const plan& told)
{
    row_builder<17> row;
    const bool decided = o.fault.empty();
    row.put(Int32GetDatum(static_cast<std::int32_t>(told.number_in_suite(o.number))));
    row.text(o.what->type->name);
    row.json_text(o.what->kwargs);
    row.text(o.what->severity);
    row.put(BoolGetDatum(decided && o.success));
    row.count(o.element_count);
    row.count(o.missing_count);
    row.count(o.unexpected_count);
    row.real(o.unexpected_percent);
    row.json_text(o.observed_value);
    o.details_text.empty() ? row.json_text(o.details) : row.text(o.details_text);
    const bool has_keys = !o.listed.empty() && !o.listed.front().keys.empty();
    row.text(o.unexpected_count ? json_array(o.listed, &failures::failure::values) : std::string{});
    row.text(has_keys ? json_array(o.listed, &failures::failure::keys) : std::string{});
    row.put(make_tables(o.listed));
    row.put(make_row_ids(o.listed));
    row.json_text(o.look_for);
    row.text(o.fault);
    row.finish(rows);
}

bool has_places(const read_validation& read)
{
    for (std::size_t i = 0; i < read.rules().tested().size(); ++i) {
        const auto listed = read.state().tested(i).listed();
        if (!listed.empty() && listed.front().position.table == 0) {
            return false;
        }
    }
    return true;
}

std::span<const Datum> states_of(Datum array)
{
    struct elements {
        Datum* values;
        int count;
    };
    const elements found = pg::call([array] {
        elements made = {};
        ArrayType* states = DatumGetArrayTypeP(array);
        deconstruct_array(states, ARR_ELEMTYPE(states), -1, false, TYPALIGN_DOUBLE, &made.values, nullptr, &made.count);
        return made;
    });
    return {found.values, static_cast<std::size_t>(found.count)};
}

} // namespace
} // namespace etl::validate

using namespace etl;
using namespace etl::validate;

ETL_FUNCTION(etl_outcomes, args)
{
    pg::result_set rows{args};
    for (const Datum state : states_of(args.datum(0))) {
        const read_validation read{state, CurrentMemoryContext};
        const scanned scan{&read.rules(), &read.state()};
        for (const outcome& o : judge({&scan, 1})) {
            put_outcome(rows, o, read.rules().made_from());
            pg::poll();
        }
    }
    return rows.finish();
}

ETL_FUNCTION(etl_have_places, args)
{
    for (const Datum state : states_of(args.datum(0))) {
        if (!has_places(read_validation{state, CurrentMemoryContext})) {
            return BoolGetDatum(false);
        }
    }
    return BoolGetDatum(true);
}
