// etl.top_n_per_key and its like: the selection among the rows that a scan has set aside, and where the result goes.
#include "pg/result_set.hpp"
#include "pg/shared_parts.hpp"
#include "pg/spi.hpp"
#include "pg/table_writer.hpp"
#include "sketch/key_columns_pg.hpp"
#include "sketch/top_n_parts.hpp"
#include "sketch/top_n_parts_pg.hpp"
#include "sketch/top_n_pg.hpp"

extern "C" {
#include <access/tupdesc.h>
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <funcapi.h>
#include <utils/array.h>
#include <utils/lsyscache.h>
}

#include <algorithm>
#include <vector>

namespace etl {
namespace {

// Where the selected rows go, and what is known of its columns.
class target {
  public:
    virtual TupleDesc columns() const = 0;
    virtual void put(std::span<Datum> values, std::span<bool> nulls) = 0;

  protected:
    ~target() = default;
};

class new_table final : public target {
  public:
    explicit new_table(Oid table) : writer_{table} {}
    TupleDesc columns() const override { return writer_.columns(); }
    void put(std::span<Datum> values, std::span<bool> nulls) override { writer_.put(values, nulls); }
    std::int64_t finish() { return writer_.finish(); }

  private:
    pg::table_writer writer_;
};

class caller final : public target {
  public:
    caller(pg::arguments args, const char* function) : rows_{listed(args, function)} {}
    TupleDesc columns() const override { return rows_.columns(); }
    void put(std::span<Datum> values, std::span<bool> nulls) override { rows_.put(values, nulls); }

  private:
    static pg::arguments listed(pg::arguments args, const char* function)
    {
        pg::listed_columns(args, function, "t(id bigint, …)");
        return args;
    }

    pg::result_set rows_;
};

// The rows that a scan has set aside, for a target.
class selection {
  public:
    selection(std::span<const std::byte> scanned, bool single) : single_{single}, chunks_{&memory_}
    {
        byte_reader from{scanned, "etl._top_parts"};
        const auto types = from.value<scanned_types>();
        MemoryContext context = CurrentMemoryContext;
        kind_ = pg::call(
            [&] { return make_top_kind(types.value, types.order, types.collation, types.ascending != 0, context); });
        for (std::uint32_t i = 0; i < types.keys; ++i) {
            keys_.add(from.value<Oid>(), context);
        }
        read_chunks(from, chunks_);
        element_ = type_of_element();
    }

    void require_columns(TupleDesc columns) const
    {
        if (!single_ && !OidIsValid(element_.array)) {
            const char* name = pg::call([this] { return format_type_be(element_.type); });
            throw error(sqlstate::feature_not_supported,
                        std::string{"values of type "} + name + " cannot be the elements of an array", {},
                        "Put the value into a row: make the query return a column of a composite type.");
        }
        const auto wanted = column_types();
        pg::require_columns(columns, wanted, column_list(wanted));
    }

    void write(pg::file_run_store& store, std::uint32_t n, target& to)
    {
        const entries_of order{*kind_};
        key_groups groups{&memory_, store, chunks_, n, order, get_hash_memory_limit(), pg::poll};
        pg::scratch_context scratch;
        for (auto found = groups.next(); !found.empty(); found = groups.next()) {
            {
                const pg::within_context inside{scratch.get()};
                fill(found);
            }
            to.put({row_, keys_.count() + 1}, {row_nulls_, keys_.count() + 1});
            if (MemoryContextMemAllocated(scratch.get(), false) > scratch_bytes) {
                scratch.reset();
            }
        }
    }

  private:
    static constexpr Size scratch_bytes = Size{256} << 10; // of rows that have been handed on

    struct element {
        Oid type;
        std::int16_t length;
        bool by_value;
        char alignment;
        Oid array;
    };

    element type_of_element() const
    {
        return pg::call([type = kind_->value->type] {
            element made{type, 0, false, 0, get_array_type(type)};
            get_typlenbyvalalign(type, &made.length, &made.by_value, &made.alignment);
            return made;
        });
    }

    std::vector<Oid> column_types() const
    {
        std::vector<Oid> made;
        for (std::size_t i = 0; i < keys_.count(); ++i) {
            made.push_back(keys_.type(i));
        }
        made.push_back(single_ ? element_.type : element_.array);
        return made;
    }

    std::string column_list(const std::vector<Oid>& types) const
    {
        std::string made;
        for (std::size_t i = 0; i < types.size(); ++i) {
            const char* name = pg::call([type = types[i]] { return format_type_with_typemod(type, -1); });
            made += i + 1 < types.size() ? "key" + std::to_string(i + 1) + " " + name + ", "
                                         : (single_ ? "value " : "values ") + std::string{name};
        }
        return made;
    }

