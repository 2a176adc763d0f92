// etl.negative_sample and what writes such samples into tables: positives from a query into the core, items out of it.
#include "feature/negative_sample_reader_pg.hpp"
#include "feature/split.hpp"
#include "feature/split_pg.hpp"
#include "pg/notice.hpp"
#include "pg/result_set.hpp"
#include "pg/spi.hpp"
#include "pg/table_writer.hpp"
#include "pg/text_maker.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <utils/lsyscache.h>
}

#include <array>

namespace etl::feature {
namespace {

// --- what a call asks for --------------------------------------------------------------------------------------------

constexpr char planning_query[] = "SELECT p.positives_query, p.items_query, p.ratio_millionths, p.exponent "
                                  "FROM etl._negative_plan($1, $2, $3, $4, $5, $6) AS p";
constexpr int planned_arguments = 6;

// The arguments of etl.negative_sample, as etl._negative_plan understands them. Needs an SPI connection. May raise.
struct planned {
    const char* positives;
    const char* items; // or nullptr
    std::int64_t ratio_millionths;
    double exponent;
};

planned plan(pg::arguments args)
{
    Oid types[planned_arguments] = {TEXTOID, NAMEOID, NAMEOID, NUMERICOID, TEXTOID, TEXTOID};
    Datum values[planned_arguments];
    char nulls[planned_arguments];
    for (int i = 0; i < planned_arguments; ++i) {
        values[i] = args.datum(i);
        nulls[i] = args.is_null(i) ? 'n' : ' ';
    }
    SPI_execute_with_args(planning_query, planned_arguments, types, values, nulls, true, 1);
    HeapTuple row = SPI_tuptable->vals[0];
    TupleDesc columns = SPI_tuptable->tupdesc;
    bool is_null = false;
    return {SPI_getvalue(row, columns, 1), SPI_getvalue(row, columns, 2),
            DatumGetInt64(SPI_getbinval(row, columns, 3, &is_null)),
            DatumGetFloat8(SPI_getbinval(row, columns, 4, &is_null))};
}

sample_request requested(pg::arguments args)
{
    if (args.is_null(6)) {
        throw error(sqlstate::null_value_not_allowed, "seed must not be NULL", {},
                    "Give a number, or leave it out to have 0: the same seed gives the same sample.");
    }
    const auto seed = static_cast<std::uint64_t>(args.get<std::int64_t>(6));
    const pg::spi_session session;
    const planned found = pg::call([args] { return plan(args); });
    return {found.positives,
            found.items == nullptr ? std::nullopt : std::optional<std::string>{found.items},
            {found.ratio_millionths, found.exponent, seed}};
}

// The same of a call within the extension: positives_query, items_query, ratio_millionths, exponent, seed, from
// argument `first` on. Phase one.
sample_request given(pg::arguments args, int first)
{
    const auto positives = args.get<std::string_view>(first);
    const auto items = args.is_null(first + 1) ? std::nullopt : std::optional{args.get<std::string_view>(first + 1)};
    const sample_options options{args.get<std::int64_t>(first + 2), args.get<double>(first + 3),
                                 static_cast<std::uint64_t>(args.get<std::int64_t>(first + 4))};
    return {std::string{positives}, items ? std::optional{std::string{*items}} : std::nullopt, options};
}

// --- users who cannot have as many as are wanted ---------------------------------------------------------------------

class shortfall {
  public:
    void count(std::uint64_t wanted, std::uint64_t drawn) noexcept
    {
        if (drawn < wanted) {
            ++users_;
            missing_ += wanted - drawn;
        }
    }

    void warn(std::uint32_t all_users, bool is_weighted) const
    {
        if (users_ > 0) {
            pg::warn(std::to_string(users_) + " of " + std::to_string(all_users) +
                         " users got fewer negatives than the ratio asks for",
                     std::string{"They got every item that "} + (is_weighted ? "others have seen and they" : "they") +
                         " have not" + (is_weighted ? "; " : " seen; ") + std::to_string(missing_) +
                         " negatives are missing.",
                     "etl.negative_sample_report, called with the same arguments, lists these users.");
        }
    }

  private:
    std::uint64_t users_ = 0;
    std::uint64_t missing_ = 0;
};

// Calls f(user, his negatives), both by place, for all users.
template <class F>
void for_each_sample(loaded_sample& of, bool is_weighted, F&& f)
{
    shortfall short_of;
    for (std::uint32_t user = 0; user < of.rows().user_count(); ++user) {
        const auto drawn = of.sampler().draw(user);
        short_of.count(of.sampler().wanted(user), drawn.size());
        f(user, drawn);
        pg::poll();
    }
    short_of.warn(of.rows().user_count(), is_weighted);
}

// --- tables ----------------------------------------------------------------------------------------------------------

// A table's rows: user, item, and where they are wanted label and part.
class sample_table {
  public:
    sample_table(Oid table, bool is_labelled, std::span<const double> fractions, std::int64_t seed, loaded_sample& of)
        : to_{table}, is_labelled_{is_labelled}, fractions_{fractions}, seed_{seed}, of_{of}, seed_hash_{pg::call([] {
              return learn_value_hash(INT8OID, InvalidOid);
          })}
    {
        values_.fill(0);
        nulls_.fill(false);
        require_columns();
    }

