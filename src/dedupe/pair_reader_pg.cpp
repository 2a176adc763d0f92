#include "dedupe/pair_reader_pg.hpp"

#include "pg/function.hpp"
#include "pg/query.hpp"
#include "pg/query_rows.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/lsyscache.h>
}

#include <cmath>
#include <type_traits>

namespace etl::dedupe {
namespace {

bool is_integer(Oid type) noexcept
{
    return type == INT2OID || type == INT4OID || type == INT8OID;
}

bool are_integers(Oid a, Oid b) noexcept
{
    return is_integer(a) && is_integer(b);
}

bool is_number(Oid type) noexcept
{
    return is_integer(type) || type == FLOAT4OID || type == FLOAT8OID || type == NUMERICOID;
}

std::int64_t integer_of(Datum value, Oid type) noexcept
{
    return type == INT2OID ? DatumGetInt16(value) : type == INT4OID ? DatumGetInt32(value) : DatumGetInt64(value);
}

// May raise.
double number_of(Datum value, Oid type)
{
    switch (type) {
    case FLOAT8OID:
        return DatumGetFloat8(value);
    case FLOAT4OID:
        return DatumGetFloat4(value);
    case NUMERICOID:
        return DatumGetFloat8(DirectFunctionCall1(numeric_float8, value));
    default:
        return static_cast<double>(integer_of(value, type));
    }
}

struct column {
    Oid type; // what a domain is made of
    bool is_text;
    FmgrInfo output;
};

column describe_column(TupleDesc row, int i)
{
    column made = {};
    made.type = getBaseType(TupleDescAttr(row, i)->atttypid);
    made.is_text = made.type == TEXTOID || made.type == VARCHAROID;
    Oid output = InvalidOid;
    bool is_varlena = false;
    getTypeOutputInfo(made.type, &output, &is_varlena);
    fmgr_info(output, &made.output);
    return made;
}

// The text form of a value, in the current memory context. May raise.
std::string_view text_of(column& of, Datum value)
{
    return of.is_text ? pg::varlena_text(value) : std::string_view{OutputFunctionCall(&of.output, value)};
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
        a_ = describe_column(row, 0);
        b_ = describe_column(row, 1);
        score_ = row->natts == 3 ? describe_column(row, 2) : column{};
    }

    bool row(TupleTableSlot* slot) override
    {
        const MemoryContext old = MemoryContextSwitchTo(values_.get());
        const Id a = slot->tts_isnull[0] ? Id{} : id_of(a_, slot->tts_values[0]);
        const Id b = slot->tts_isnull[1] ? Id{} : id_of(b_, slot->tts_values[1]);
        const bool has_score = score_.type == InvalidOid || !slot->tts_isnull[2];
        const double score = score_.type != InvalidOid && has_score ? number_of(slot->tts_values[2], score_.type) : 1;
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

    static Id id_of(column& of, Datum value)
    {
        if constexpr (std::is_same_v<Id, std::int64_t>) {
            return integer_of(value, of.type);
        } else {
            return text_of(of, value);
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
               (!described_.has_score || is_number(base_type(2)));
    }

    const pair_columns& described_;
    pair_sink<Id>& to_;
    column a_ = {};
    column b_ = {};
    column score_ = {}; // of no type where there is none
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
    if (columns.size() == 3 && !is_number(base_type(2))) {
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
