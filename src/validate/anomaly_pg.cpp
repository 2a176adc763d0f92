// etl.anomaly, a window function: a detector per partition, a verdict per row; and the list of strategies.
#include "validate/anomaly.hpp"
#include "pg/result_set.hpp"
#include "pg/window.hpp"

extern "C" {
#include <access/htup_details.h>
#include <funcapi.h>
#include <utils/jsonb.h>
}

#include <array>
#include <cmath>
#include <memory>
#include <string>

namespace {

using etl::anomaly::verdict;
using etl::pg::arguments;
using etl::pg::window;

enum argument_index { value_at, strategy_at, params_at };

// What a partition is judged by. The texts are the arguments of its first row.
struct series {
    series(MemoryContext context, std::string_view strategy, std::string_view params)
        : memory{context}, strategy{strategy}, params{params}, detector{etl::anomaly::make_detector(
                                                                   strategy, params, &memory, etl::pg::poll)}
    {
    }

    void prepare(const window& rows)
    {
        if (!detector->reads_ahead()) {
            return;
        }
        std::pmr::vector<double> values{&memory};
        rows.for_all_rows(value_at, [&values](std::optional<double> value) {
            if (value && std::isfinite(*value)) {
                values.push_back(*value);
            }
        });
        detector->prepare(std::move(values));
    }

    etl::pg::context_resource memory;
    std::string strategy;
    std::string params;
    std::unique_ptr<etl::anomaly::detector> detector;
};

// The two texts of the current row: phase one.
struct choice {
    std::string_view strategy;
    std::string_view params;
};

choice read_choice(const window& rows)
{
    const NullableDatum strategy = rows.argument(strategy_at);
    const NullableDatum params = rows.argument(params_at);
    if (strategy.isnull) {
        throw etl::error(etl::sqlstate::invalid_parameter_value, "strategy must not be NULL", {},
                         "SELECT * FROM etl.anomaly_strategies lists the strategies.");
    }
    if (params.isnull) {
        return {etl::pg::varlena_text(strategy.value), "{}"};
    }
    Jsonb* document = DatumGetJsonbP(params.value);
    return {etl::pg::varlena_text(strategy.value), JsonbToCString(nullptr, &document->root, VARSIZE(document))};
}

series& series_of(const window& rows)
{
    return rows.state<series>([&rows](MemoryContext context) {
        const choice chosen = read_choice(rows);
        auto* made = etl::pg::construct_in<series>(context, context, chosen.strategy, chosen.params);
        made->prepare(rows);
        return made;
    });
}

void require_same_choice(const window& rows, const series& of)
{
    if (rows.is_fixed(strategy_at) && rows.is_fixed(params_at)) {
        return;
    }
    const choice chosen = read_choice(rows);
    if (chosen.strategy != of.strategy || chosen.params != of.params) {
        throw etl::error(etl::sqlstate::invalid_parameter_value, "strategy and params differ within a partition",
                         of.strategy + " " + of.params + " is followed by " + std::string{chosen.strategy} + " " +
                             std::string{chosen.params} + ".",
                         "Let OVER (PARTITION BY …) name what they depend on.");
    }
}

// etl.anomaly_verdict, looked up once per query.
struct row_type {
    TupleDesc description;
};

TupleDesc result_type(arguments args)
{
    return args
        .cached<row_type>([args] {
            return row_type{etl::pg::call([args] {
                MemoryContext caller = MemoryContextSwitchTo(args.raw()->flinfo->fn_mcxt);
                TupleDesc found = nullptr;
                get_call_result_type(args.raw(), nullptr, &found);
                MemoryContextSwitchTo(caller);
                return BlessTupleDesc(found);
            })};
        })
        .description;
}

Datum make_row(arguments args, const verdict& from)
{
    std::array values{BoolGetDatum(from.is_anomaly), Datum{0}, Datum{0}, Datum{0}, Datum{0}, Datum{0}};
    std::array nulls{false, true, true, true, true, true};
    const auto put = [&](std::size_t i, const std::optional<double>& number) {
        values[i] = number ? Float8GetDatum(*number) : Datum{0};
        nulls[i] = !number;
    };
    put(1, from.expected);
    put(2, from.lower);
    put(3, from.upper);
    put(4, from.score);
    if (!from.reason.empty()) {
        values[5] = etl::pg::make_text(from.reason);
        nulls[5] = false;
    }
    return etl::pg::call([type = result_type(args), &values, &nulls] {
        return HeapTupleGetDatum(heap_form_tuple(type, values.data(), nulls.data()));
    });
}

} // namespace

ETL_FUNCTION(etl_anomaly, args)
{
    const window rows{args};
    series& judge = series_of(rows);
    require_same_choice(rows, judge);
    const NullableDatum value = rows.argument(value_at);
    rows.forget_rows_before();
    return make_row(args,
                    judge.detector->judge(value.isnull ? std::nullopt : std::optional{DatumGetFloat8(value.value)}));
}

ETL_FUNCTION(etl_anomaly_strategies, args)
{
    etl::pg::result_set rows{args};
    for (const auto& described : etl::anomaly::describe_strategies()) {
        std::array values{etl::pg::make_text(described.name), etl::pg::make_text(described.parameters),
                          etl::pg::make_text(described.meaning)};
        std::array nulls{false, false, false};
        rows.put(values, nulls);
    }
    return rows.finish();
}
