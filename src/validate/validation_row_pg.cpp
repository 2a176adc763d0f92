// The aggregate etl.validation_state(suite, row): whole rows against a stored suite.
#include "pg/row_expression.hpp"
#include "pg/search_path.hpp"
#include "validate/column_pg.hpp"
#include "validate/validation_state_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_type.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

#include <memory>
#include <string>
#include <vector>

namespace etl::validate {
namespace {

// Rows as they come: they lie nowhere that could be told.
class arrival final : public row_locator {
  public:
    explicit arrival(std::uint64_t number) : number_{number} {}

    row_position position() const override
    {
        return {0, static_cast<std::uint32_t>(number_ >> 16), static_cast<std::uint16_t>(number_)};
    }
    std::string keys() const override { return {}; }

  private:
    std::uint64_t number_;
};

// A suite and the shape of the rows that it is applied to: made with the first row.
class row_scan {
  public:
    row_scan(std::string name, TupleDesc shape, MemoryContext memory)
        : name_{std::move(name)}, shape_{pg::call([=] { return copy_in(shape, memory); })}, type_{pg::call([shape] {
              return assign_record_type_identifier(shape->tdtypeid, shape->tdtypmod);
          })},
          values_(width()), nulls_{std::make_unique<bool[]>(width())}
    {
        plan told;
        told.document = stored_document(name_);
        const suite rules = read_suite(told.document);
        add_columns(rules, told);
        add_conditions(rules, told, memory);
        fill_part(told, rules);
        plan_ = write_plan(told);
        rules_ =
            std::make_unique<checker>(checker::to_scan(std::move(told), types_in(memory), registered_schema, pg::poll));
        readings_ = readings_of(*rules_, types_);
        row_.resize(types_.size());
    }

    bool is_of(std::string_view name, Oid type, std::int32_t modifier) const
    {
        return name == name_ && assign_record_type_identifier(type, modifier) == type_;
    }

    const checker& rules() const { return *rules_; }
    std::string_view plan_text() const { return plan_; }

    // May raise: only trivial locals.
    std::span<const field> read(HeapTupleHeader row)
    {
        HeapTupleData tuple = {};
        tuple.t_len = HeapTupleHeaderGetDatumLength(row);
        ItemPointerSetInvalid(&tuple.t_self);
        tuple.t_data = row;
        heap_deform_tuple(&tuple, shape_, values_.data(), nulls_.get());
        if (program_ != nullptr) {
            program_->run(values_.data(), nulls_.get());
        }
        for (std::size_t i = 0; i < attributes_.size(); ++i) {
            const auto from = static_cast<std::size_t>(attributes_[i]);
            read_field(row_[i], readings_[i], values_[from], nulls_[from]);
        }
        for (std::size_t i = attributes_.size(); i < row_.size(); ++i) {
            const NullableDatum truth = program_->result(i - attributes_.size());
            read_field(row_[i], readings_[i], truth.value, truth.isnull);
        }
        ++rows_;
        return row_;
    }

    std::uint64_t rows() const noexcept { return rows_; }

  private:
    static TupleDesc copy_in(TupleDesc shape, MemoryContext memory)
    {
        MemoryContext old = MemoryContextSwitchTo(memory);
        TupleDesc made = CreateTupleDescCopyConstr(shape);
        MemoryContextSwitchTo(old);
        return made;
    }

    std::size_t width() const { return static_cast<std::size_t>(shape_->natts); }

    void add_columns(const suite& rules, plan& told)
    {
        const auto names = rules.columns();
        for (int i = 0; i < shape_->natts; ++i) {
            const Form_pg_attribute column = TupleDescAttr(shape_, i);
            if (!column->attisdropped && std::ranges::count(names, NameStr(column->attname)) > 0) {
                told.columns.push_back(
                    describe_column(NameStr(column->attname), column->atttypid, column->attcollation));
                attributes_.push_back(i);
                types_.push_back(column->atttypid);
            }
        }
    }

    // Names in conditions mean what they mean to etl.validate, whatever the caller's search_path.
    void add_conditions(const suite& rules, plan& told, MemoryContext memory)
    {
        const pg::pinned_search_path path;
        const Oid relation = shape_->tdtypeid == RECORDOID
                                 ? InvalidOid
                                 : pg::call([this] { return get_typ_typrelid(shape_->tdtypeid); });
        for (const std::string& sql : rules.conditions()) {
            if (program_ == nullptr) {
                program_ = std::make_unique<pg::row_program>(shape_, memory);
            }
            conditions_.push_back(pg::row_expression::condition(sql, shape_, relation, "suite " + name_));
            program_->add_result(conditions_.back());
            told.columns.push_back({'(' + sql + ')', "boolean", ""});
            types_.push_back(BOOLOID);
        }
    }

    std::string name_;
    TupleDesc shape_;
    std::uint64_t type_;
    std::vector<Datum> values_;
    std::unique_ptr<bool[]> nulls_;
    std::string plan_;
    std::unique_ptr<checker> rules_;
    std::vector<int> attributes_; // of the columns, which come before the conditions
    std::vector<Oid> types_;
    std::vector<reading> readings_;
    std::vector<pg::row_expression> conditions_;
    std::unique_ptr<pg::row_program> program_;
    std::vector<field> row_;
    std::uint64_t rows_ = 0;
};

row_scan& scan_of(pg::arguments args, std::string_view name, HeapTupleHeader row)
{
    const Oid type = HeapTupleHeaderGetTypeId(row);
    const std::int32_t modifier = HeapTupleHeaderGetTypMod(row);
    MemoryContext memory = args.raw()->flinfo->fn_mcxt;
    auto& known = args.cached<std::unique_ptr<row_scan>>([] { return std::unique_ptr<row_scan>{}; });
    if (known == nullptr) {
        TupleDesc shape = pg::call([=] { return lookup_rowtype_tupdesc_copy(type, modifier); });
        known = std::make_unique<row_scan>(std::string{name}, shape, memory);
    }
    if (!known->is_of(name, type, modifier)) {
        throw error(sqlstate::invalid_parameter_value,
                    "etl.validation_state needs the same suite and rows of one type in a query", {},
                    "Validate with each suite in a query of its own.");
    }
    return *known;
}

} // namespace
} // namespace etl::validate

using namespace etl;
using namespace etl::validate;

// etl.validation_state(state, suite, row)
ETL_FUNCTION(etl_validation_row_step, args)
{
    if (args.is_null(1) || args.is_null(2)) {
        throw error(sqlstate::invalid_parameter_value, "etl.validation_state needs the name of a suite and a row");
    }
    HeapTupleHeader row = DatumGetHeapTupleHeader(args.datum(2));
    row_scan& scan = scan_of(args, args.get<std::string_view>(1), row);
    const auto fields = scan.read(row);
    const own_state state{args, scan.rules(), scan.plan_text(), nullptr};
    state->add_row(scan.rules(), fields, arrival{scan.rows()});
    return state.datum();
}
