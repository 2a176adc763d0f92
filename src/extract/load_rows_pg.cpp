#include "extract/load_rows_pg.hpp"

#include "pg/function.hpp"
#include "pg/result_set.hpp"
#include "pg/role_lock.hpp"
#include "pg/spi.hpp"

extern "C" {
#include <access/htup_details.h>
#include <executor/spi.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
}

#include <algorithm>

namespace etl {
namespace {

const shown_rows* latest_shown = nullptr;

// Straight into the table.
class direct_sink final : public row_sink {
  public:
    direct_sink(pg::bulk_insert* insert, Relation table) noexcept
        : row_sink{RelationGetDescr(table)}, insert_{insert}, has_indexes_{table->rd_rel->relhasindex}
    {
    }

    HeapTuple form(const Datum* values, const bool* nulls, MemoryContext into, pg::refused_row& why) override
    {
        return insert_->form(values, nulls, into, why);
    }

    std::int64_t write(HeapTuple* rows, int count, int& at) override
    {
        pg::with_locked_role([&, this] { insert_->write(rows, count, at); });
        return count;
    }

    void finish() override { insert_->finish(); }

    bool may_refuse() const noexcept override { return has_indexes_; }

  private:
    pg::bulk_insert* insert_;
    bool has_indexes_;
};

// By a command that selects the rows from etl._loaded_rows: for triggers, policies, rules and partitions.
class command_sink final : public row_sink {
  public:
    command_sink(TupleDesc columns, void* plan) noexcept : row_sink{columns}, plan_{plan} {}

    HeapTuple form(const Datum* values, const bool* nulls, MemoryContext into, pg::refused_row&) override
    {
        MemoryContext caller = MemoryContextSwitchTo(into);
        HeapTuple made = heap_form_tuple(columns(), const_cast<Datum*>(values), const_cast<bool*>(nulls));
        MemoryContextSwitchTo(caller);
        return made;
    }

    std::int64_t write(HeapTuple*, int, int& at) override
    {
        at = -1;
        pg::with_locked_role([this] { SPI_execute_plan(static_cast<SPIPlanPtr>(plan_), nullptr, nullptr, false, 0); });
        return static_cast<std::int64_t>(SPI_processed);
    }

    void finish() override { SPI_freeplan(static_cast<SPIPlanPtr>(plan_)); }

    bool may_refuse() const noexcept override { return true; }

  private:
    void* plan_;
};

TupleDesc columns_of(Relation table, std::span<const int> given)
{
    TupleDesc made = CreateTemplateTupleDesc(static_cast<int>(given.size()));
    for (std::size_t i = 0; i < given.size(); ++i) {
        TupleDescCopyEntry(made, static_cast<AttrNumber>(i + 1), RelationGetDescr(table),
                           static_cast<AttrNumber>(given[i] + 1));
    }
    return made;
}

const char* command_of(Relation table, TupleDesc columns)
{
    StringInfoData names;
    StringInfoData list;
    initStringInfo(&names);
    initStringInfo(&list);
    for (int i = 0; i < columns->natts; ++i) {
        const Form_pg_attribute column = TupleDescAttr(columns, i);
        const char* name = quote_identifier(NameStr(column->attname));
        appendStringInfo(&names, "%s%s", i == 0 ? "" : ", ", name);
        appendStringInfo(&list, "%s%s %s", i == 0 ? "" : ", ", name,
                         format_type_extended(column->atttypid, column->atttypmod,
                                              FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
    }
    const char* target =
        quote_qualified_identifier(get_namespace_name(RelationGetNamespace(table)), RelationGetRelationName(table));
    return psprintf("INSERT INTO %s (%s) SELECT %s FROM etl._loaded_rows() AS r(%s)", target, names.data, names.data,
                    list.data);
}

} // namespace

shown_rows::shown_rows(const row_sink& sink, HeapTuple* rows, int count) noexcept
    : columns_{sink.columns()}, rows_{rows, static_cast<std::size_t>(count)}, before_{latest_shown}
{
    latest_shown = this;
}

shown_rows::~shown_rows()
{
    latest_shown = before_;
}

const shown_rows* shown_rows::latest() noexcept
{
    return latest_shown;
}

std::unique_ptr<row_sink> make_row_sink(Relation table, std::span<const int> given)
{
    if (pg::call([table] { return pg::bulk_insert::suits(table); })) {
        auto* insert = pg::call([table, given] {
            return new (pg::allocate_array<pg::bulk_insert>(1)) pg::bulk_insert{table, given};
        });
        return std::make_unique<direct_sink>(insert, table);
    }
    TupleDesc columns = pg::call([table, given] { return columns_of(table, given); });
    void* plan = pg::call([table, columns] { return pg::keep_plan(command_of(table, columns), {}); });
    return std::make_unique<command_sink>(columns, plan);
}

waiting_rows::waiting_rows()
{
    rows_.reserve(most_rows);
    places_.reserve(most_rows);
}

void waiting_rows::add(HeapTuple row, std::uint64_t ordinal, std::uint64_t line, std::string_view text)
{
    rows_.push_back(row);
    texts_ += text;
    places_.push_back({ordinal, line, texts_.size()});
    bytes_ += row->t_len + text.size();
}

void waiting_rows::clear()
{
    memory_.reset();
    rows_.clear();
    places_.clear();
    texts_.clear();
    bytes_ = 0;
}

std::string_view waiting_rows::text(int i) const
{
    const std::size_t begin = i == 0 ? 0 : at(i - 1).end;
    return std::string_view{texts_}.substr(begin, at(i).end - begin);
}

} // namespace etl

ETL_FUNCTION(etl_loaded_rows, args)
{
    using namespace etl;
    TupleDesc list = pg::listed_columns(args, "etl._loaded_rows", "r(id bigint, …)");
    const shown_rows* shown = shown_rows::latest();
    if (shown == nullptr || shown->columns()->natts != list->natts) {
        throw error(sqlstate::feature_not_supported, "etl._loaded_rows is called by loads only");
    }
    const auto count = static_cast<std::size_t>(list->natts);
    for (int i = 0; i < list->natts; ++i) {
        if (TupleDescAttr(list, i)->atttypid != TupleDescAttr(shown->columns(), i)->atttypid) {
            throw error(sqlstate::datatype_mismatch, "the list of columns is not that of the load");
        }
    }
    pg::result_set result{args};
    auto* values = pg::allocate_array<Datum>(count);
    auto* nulls = pg::allocate_array<bool>(count);
    for (HeapTuple row : shown->rows()) {
        pg::call([=, columns = shown->columns()] { heap_deform_tuple(row, columns, values, nulls); });
        result.put({values, count}, {nulls, count});
    }
    return result.finish();
}
