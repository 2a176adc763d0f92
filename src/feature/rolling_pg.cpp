// etl.rolling and etl._rolling_into: the rows of a table or query with aggregates over the spans before them, as the
// rows of a set or straight into a new table.
#include "feature/rolling_values_pg.hpp"
#include "pg/result_set.hpp"
#include "pg/shared_parts.hpp"
#include "pg/table_writer.hpp"

extern "C" {
#include <access/tupdesc.h>
#include <executor/spi.h>
#include <nodes/execnodes.h>
#include <utils/builtins.h>
#include <utils/guc.h>
}

#include <string>

namespace etl::feature {
namespace {

class rows_into_set final : public rolling_rows {
  public:
    rows_into_set(const rolling_plan& plan, pg::result_set& to) : rolling_rows{plan}, to_{to} {}

  private:
    void put(std::span<Datum> values, std::span<bool> nulls) override { to_.put(values, nulls); }
    pg::result_set& to_;
};

class rows_into_table final : public rolling_rows {
  public:
    rows_into_table(const rolling_plan& plan, pg::table_writer& to) : rolling_rows{plan}, to_{to} {}

  private:
    void put(std::span<Datum> values, std::span<bool> nulls) override { to_.put(values, nulls); }
    pg::table_writer& to_;
};

// What a part may take: as much as a hash table, and some more, for a small work_mem would cut parts into many pieces.
std::size_t part_budget()
{
    constexpr std::size_t extra = std::size_t{32} << 20;
    return static_cast<std::size_t>(static_cast<double>(work_mem) * 1024 * hash_mem_multiplier) + extra;
}

void compute(const rolling_plan& plan, std::span<const std::byte> area, std::span<const std::byte> scanned,
             rolling_rows& to)
{
    if (scanned.empty()) { // there was no row
        return;
    }
    pg::context_resource memory;
    std::vector<slot_form> forms;
    std::vector<rolling_call> calls;
    for (const planned_slot& slot : plan.slots) {
        forms.push_back(slot.form);
    }
    for (const planned_call& call : plan.calls) {
        calls.push_back({call.function, call.slot});
    }
    const type_order order{plan.slots};
    pg::file_run_store store{area, CurrentMemoryContext};
    part_chunks chunks{&memory};
    read_chunks(scanned, chunks);
    sorted_rows parts{&memory, store, std::move(chunks), part_budget(), pg::poll};
    rolling all{&memory, forms, calls, plan.spans, order};
    while (parts.next_part()) {
        all.run(parts, to, pg::poll);
    }
    store.close();
}

void require_columns(TupleDesc list, const rolling_plan& plan)
{
    std::vector<Oid> types;
    for (std::size_t i = 0; i < plan.result_columns(); ++i) {
        types.push_back(plan.result_type(i));
    }
    pg::require_columns(list, types, plan.columns);
}

} // namespace
} // namespace etl::feature

using namespace etl;
using namespace etl::feature;

ETL_FUNCTION(etl_rolling, args)
{
    const TupleDesc list = pg::listed_columns(args, "etl.rolling", "r(id bigint, …)");
    pg::result_set rows{args};
    SPI_connect();
    const rolling_plan plan = make_rolling_plan(args, 0);
    require_columns(list, plan);
    const auto area = pg::make_spill_directory(CurTransactionContext);
    const auto scanned = pg::scan_parts(plan.scan, area);
    {
        rows_into_set to{plan, rows};
        compute(plan, area, scanned, to);
    }
    pg::clear_spill_directory(area);
    SPI_finish();
    return rows.finish();
}

// (new_table, target, keys, ts, windows, aggregates, columns)
ETL_FUNCTION(etl_rolling_into, args)
{
    const auto table = static_cast<Oid>(DatumGetObjectId(args.given(0)));
    SPI_connect();
    const rolling_plan plan = make_rolling_plan(args, 1);
    const auto area = pg::make_spill_directory(CurTransactionContext);
    const auto scanned = pg::scan_parts(plan.scan, area);
    std::int64_t written = 0;
    {
        pg::table_writer writer{table};
        require_columns(writer.columns(), plan);
        rows_into_table to{plan, writer};
        compute(plan, area, scanned, to);
        written = writer.finish();
    }
    pg::clear_spill_directory(area);
    SPI_finish();
    return args.result(written);
}
