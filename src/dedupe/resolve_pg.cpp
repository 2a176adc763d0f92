// etl._resolve: new rows, their pairs and what is to be kept apart from two queries into the core; where the rows
// belong, and what they merge, out of it.
#include "dedupe/resolution.hpp"
#include "pg/query_rows.hpp"
#include "pg/result_set.hpp"
#include "pg/spi.hpp"
#include "pg/text_maker.hpp"

extern "C" {
#include <catalog/pg_type.h>
}

#include <cmath>
#include <string>

namespace etl::dedupe {
namespace {

// The columns of both queries: id_a, part_a, cluster_a, id_b, part_b, cluster_b and, of pairs, the probability.
constexpr Oid column_types[] = {TEXTOID, INT8OID, INT8OID, TEXTOID, INT8OID, INT8OID, FLOAT8OID};
constexpr int end_columns = 6;

class end_reader : public pg::row_receiver {
  public:
    explicit end_reader(int columns) : columns_{columns} {}

    void columns(TupleDesc row) override
    {
        bool fits = row->natts == columns_;
        for (int i = 0; fits && i < columns_; ++i) {
            fits = TupleDescAttr(row, i)->atttypid == column_types[i];
        }
        if (!fits) {
            throw error(sqlstate::datatype_mismatch, "a query of etl._resolve has other columns than it must have");
        }
    }

    bool row(TupleTableSlot* slot) final
    {
        const MemoryContext old = MemoryContextSwitchTo(values_.get());
        take(slot);
        MemoryContextSwitchTo(old);
        if (++rows_ % rows_kept == 0) {
            values_.reset();
        }
        return true;
    }

  protected:
    ~end_reader() = default;

    // One row, whose texts go soon after. May raise.
    virtual void take(const TupleTableSlot* slot) = 0;

    static resolution::row read_end(const TupleTableSlot* slot, int first)
    {
        resolution::row made;
        made.id = pg::varlena_text(slot->tts_values[first]);
        made.at.part = slot->tts_isnull[first + 1] ? 0 : DatumGetInt64(slot->tts_values[first + 1]);
        made.at.cluster = slot->tts_isnull[first + 2] ? 0 : DatumGetInt64(slot->tts_values[first + 2]);
        return made;
    }

  private:
    static constexpr std::uint64_t rows_kept = 256;

    int columns_;
    pg::scratch_context values_; // of texts that had to be fetched or unpacked
    std::uint64_t rows_ = 0;
};

class pair_rows final : public end_reader {
  public:
    explicit pair_rows(resolution& to) : end_reader{end_columns + 1}, to_{to} {}

  private:
    void take(const TupleTableSlot* slot) override
    {
        if (slot->tts_isnull[0]) {
            throw error(sqlstate::null_value_not_allowed, "a new row has no id",
                        "Its column of the model's \"id\" is NULL.",
                        "Name a column in the model's \"id\" that is never NULL, as the primary key is.");
        }
        const resolution::row a = read_end(slot, 0);
        if (slot->tts_isnull[3]) {
            to_.add_row(a.id);
        } else {
            to_.add_pair(a, read_end(slot, 3), read_probability(slot));
        }
    }

    static double read_probability(const TupleTableSlot* slot)
    {
        const double probability = slot->tts_isnull[end_columns] ? NAN : DatumGetFloat8(slot->tts_values[end_columns]);
        if (std::isnan(probability)) {
            throw error(sqlstate::invalid_parameter_value, "a pair has no probability");
        }
        return probability;
    }

    resolution& to_;
};

class apart_rows final : public end_reader {
  public:
    explicit apart_rows(resolution& to) : end_reader{end_columns}, to_{to} {}

  private:
    void take(const TupleTableSlot* slot) override
    {
        if (!slot->tts_isnull[0] && !slot->tts_isnull[3]) {
            to_.keep_apart(read_end(slot, 0), read_end(slot, 3));
        }
    }

    resolution& to_;
};

// The rows of the answer, in the columns of etl._resolve.
class answer {
  public:
    answer(pg::result_set& rows, const resolution& from, std::pmr::memory_resource* memory)
        : rows_{rows}, from_{from}, what_{memory}, id_{memory}, other_id_{memory}
    {
    }

    void put_member(std::uint32_t row)
    {
        const place at = from_.place_of(row);
        Datum values[columns] = {what_.make("member"), id_.make(from_.id(row)), Int64GetDatum(at.part),
                                 Int64GetDatum(at.cluster)};
        bool nulls[columns] = {false, false, false, at.cluster == 0, true, true, true, true};
        rows_.put(values, nulls);
    }

    void put_merge(const resolution::merge& of) { put_pair("merge", {of.a, of.b, of.probability}, of.kept, of.merged); }

    void put_refused(const scored_pair& pair) { put_pair("refused", pair, 0, 0); }

  private:
    static constexpr int columns = 8;

    void put_pair(std::string_view what, const scored_pair& pair, std::int64_t kept, std::int64_t merged)
    {
        Datum values[columns] = {
            what_.make(what),      id_.make(from_.id(pair.a)),       Int64GetDatum(from_.place_of(pair.a).part),
            Int64GetDatum(kept),   other_id_.make(from_.id(pair.b)), Int64GetDatum(from_.place_of(pair.b).part),
            Int64GetDatum(merged), Float8GetDatum(pair.score)};
        bool nulls[columns] = {false, false, false, kept == 0, false, false, merged == 0, false};
        rows_.put(values, nulls);
    }

    pg::result_set& rows_;
    const resolution& from_;
    pg::text_maker what_;
    pg::text_maker id_;
    pg::text_maker other_id_;
};

void put_answer(pg::result_set& rows, const resolution& from, std::pmr::memory_resource* memory)
{
    answer to{rows, from, memory};
    poller stop{pg::poll};
    for (std::uint32_t row = 0; row < from.count(); ++row) {
        if (from.is_new(row)) {
            to.put_member(row);
        }
        stop.tick();
    }
    for (const auto& merge : from.merges()) {
        to.put_merge(merge);
        stop.tick();
    }
    for (const auto& pair : from.refused()) {
        to.put_refused(pair);
        stop.tick();
    }
}

} // namespace
} // namespace etl::dedupe

using namespace etl;

ETL_FUNCTION(etl_resolve, args)
{
    const auto pairs = args.get<std::string_view>(0);
    const auto apart = args.get<std::string_view>(1);
    pg::result_set rows{args};

    const pg::spi_session session;
    pg::context_resource memory;
    dedupe::resolution found{&memory};
    dedupe::pair_rows pair_rows{found};
    pg::run_query(std::string{pairs}, pair_rows);
    dedupe::apart_rows apart_rows{found};
    pg::run_query(std::string{apart}, apart_rows);
    found.resolve(pg::poll);
    dedupe::put_answer(rows, found, &memory);
    return rows.finish();
}
