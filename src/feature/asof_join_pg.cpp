// etl.asof_join, etl.training_set and the functions that write the same into a table: the queries of a plan that SQL
// has made (asof_plan.sql) into the core, joined rows out of it.
#include "feature/asof_join.hpp"
#include "feature/asof_rows_pg.hpp"
#include "pg/memory.hpp"
#include "pg/query.hpp"
#include "pg/query_rows.hpp"
#include "pg/result_set.hpp"
#include "pg/spi.hpp"
#include "pg/spill.hpp"
#include "pg/table_writer.hpp"
#include "pg/text_array.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <utils/lsyscache.h>
}

#include <limits>
#include <string>
#include <vector>

namespace etl::feature {
namespace {

constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();

// What to do, in the columns of etl._asof_plan.
struct plan {
    std::string spine_query;
    std::string features_query;
    std::string lookup_query; // empty where there is none
    std::vector<Oid> types;   // of the columns: first those of the spine
    int spine_columns;
    asof_rules rules;
    std::string definition; // the columns and their types as SQL
};

[[noreturn]] void refuse_plan()
{
    throw error(sqlstate::internal_error, "an SQL function has made no plan for a point-in-time join");
}

std::string field(int number)
{
    const char* value =
        pg::call([number] { return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number); });
    if (value == nullptr) {
        refuse_plan();
    }
    return value;
}

std::vector<std::string> list_field(int number)
{
    bool is_null = false;
    return pg::read_text_array(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, &is_null));
}

// The plan that an SQL function makes of the arguments from `first` on. Needs a live spi_session.
plan make_plan(pg::arguments args, int first, const char* function)
{
    const int count = args.count() - first;
    std::string query =
        std::string{"SELECT p.spine_query, p.features_query, coalesce(p.lookup_query, ''), p.types::text[], "
                    "p.spine_columns, p.rules, p.definition FROM etl."} +
        function + "(";
    std::vector<Oid> types;
    std::vector<Datum> values;
    std::string nulls;
    for (int i = 0; i < count; ++i) {
        query += (i > 0 ? ", $" : "$") + std::to_string(i + 1);
        types.push_back(pg::call([&] { return args.type(first + i); }));
        values.push_back(args.datum(first + i));
        nulls += args.is_null(first + i) ? 'n' : ' ';
    }
    query += ") AS p";
    pg::call([&] { SPI_execute_with_args(query.c_str(), count, types.data(), values.data(), nulls.c_str(), true, 1); });
    plan made{};
    made.spine_query = field(1);
    made.features_query = field(2);
    made.lookup_query = field(3);
    for (const std::string& type : list_field(4)) {
        made.types.push_back(static_cast<Oid>(std::stoul(type)));
    }
    made.spine_columns = std::stoi(field(5));
    made.rules = asof_rules::from_flags(static_cast<std::uint32_t>(std::stoul(field(6))));
    made.definition = field(7);
    return made;
}

// The row type of some of the columns.
TupleDesc describe(std::span<const Oid> types)
{
    return pg::call([types] {
        const TupleDesc made = CreateTemplateTupleDesc(static_cast<int>(types.size()));
        for (std::size_t i = 0; i < types.size(); ++i) {
            TupleDescInitEntry(made, static_cast<AttrNumber>(i + 1), nullptr, types[i], -1, 0);
        }
        return made;
    });
}

// Rows of the spine: key, moment, first and last moment of what may be joined, all columns.
class spine_reader final : public pg::row_receiver {
  public:
    explicit spine_reader(asof_join& to) : to_{to} {}

    void columns(TupleDesc row) override
    {
        for (int i = 1; i <= 3; ++i) {
            types_[i] = TupleDescAttr(row, i)->atttypid;
        }
    }

    bool row(TupleTableSlot* slot) override
    {
        asof_record made{};
        if (!slot->tts_isnull[0] && !slot->tts_isnull[1]) {
            std::memcpy(&made.key, DatumGetPointer(slot->tts_values[0]), sizeof made.key);
            made.time = read_moment(types_[1], slot->tts_values[1]);
            made.first = slot->tts_isnull[2] ? lowest : read_moment(types_[2], slot->tts_values[2]);
            made.last = slot->tts_isnull[3] ? highest : read_moment(types_[3], slot->tts_values[3]);
            made.has_key = 1;
        }
        to_.add_label(made, composite_bytes(slot->tts_values[4]));
        return true;
    }

    Oid time_type() const noexcept { return types_[1]; }

  private:
    asof_join& to_;
    Oid types_[4] = {};
};

// The one row of the query for the features: the list of what was set aside.
class features_reader final : public pg::row_receiver {
  public:
    explicit features_reader(asof_join& to) : to_{to} {}

    void columns(TupleDesc) override {}

    bool row(TupleTableSlot* slot) override
    {
        if (!slot->tts_isnull[0]) {
            to_.add_features(pg::varlena_bytes(slot->tts_values[0]));
        }
        return true;
    }

  private:
    asof_join& to_;
};

// Joined rows as PostgreSQL's, into a result or a table.
template <class Target>
class row_output final : public asof_output {
  public:
    row_output(const plan& of, Target& to)
        : spine_{describe(std::span{of.types}.first(static_cast<std::size_t>(of.spine_columns)))},
          feature_{describe(std::span{of.types}.subspan(static_cast<std::size_t>(of.spine_columns)))},
          values_{pg::allocate_array<Datum>(of.types.size())}, nulls_{pg::allocate_array<bool>(of.types.size())},
          count_{of.types.size()}, to_{to}
    {
    }

