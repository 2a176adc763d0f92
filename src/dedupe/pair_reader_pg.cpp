#include "dedupe/pair_reader_pg.hpp"

#include "pg/column_reader.hpp"
#include "pg/query.hpp"
#include "pg/query_rows.hpp"

extern "C" {
#include <utils/lsyscache.h>
}

#include <cmath>
#include <type_traits>

namespace etl::dedupe {
namespace {

bool are_integers(Oid a, Oid b) noexcept
{
    return pg::is_integer(a) && pg::is_integer(b);
}

[[noreturn]] void refuse_nan()
{
    throw error(sqlstate::invalid_parameter_value, "a score of pairs_query is NaN",
                "It is neither above nor below a threshold.", "Leave such rows out, or give them a NULL score.");
}

template <class Id>
class reader final : public pg::row_receiver {
  public:
    reader(const pair_columns& described, pair_sink<Id>& to) : described_{described}, to_{to} {}

    void columns(TupleDesc row) override
    {
        if (!are_as_described(row)) {
            throw error(sqlstate::datatype_mismatch, "the columns of pairs_query have changed",
                        "Something that it names was replaced after it was looked at, and before it ran.",
                        "Call again.");
        }
        a_ = pg::column_reader::of(row, 0);
        b_ = pg::column_reader::of(row, 1);
        score_ = row->natts == 3 ? pg::column_reader::of(row, 2) : pg::column_reader{};
    }

    bool row(TupleTableSlot* slot) override
    {
        const MemoryContext old = MemoryContextSwitchTo(values_.get());
        const Id a = slot->tts_isnull[0] ? Id{} : id_of(a_, slot->tts_values[0]);
        const Id b = slot->tts_isnull[1] ? Id{} : id_of(b_, slot->tts_values[1]);
        const bool has_score = score_.type == InvalidOid || !slot->tts_isnull[2];
        const double score = score_.type != InvalidOid && has_score ? score_.number(slot->tts_values[2]) : 1;
        if (std::isnan(score)) {
            refuse_nan();
        }
        MemoryContextSwitchTo(old);
        hand_over(a, b, score, !slot->tts_isnull[0], !slot->tts_isnull[1], has_score);
        if (++rows_ % rows_kept == 0) {
            values_.reset();
        }
        return true;
    }

  private:
    static constexpr std::uint64_t rows_kept = 256;

    static Id id_of(pg::column_reader& of, Datum value)
    {
        if constexpr (std::is_same_v<Id, std::int64_t>) {
            return of.integer(value);
        } else {
            return of.text(value);
        }
    }

    void hand_over(Id a, Id b, double score, bool has_a, bool has_b, bool has_score)
    {
        if (has_a && has_b && has_score) {
            to_.pair(a, b, score);
            return;
        }
        if (has_a) {
            to_.left(a);
        }
        if (has_b) {
            to_.right(b);
        }
    }

    bool are_as_described(TupleDesc row) const
    {
        const auto base_type = [row](int i) { return getBaseType(TupleDescAttr(row, i)->atttypid); };
        return row->natts == (described_.has_score ? 3 : 2) &&
               are_integers(base_type(0), base_type(1)) == described_.are_integers &&
               (!described_.has_score || pg::is_number(base_type(2)));
    }

    const pair_columns& described_;
    pair_sink<Id>& to_;
    pg::column_reader a_ = {};
    pg::column_reader b_ = {};
    pg::column_reader score_ = {}; // of no type where there is none
    pg::scratch_context values_;
    std::uint64_t rows_ = 0;
};

template <class Id>
void read_all(const std::string& query, const pair_columns& described, pair_sink<Id>& to)
{
    reader<Id> rows{described, to};
    pg::run_query(query, rows);
}

} // namespace

pair_columns describe_pairs(const std::string& query)
{
    const auto columns = pg::describe_query(query, "pairs_query");
    if (columns.size() != 2 && columns.size() != 3) {
        throw error(sqlstate::datatype_mismatch,
                    "pairs_query must return 2 or 3 columns, not " + std::to_string(columns.size()), {},
                    "Select two ids and, if there is one, a score: SELECT id_a, id_b, probability FROM …");
    }
    const auto base_type = [&](std::size_t i) {
        return pg::call([type = columns[i].type] { return getBaseType(type); });
    };
    if (columns.size() == 3 && !pg::is_number(base_type(2))) {
        const char* name = pg::call([type = columns[2].type] { return format_type_be(type); });
        throw error(sqlstate::datatype_mismatch,
                    "the score, the third column of pairs_query, must be a number, not " + std::string{name}, {},
                    "Cast it, as in SELECT a, b, score::float8 FROM …");
    }
    return {columns.size() == 3, are_integers(base_type(0), base_type(1))};
}

void read_pairs(const std::string& query, const pair_columns& described, pair_sink<std::int64_t>& to)
{
    read_all(query, described, to);
}

void read_pairs(const std::string& query, const pair_columns& described, pair_sink<std::string_view>& to)
{
    read_all(query, described, to);
}

} // namespace etl::dedupe