    Datum value_of(const top_entry& entry) const
    {
        return entry.is_null() ? Datum{0} : real_value(*kind_->value, read_held(*kind_->value, entry.value()));
    }

    Datum array_of(std::span<const key_groups::item> found)
    {
        values_.resize(found.size());
        nulls_.resize(found.size());
        for (std::size_t i = 0; i < found.size(); ++i) {
            const top_entry& entry = found[i].row->entry();
            nulls_[i] = entry.is_null();
            values_[i] = value_of(entry);
        }
        return pg::call([&] {
            int size = static_cast<int>(found.size());
            int from = 1;
            auto* nulls = reinterpret_cast<bool*>(nulls_.data());
            return PointerGetDatum(construct_md_array(values_.data(), nulls, 1, &size, &from, element_.type,
                                                      element_.length, element_.by_value, element_.alignment));
        });
    }

    void fill(std::span<const key_groups::item> found)
    {
        const std::size_t keys = keys_.count();
        keys_.read(reinterpret_cast<const std::uint64_t*>(found[0].row->keys()), row_, row_nulls_);
        const top_entry& first = found[0].row->entry();
        row_nulls_[keys] = single_ && first.is_null();
        row_[keys] = single_ ? value_of(first) : array_of(found);
    }

    pg::context_resource memory_;
    bool single_;
    part_chunks chunks_;
    const top_kind* kind_ = nullptr;
    key_columns keys_;
    element element_{};
    std::vector<Datum> values_;
    std::vector<char> nulls_;
    Datum row_[FUNC_MAX_ARGS] = {}; // that is written next
    bool row_nulls_[FUNC_MAX_ARGS] = {};
};

// What a function that selects is asked for: (query, keys, value, order, n, descending), without n for one row of a
// key.
struct request {
    pg::arguments args;
    bool single;

    static constexpr int n_argument = 4;
    int descending() const noexcept { return single ? n_argument : n_argument + 1; }
    std::int32_t n() const { return single ? 1 : args.get<std::int32_t>(n_argument); }
};

// The query that sets rows aside, as etl._top_scan makes it. $1 is the area.
std::string scan_of(const request& asked)
{
    return pg::call([&asked] {
        constexpr int count = 6;
        const int from[count - 1] = {0, 1, 2, 3, asked.descending()};
        Oid types[count];
        Datum values[count];
        char nulls[count];
        for (int i = 0; i < count - 1; ++i) {
            types[i] = asked.args.type(from[i]);
            values[i] = asked.args.datum(from[i]);
            nulls[i] = asked.args.is_null(from[i]) ? 'n' : ' ';
        }
        types[count - 1] = INT4OID;
        values[count - 1] = asked.single ? Int32GetDatum(1) : asked.args.datum(request::n_argument);
        nulls[count - 1] = !asked.single && asked.args.is_null(request::n_argument) ? 'n' : ' ';
        SPI_execute_with_args("SELECT etl._top_scan($1, $2, $3, $4, $5, $6)", count, types, values, nulls, true, 1);
        return static_cast<const char*>(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
    });
}

void select_rows(const request& asked, target& to)
{
    const pg::spi_session session;
    const auto area = pg::call([] { return pg::make_spill_directory(CurTransactionContext); });
    const auto scanned = pg::scan_parts(scan_of(asked), area);
    if (!scanned.empty()) {
        selection rows{scanned, asked.single};
        rows.require_columns(to.columns());
        pg::file_run_store store{area, CurrentMemoryContext};
        rows.write(store, static_cast<std::uint32_t>(asked.n()), to);
        store.close();
    }
    pg::clear_spill_directory(area);
}

} // namespace
} // namespace etl

using namespace etl;

ETL_FUNCTION(etl_top_n_per_key, args)
{
    caller to{args, "etl.top_n_per_key"};
    select_rows({args, false}, to);
    return Datum{0};
}

ETL_FUNCTION(etl_latest_per_key, args)
{
    caller to{args, "etl.latest_per_key"};
    select_rows({args, true}, to);
    return Datum{0};
}

// (…, new table)
ETL_FUNCTION(etl_top_n_into, args)
{
    new_table to{DatumGetObjectId(args.given(6))};
    select_rows({args, false}, to);
    return args.result(to.finish());
}

ETL_FUNCTION(etl_latest_into, args)
{
    new_table to{DatumGetObjectId(args.given(5))};
    select_rows({args, true}, to);
    return args.result(to.finish());
}