    void put(std::uint32_t user, std::span<const std::uint32_t> negatives)
    {
        values_[0] = of_.user(user);
        if (!fractions_.empty()) {
            values_[columns() - 1] = Int32GetDatum(part_of(hash_of(values_[0]), fractions_));
        }
        if (is_labelled_) {
            put_items(of_.rows().items_of(user), 1);
        }
        put_items(negatives, 0);
    }

    std::int64_t finish() { return to_.finish(); }

  private:
    std::size_t columns() const noexcept { return 2U + (is_labelled_ ? 1 : 0) + (fractions_.empty() ? 0 : 1); }

    void require_columns() const
    {
        const Oid types[] = {of_.users().type(), of_.items().type(), INT4OID, INT4OID};
        const TupleDesc row = to_.columns();
        bool fit = static_cast<std::size_t>(row->natts) == columns();
        for (int i = 0; fit && i < row->natts; ++i) {
            fit = TupleDescAttr(row, i)->atttypid == types[i] && !TupleDescAttr(row, i)->attisdropped;
        }
        if (!fit) {
            throw error(sqlstate::datatype_mismatch, "the table for a sample has other columns than it must have");
        }
    }

    // What it takes to make the value's form is needed for this user alone.
    std::uint64_t hash_of(Datum user)
    {
        scratch_.reset();
        const pg::within_context within{scratch_.get()};
        return pg::call([this, user] { return split_hash(of_.users().hash(), user, seed_hash_, seed_); });
    }

    void put_items(std::span<const std::uint32_t> items, std::int32_t label)
    {
        if (is_labelled_) {
            values_[2] = Int32GetDatum(label);
        }
        for (const std::uint32_t item : items) {
            values_[1] = of_.item(item);
            to_.put(std::span{values_}.first(columns()), std::span{nulls_}.first(columns()));
            stop_.tick();
        }
    }

    pg::table_writer to_;
    bool is_labelled_;
    std::span<const double> fractions_;
    std::int64_t seed_;
    loaded_sample& of_;
    value_hash seed_hash_;
    pg::scratch_context scratch_;
    std::array<Datum, 4> values_;
    std::array<bool, 4> nulls_;
    poller stop_{pg::poll};
};

// --- the report ------------------------------------------------------------------------------------------------------

void put_short_user(pg::result_set& to, pg::text_maker& maker, FmgrInfo* output, loaded_sample& of, std::uint32_t user)
{
    const negative_sampler& sampler = of.sampler();
    const std::string_view name =
        pg::call([output, value = of.user(user)] { return std::string_view{OutputFunctionCall(output, value)}; });
    Datum values[] = {maker.make(name), Int64GetDatum(static_cast<std::int64_t>(of.rows().items_of(user).size())),
                      Int64GetDatum(static_cast<std::int64_t>(sampler.wanted(user))),
                      Int64GetDatum(static_cast<std::int64_t>(sampler.available(user)))};
    bool nulls[] = {false, false, false, false};
    to.put(values, nulls);
}

} // namespace
} // namespace etl::feature

using namespace etl;
using namespace etl::feature;

ETL_FUNCTION(etl_negative_sample, args)
{
    TupleDesc expected = pg::listed_columns(args, "etl.negative_sample", "s(user_id bigint, item_id bigint)");
    pg::result_set rows{args};
    loaded_sample sample;
    const sample_request request = requested(args);
    sample.load(request, expected);
    poller stop{pg::poll};
    for_each_sample(sample, request.options.is_weighted(),
                    [&](std::uint32_t user, std::span<const std::uint32_t> negatives) {
                        for (const std::uint32_t item : negatives) {
                            Datum values[] = {sample.user(user), sample.item(item)};
                            bool nulls[] = {false, false};
                            rows.put(values, nulls);
                            stop.tick();
                        }
                    });
    return rows.finish();
}

// new_table, labelled, fractions, and what given() reads
ETL_FUNCTION(etl_write_negatives, args)
{
    const Oid table = DatumGetObjectId(args.given(0));
    const bool is_labelled = args.get<bool>(1);
    const auto fractions = args.is_null(2) ? std::span<const double>{} : read_fractions(args.datum(2));
    const sample_request request = given(args, 3);
    loaded_sample sample;
    sample.load(request, nullptr);
    sample_table to{table, is_labelled, fractions, static_cast<std::int64_t>(request.options.seed), sample};
    for_each_sample(sample, request.options.is_weighted(),
                    [&](std::uint32_t user, std::span<const std::uint32_t> negatives) { to.put(user, negatives); });
    return args.result(to.finish());
}

// What given() reads
ETL_FUNCTION(etl_short_users, args)
{
    pg::result_set rows{args};
    const sample_request request = given(args, 0);
    loaded_sample sample;
    sample.load(request, nullptr);
    pg::context_resource memory;
    pg::text_maker maker{&memory};
    pg::scratch_context scratch;
    FmgrInfo output = {};
    pg::call([&output, type = sample.users().type()] {
        Oid function = InvalidOid;
        bool is_varlena = false;
        getTypeOutputInfo(type, &function, &is_varlena);
        fmgr_info(function, &output);
    });
    for (std::uint32_t user = 0; user < sample.rows().user_count(); ++user) {
        if (sample.sampler().wanted(user) > sample.sampler().available(user)) {
            const pg::within_context within{scratch.get()};
            put_short_user(rows, maker, &output, sample, user);
        }
        scratch.reset();
        pg::poll();
    }
    return rows.finish();
}
