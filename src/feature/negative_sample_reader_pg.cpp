#include "feature/negative_sample_reader_pg.hpp"

#include "pg/query.hpp"
#include "pg/query_rows.hpp"
#include "pg/settings.hpp"
#include "pg/spi.hpp"

extern "C" {
#include <parser/parse_coerce.h>
#include <utils/builtins.h>
#include <utils/datum.h>
#include <utils/lsyscache.h>
}

#include <algorithm>
#include <cstring>

namespace etl::feature {
namespace {

std::string_view bytes_of(Datum value, int16 length)
{
    if (length == -1) {
        return pg::varlena_text(value);
    }
    return {DatumGetPointer(value), datumGetSize(value, false, length)};
}

// Rows as they come, with the memory that they may take.
class sample_reader : public pg::row_receiver {
  public:
    // The context outlives the sample.
    sample_reader(MemoryContext context, positive_rows& rows, kept_values& users, kept_values& items)
        : context_{context}, rows_{rows}, users_{users}, items_{items}
    {
    }

    bool row(TupleTableSlot* slot) final
    {
        const MemoryContext old = MemoryContextSwitchTo(scratch_.get());
        add(slot->tts_values, slot->tts_isnull);
        MemoryContextSwitchTo(old);
        if (++read_ % rows_kept == 0 || MemoryContextMemAllocated(scratch_.get(), false) > bytes_kept) {
            scratch_.reset();
            require_room();
        }
        return true;
    }

  protected:
    virtual void add(const Datum* values, const bool* nulls) = 0;
    ~sample_reader() = default;

    MemoryContext context_;
    positive_rows& rows_;
    kept_values& users_;
    kept_values& items_;

  private:
    static constexpr std::uint64_t rows_kept = 1024;
    static constexpr std::size_t bytes_kept = 256 * 1024;

    void require_room() const
    {
        const std::size_t most = pg::sample_memory_bytes();
        if (rows_.memory_bytes() + users_.memory_bytes() + items_.memory_bytes() > most) {
            throw error(sqlstate::out_of_memory,
                        "the positives of a sample take more memory than the " + std::to_string(most >> 20) +
                            " MB of pg_etl.sample_memory",
                        "There were " + std::to_string(rows_.rows.size()) + " of them so far, " +
                            std::to_string(rows_.users.count()) + " users and " + std::to_string(rows_.items.count()) +
                            " items.",
                        "Raise pg_etl.sample_memory, or sample some of the users at a time, and name all items in "
                        "items.");
        }
    }

    pg::scratch_context scratch_;
    std::uint64_t read_ = 0;
};

class positive_reader final : public sample_reader {
  public:
    positive_reader(MemoryContext context, positive_rows& rows, kept_values& users, kept_values& items,
                    TupleDesc expected)
        : sample_reader{context, rows, users, items}, expected_{expected}
    {
    }

    void columns(TupleDesc row) override
    {
        if (row->natts != 2) {
            throw error(sqlstate::datatype_mismatch, "the query for positives must return two columns");
        }
        if (expected_ != nullptr && !fit(row)) {
            refuse_columns(row);
        }
        const MemoryContext old = MemoryContextSwitchTo(context_);
        users_.learn(TupleDescAttr(row, 0));
        items_.learn(TupleDescAttr(row, 1));
        MemoryContextSwitchTo(old);
    }

  private:
    void add(const Datum* values, const bool* nulls) override
    {
        if (!nulls[0] && !nulls[1]) {
            const std::uint32_t user = users_.number_of(rows_.users, values[0]);
            rows_.rows.push_back({user, items_.number_of(rows_.items, values[1])});
        }
    }

    bool fit(TupleDesc row) const
    {
        for (int i = 0; i < 2; ++i) {
            const FormData_pg_attribute* given = TupleDescAttr(row, i);
            const FormData_pg_attribute* wanted = TupleDescAttr(expected_, i);
            if ((wanted->atttypid != given->atttypid && wanted->atttypid != getBaseType(given->atttypid)) ||
                (wanted->atttypmod != -1 && wanted->atttypmod != given->atttypmod)) {
                return false;
            }
        }
        return expected_->natts == 2;
    }