    void put(std::span<const std::byte> spine, const std::span<const std::byte>* feature) override
    {
        read_columns(spine, spine_, values_, nulls_);
        if (feature != nullptr) {
            read_columns(*feature, feature_, values_ + spine_->natts, nulls_ + spine_->natts);
        } else {
            std::fill_n(nulls_ + spine_->natts, feature_->natts, true);
        }
        to_.put(std::span{values_, count_}, std::span{nulls_, count_});
    }

  private:
    TupleDesc spine_;
    TupleDesc feature_;
    Datum* values_;
    bool* nulls_;
    std::size_t count_;
    Target& to_;
};

ParamExternData value_of(Datum value, Oid type)
{
    return {value, false, PARAM_FLAG_CONST, type};
}

ParamExternData null_of(Oid type)
{
    return {0, true, PARAM_FLAG_CONST, type};
}

// A parameter that is no constant of the plan: plans are copied, and handed to workers as text.
ParamExternData large_value(Datum value)
{
    return {value, false, 0, BYTEAOID};
}

ParamListInfo parameters(std::initializer_list<ParamExternData> values)
{
    const ParamListInfo made = pg::call([&] { return makeParamList(static_cast<int>(values.size())); });
    std::copy(values.begin(), values.end(), made->params);
    return made;
}

std::uint64_t new_seed()
{
    std::uint64_t made = 0;
    if (!pg_strong_random(&made, sizeof made)) {
        throw error(sqlstate::internal_error, "the server has no random numbers to give");
    }
    return made;
}

Datum index_of(asof_join& from)
{
    const std::size_t size = VARHDRSZ + from.index_size();
    auto* made = static_cast<varlena*>(pg::allocate_in(CurrentMemoryContext, size));
    SET_VARSIZE(made, size);
    from.write_index(reinterpret_cast<std::byte*>(VARDATA(made)));
    return PointerGetDatum(made);
}

// A search for each label, where the planner takes that to be cheaper than to read all. Both give rows that may be
// joined, the best of them among these; the same core chooses.
const std::string& cheaper_query(const plan& of, Oid type)
{
    if (of.lookup_query.empty()) {
        return of.features_query;
    }
    const Oid types[] = {BYTEAOID, BYTEAOID, type, type};
    const double of_lookups = pg::planned_cost(of.lookup_query, types);
    return of_lookups < pg::planned_cost(of.features_query, types) ? of.lookup_query : of.features_query;
}

// (area, index, first and last moment that a row may have)
void read_features(asof_join& to, const plan& by, const asof_join::moments& of, Oid type,
                   std::span<const std::byte> area)
{
    const std::int64_t first = by.rules.backward ? of.first : of.earliest;
    const std::int64_t last = by.rules.forward ? of.last : of.latest;
    features_reader reader{to};
    pg::run_query(cheaper_query(by, type), reader,
                  parameters({large_value(pg::make_varlena(area)), large_value(index_of(to)),
                              first == lowest ? null_of(type) : value_of(moment_datum(type, first), type),
                              last == highest ? null_of(type) : value_of(moment_datum(type, last), type)}));
}

template <class Target>
void join_into(Target& to, const plan& by)
{
    pg::context_resource memory;
    const auto area = pg::make_spill_directory(CurrentMemoryContext);
    pg::file_run_store store{area, CurrentMemoryContext};
    const std::uint64_t seed = new_seed();
    asof_join join{&memory, store, seed, by.rules, asof_budget(), pg::poll};
    spine_reader spine{join};
    pg::run_query(by.spine_query, spine,
                  parameters({value_of(Int64GetDatum(static_cast<std::int64_t>(seed)), INT8OID)}));
    if (const auto& moments = join.finish_labels()) {
        read_features(join, by, *moments, spine.time_type(), area);
    }
    column_ranking ranking{CurrentMemoryContext};
    row_output<Target> rows{by, to};
    join.emit(ranking, rows);
    store.close();
}

// The result of a function whose caller gives the list of columns.
Datum joined_rows(pg::arguments args, const char* planner, const char* call)
{
    const TupleDesc columns = pg::listed_columns(args, call, "t(id bigint, …)");
    pg::result_set rows{args};
    const pg::spi_session session;
    const plan by = make_plan(args, 0, planner);
    pg::require_columns(columns, by.types, by.definition);
    join_into(rows, by);
    return rows.finish();
}

// (table, arguments of the planner …)
Datum write_joined_rows(pg::arguments args, const char* planner)
{
    const Oid table = DatumGetObjectId(args.given(0));
    const pg::spi_session session;
    const plan by = make_plan(args, 1, planner);
    pg::table_writer to{table};
    pg::require_columns(to.columns(), by.types, by.definition);
    join_into(to, by);
    return args.result(to.finish());
}

} // namespace
} // namespace etl::feature

using namespace etl;
using namespace etl::feature;

ETL_FUNCTION(etl_asof_join, args)
{
    return joined_rows(args, "_plan_asof_join", "etl.asof_join");
}

ETL_FUNCTION(etl_write_asof_join, args)
{
    return write_joined_rows(args, "_plan_asof_join");
}

ETL_FUNCTION(etl_training_set, args)
{
    return joined_rows(args, "_plan_training_set", "etl.training_set");
}

ETL_FUNCTION(etl_write_training_set, args)
{
    return write_joined_rows(args, "_plan_training_set");
}
