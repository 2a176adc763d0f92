// etl._next_steps: reads the steps of a run, and says which come next.
#include "pipeline/step_graph.hpp"
#include "pg/query_rows.hpp"
#include "pg/result_set.hpp"
#include "pg/spi.hpp"

extern "C" {
#include <utils/array.h>
}

#include <algorithm>

namespace {

using etl::pipeline::step;

class step_reader final : public etl::pg::row_receiver {
  public:
    void columns(TupleDesc) override {}

    bool row(TupleTableSlot* slot) override
    {
        const Datum* values = slot->tts_values;
        step& one = steps.emplace_back();
        one.status = etl::pipeline::status_named(etl::pg::varlena_text(values[0]));
        one.condition = etl::pipeline::condition_named(etl::pg::varlena_text(values[1]));
        one.is_settled = DatumGetBool(values[2]);
        one.has_begun = DatumGetBool(values[3]);
        one.is_due = DatumGetBool(values[4]);
        one.after_failure = DatumGetBool(values[5]);
        read_needs(values[6], one);
        names.emplace_back(etl::pg::varlena_text(values[7]));
        return true;
    }

    std::vector<step> steps;
    std::vector<std::string> names;

  private:
    // Positions begin with one. One that is none does not stand before the step, which is found out later.
    static void read_needs(Datum array, step& one)
    {
        auto* positions = DatumGetArrayTypeP(array);
        const auto* first = reinterpret_cast<const std::int32_t*>(ARR_DATA_PTR(positions));
        const int count = ARR_HASNULL(positions) ? 0 : ArrayGetNItems(ARR_NDIM(positions), ARR_DIMS(positions));
        for (int i = 0; i < count; ++i) {
            one.needs.push_back(static_cast<std::size_t>(first[i]) - 1);
        }
    }
};

std::size_t running(const std::vector<step>& steps)
{
    return static_cast<std::size_t>(std::count_if(
        steps.begin(), steps.end(), [](const step& one) { return one.status == etl::pipeline::step_status::running; }));
}

void put(etl::pg::result_set& rows, std::size_t place, const std::string* error, bool after_failure)
{
    Datum values[] = {Int32GetDatum(static_cast<std::int32_t>(place) + 1),
                      error == nullptr ? Datum{0} : etl::pg::make_text(*error), BoolGetDatum(after_failure)};
    bool nulls[] = {false, error == nullptr, false};
    rows.put(values, nulls);
}

} // namespace

ETL_FUNCTION(etl_next_steps, args)
{
    const auto run = args.get<std::int64_t>(0);
    const bool stops = args.get<bool>(1);
    const auto most = static_cast<std::size_t>(std::max(args.get<std::int32_t>(2), 0));
    etl::pg::result_set rows{args};
    step_reader reader;
    const etl::pg::spi_session spi;
    etl::pg::run_query(
        "SELECT s.status, s.run_if, s.is_settled, s.attempt > 0, coalesce(s.next_attempt_at <= "
        "clock_timestamp(), true), s.after_failure, s.needs, s.step FROM etl.step_run AS s WHERE s.run_id = " +
            std::to_string(run) + " ORDER BY s.position",
        reader);
    const std::size_t busy = running(reader.steps);
    const auto next = etl::pipeline::next_of(reader.steps, stops, most > busy ? most - busy : 0);
    for (const auto& skipped : next.skipped) {
        const std::string words = words_of(skipped, reader.names[skipped.cause]);
        put(rows, skipped.place, &words, skipped.after_failure);
    }
    for (const std::size_t place : next.ready) {
        put(rows, place, nullptr, false);
    }
    return rows.finish();
}