    [[noreturn]] static void refuse_columns(TupleDesc row)
    {
        const char* columns[2];
        for (int i = 0; i < 2; ++i) {
            const FormData_pg_attribute* given = TupleDescAttr(row, i);
            columns[i] = psprintf("%s %s", quote_identifier(NameStr(given->attname)),
                                  format_type_with_typemod(given->atttypid, given->atttypmod));
        }
        const char* list = psprintf("(%s, %s)", columns[0], columns[1]);
        throw error(sqlstate::datatype_mismatch, "the list of columns is not that of the sample",
                    std::string{"The sample has the columns "} + list + ".",
                    std::string{"Write FROM etl.negative_sample(…) AS s"} + list + ".");
    }

    TupleDesc expected_;
};

class item_reader final : public sample_reader {
  public:
    using sample_reader::sample_reader;

    void columns(TupleDesc row) override
    {
        if (row->natts != 1) {
            throw error(sqlstate::datatype_mismatch, "the query for items must return one column");
        }
        const FormData_pg_attribute* given = TupleDescAttr(row, 0);
        if (!items_.may_be(given)) {
            const char* here = format_type_with_typemod(given->atttypid, given->atttypmod);
            const char* there = format_type_with_typemod(items_.type(), items_.modifier());
            throw error(sqlstate::datatype_mismatch,
                        std::string{"items are of type "} + here + ", and those of the positives of type " + there, {},
                        "Cast both to one type in queries, as in 'SELECT id::bigint FROM public.items'.");
        }
    }

  private:
    void add(const Datum* values, const bool* nulls) override
    {
        if (!nulls[0]) {
            rows_.list(items_.number_of(rows_.items, values[0]));
        }
    }
};

void read(const std::string& query, const char* what, pg::row_receiver& to)
{
    const pg::spi_session session;
    pg::require_select(query, what, "Give one SELECT, or the name of a table.");
    pg::run_query(query, to);
}

} // namespace

void kept_values::learn(const FormData_pg_attribute* column)
{
    char alignment = '\0';
    hash_ = learn_value_hash(column->atttypid, column->attcollation);
    modifier_ = column->atttypmod;
    get_typlenbyvalalign(column->atttypid, &length_, &by_value_, &alignment);
    looks_vary_ = hash_.given == value_form::padded_text || !are_bytes_printed(*hash_.prints);
}

// A domain or a length may stand in the way of values of other columns.
bool kept_values::may_be(const FormData_pg_attribute* column) const
{
    const bool is_plain = modifier_ == -1 && getBaseType(type()) == type();
    return is_plain ? IsBinaryCoercible(getBaseType(column->atttypid), type())
                    : column->atttypid == type() && column->atttypmod == modifier_;
}

std::uint32_t kept_values::number_of(value_numbers& numbers, Datum value)
{
    const Datum plain = length_ == -1 ? PointerGetDatum(PG_DETOAST_DATUM_PACKED(value)) : value;
    const std::uint32_t number = numbers.number_of(own_hash(hash_, plain));
    if (number == values_.size()) {
        values_.push_back(copy(plain));
    } else if (looks_vary_ && is_before(plain, values_[number])) {
        values_[number] = copy(plain);
    }
    return number;
}

Datum kept_values::copy(Datum value)
{
    if (by_value_) {
        return value;
    }
    const std::size_t size = datumGetSize(value, false, length_);
    void* made = pg::allocate_in(bytes_.get(), size);
    std::memcpy(made, DatumGetPointer(value), size);
    return PointerGetDatum(made);
}

bool kept_values::is_before(Datum a, Datum b) const
{
    return by_value_ ? a < b : bytes_of(a, length_) < bytes_of(b, length_);
}

void loaded_sample::load(const sample_request& request, TupleDesc expected)
{
    check_options(request.options);
    positive_reader reader{context_, rows_, users_, items_, expected};
    read(request.positives, "positives", reader);
    if (request.items) {
        item_reader lister{context_, rows_, users_, items_};
        read(*request.items, "items", lister);
    }
    sorted_.emplace(rows_, request.items.has_value(), request.options.is_weighted(), pg::poll);
    sampler_.emplace(rows_, *sorted_, request.options, pg::poll);
}

} // namespace etl::feature
