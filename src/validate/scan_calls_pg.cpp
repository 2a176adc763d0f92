// What SQL asks about scans: which expectations do not fit the rows, and how the others are scanned.
#include "validate/scan_calls.hpp"
#include "core/text.hpp"
#include "pg/result_set.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text_array.hpp"
#include "validate/checker.hpp"
#include "validate/column_pg.hpp"
#include "validate/validation_state_pg.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/array.h>
}

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace etl::validate {
namespace {

std::vector<std::size_t> read_numbers(Datum array)
{
    struct elements {
        Datum* values;
        int count;
    };
    const elements found = pg::call([array] {
        elements made = {};
        deconstruct_array(DatumGetArrayTypeP(array), INT4OID, sizeof(std::int32_t), true, TYPALIGN_INT, &made.values,
                          nullptr, &made.count);
        return made;
    });
    std::vector<std::size_t> made;
    for (int i = 0; i < found.count; ++i) {
        made.push_back(static_cast<std::size_t>(DatumGetInt32(found.values[i])));
    }
    return made;
}

// --- faults ----------------------------------------------------------------------------------------------------------

// Compiles expectations one by one, each against the columns that it reads.
class fault_finder {
  public:
    fault_finder(const source_columns& columns, MemoryContext memory) : columns_{columns}, make_type_{types_in(memory)}
    {
    }

    // Throws what is wrong with an expectation.
    void compile(const expectation& what, std::size_t number) const
    {
        require_columns(what);
        std::vector<column> read;
        for (const read_column& from : columns_read_by(what, number, columns_)) {
            read.push_back({from.column.name, make_type_(from.column)});
        }
        const schema_lookup schemas{registered_schema};
        const columns_view view{read, schemas};
        if (!is_row_test(what)) {
            metrics_of(what, view);
        } else if (compile_test(what, view) == nullptr) {
            throw error(sqlstate::feature_not_supported, what.label() + " cannot be decided row by row");
        }
    }

  private:
    void require_columns(const expectation& what) const
    {
        const std::string* missing = nullptr;
        for (const std::string& name : what.columns) {
            if (columns_.find(name) == nullptr && (missing == nullptr || name < *missing)) {
                missing = &name;
            }
        }
        if (missing != nullptr) {
            std::vector<std::string> names;
            for (const plan_column& column : columns_.source().columns) {
                names.push_back(column.name);
            }
            throw error(sqlstate::undefined_column, "column \"" + *missing + "\" does not exist",
                        "The columns are " + joined(names) + ".");
        }
    }

    const source_columns& columns_;
    type_factory make_type_;
};

std::string in_lines(const std::string& message, const std::string& detail)
{
    return detail.empty() ? message : message + '\n' + detail;
}

// A subtransaction is needed where PostgreSQL has raised an error; it goes on to the next of these.
class fault_search {
  public:
    fault_search(const fault_finder& finder) : finder_{finder} { open_.emplace(); }

    std::optional<std::string> fault_of(const expectation& what, std::size_t number)
    {
        try {
            finder_.compile(what, number);
            return std::nullopt;
        } catch (const error& e) {
            return in_lines(e.what(), e.detail());
        } catch (const pg::error_in_flight&) { // dealt with below, when the clause has ended
        }
        const pg::caught_error raised = open_->roll_back();
        open_.emplace();
        return in_lines(raised.message, raised.detail);
    }

    void finish() { open_->commit(); }

  private:
    const fault_finder& finder_;
    std::optional<pg::subtransaction> open_;
};

scan_source read_source(std::string_view columns)
{
    scan_source made;
    made.columns = read_source_columns(columns);
    return made;
}

void put_fault(pg::result_set& rows, std::size_t number, const std::string& fault)
{
    std::array values{Int32GetDatum(static_cast<std::int32_t>(number)), pg::make_text(fault)};
    std::array nulls{false, false};
    rows.put(values, nulls);
}

} // namespace
} // namespace etl::validate

using namespace etl;
using namespace etl::validate;

// etl._compile_faults(document, part, columns)
ETL_FUNCTION(etl_compile_faults, args)
{
    const auto document = args.get<std::string_view>(0);
    const auto columns_text = args.get<std::string_view>(2);
    pg::result_set rows{args};
    const suite rules = read_suite(document);
    const scan_source source = read_source(columns_text);
    const source_columns columns{source};
    const fault_finder finder{columns, CurrentMemoryContext};
    fault_search search{finder};
    for (const std::size_t number : read_numbers(args.given(1))) {
        if (const auto fault = search.fault_of(rules.expectations.at(number), number)) {
            put_fault(rows, number, *fault);
        }
        pg::poll();
    }
    search.finish();
    return rows.finish();
}

// etl._scan_calls(document, part, others, told, alias, columns, keys, passes_places)
ETL_FUNCTION(etl_scan_calls, args)
{
    const auto document = args.get<std::string_view>(0);
    const auto told = args.get<std::string_view>(3);
    const auto alias = args.get<std::string_view>(4);
    const auto columns = args.get<std::string_view>(5);
    pg::result_set rows{args};
    scan_source source = read_source(columns);
    source.alias = std::string{alias};
    source.keys = args.is_null(6) ? std::vector<std::string>{} : pg::read_text_array(args.datum(6));
    source.passes_places = args.get<bool>(7);
    for (const scan_call& call :
         make_scan_calls(document, read_numbers(args.given(1)), read_numbers(args.given(2)), read_told(told), source)) {
        std::array values{pg::make_text(call.plan), pg::make_text(call.sql)};
        std::array nulls{false, false};
        rows.put(values, nulls);
    }
    return rows.finish();
}
