// etl.violations: one row against a stored suite.
//
// What is compiled is kept from row to row in the calling expression, whose life may be longer than the shape of a row
// type or the text of a suite: PL/pgSQL keeps an expression for a whole transaction. So every call compares the row
// type's identity, and looks at the suite again when the transaction has done something since.
#include "core/text.hpp"
#include "pg/spi.hpp"
#include "pg/text_array.hpp"
#include "validate/column_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/xact.h>
#include <utils/typcache.h>
}

#include <array>
#include <string>
#include <vector>

namespace etl::validate {
namespace {

using pg::arguments;

std::string stored_document(std::string_view name)
{
    const std::array arguments{name};
    return pg::query_text("SELECT etl._suite_document($1)", arguments).value_or(std::string{});
}

suite row_level_only(suite rules)
{
    std::erase_if(rules.expectations, [](const expectation& e) { return !e.is_row_level(); });
    return rules;
}

// The live columns of a row type that the suite reads, in the suite's order.
struct resolved_columns {
    std::vector<column> columns;
    std::vector<int> attributes;
    std::vector<Oid> types;
};

int find_attribute(TupleDesc row, const std::string& name)
{
    for (int i = 0; i < row->natts; ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(row, i);
        if (!attribute->attisdropped && name == NameStr(attribute->attname)) {
            return i;
        }
    }
    return -1;
}

[[noreturn]] void refuse_row(TupleDesc row, std::string_view suite_name, const std::string& missing)
{
    std::vector<std::string> names;
    for (int i = 0; i < row->natts; ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(row, i);
        if (!attribute->attisdropped) {
            names.emplace_back(NameStr(attribute->attname));
        }
    }
    throw error(
        sqlstate::undefined_column,
        "suite " + in_quotes(suite_name) + " expects column " + in_quotes(missing) + ", which the row does not have",
        "The row has columns " + joined(names) + ".", "Change the suite with etl.load_suite(…, replace => true).");
}

resolved_columns resolve(TupleDesc row, std::string_view suite_name, const suite& rules, MemoryContext memory)
{
    resolved_columns made;
    for (const std::string& name : rules.columns()) {
        const int found = find_attribute(row, name);
        if (found < 0) {
            refuse_row(row, suite_name, name);
        }
        const Form_pg_attribute attribute = TupleDescAttr(row, found);
        made.columns.push_back({name, make_column_type(attribute->atttypid, attribute->attcollation, memory)});
        made.attributes.push_back(found);
        made.types.push_back(attribute->atttypid);
    }
    return made;
}

// One row type compiled against one suite.
struct row_suite {
    std::string name;
    std::string document;
    std::uint64_t row_type; // PostgreSQL's number for this shape of the type: a changed table has another
    CommandId seen;         // when the document was last looked at
    checker checks;
    std::vector<int> attributes; // the row's attribute for each of the checker's columns, counted from 0
    std::vector<reading> readings;
};

row_suite compile(std::string_view name, std::string document, TupleDesc row, std::uint64_t row_type,
                  MemoryContext memory)
{
    const suite rules = row_level_only(read_suite(document));
    auto resolved = resolve(row, name, rules, memory);
    checker checks{rules, std::move(resolved.columns)};
    std::vector<reading> readings = readings_of(checks, resolved.types);
    return {std::string{name},          std::move(document), row_type,
            GetCurrentCommandId(false), std::move(checks),   std::move(resolved.attributes),
            std::move(readings)};
}

// The compiled suites of one calling expression, which seldom meets more than one.
using row_suites = std::vector<row_suite>;
constexpr std::size_t most_kept = 16;

const row_suite& refreshed(row_suite& known, TupleDesc row, MemoryContext memory)
{
    if (known.seen == GetCurrentCommandId(false)) {
        return known;
    }
    std::string document = stored_document(known.name);
    if (document == known.document) {
        known.seen = GetCurrentCommandId(false);
    } else {
        known = compile(std::string{known.name}, std::move(document), row, known.row_type, memory);
    }
    return known;
}

const row_suite& row_suite_of(arguments args, std::string_view name, TupleDesc row, std::uint64_t row_type)
{
    MemoryContext memory = args.raw()->flinfo->fn_mcxt;
    auto& known = args.cached<row_suites>([] { return row_suites{}; });
    for (row_suite& rules : known) {
        if (rules.row_type == row_type && rules.name == name) {
            return refreshed(rules, row, memory);
        }
    }
    if (known.size() == most_kept) {
        known.clear();
    }
    return known.emplace_back(compile(name, stored_document(name), row, row_type, memory));
}

// The row's fields that the checks read. May raise: only trivial locals.
std::span<const field> read_fields(HeapTupleHeader row, TupleDesc description, const row_suite& rules)
{
    HeapTupleData tuple = {};
    tuple.t_len = HeapTupleHeaderGetDatumLength(row);
    ItemPointerSetInvalid(&tuple.t_self);
    tuple.t_data = row;
    const auto width = static_cast<std::size_t>(description->natts);
    auto* values = pg::allocate_array<Datum>(width);
    auto* nulls = pg::allocate_array<bool>(width);
    heap_deform_tuple(&tuple, description, values, nulls);
    const std::size_t columns = rules.attributes.size();
    auto* fields = pg::allocate_array<field>(columns);
    for (std::size_t i = 0; i < columns; ++i) {
        const int attribute = rules.attributes[i];
        read_field(fields[i], rules.readings[i], values[attribute], nulls[attribute]);
    }
    return {fields, columns};
}

} // namespace
} // namespace etl::validate

using namespace etl;
using namespace etl::validate;

ETL_FUNCTION(etl_violations, args)
{
    const auto name = args.get<std::string_view>(0);
    HeapTupleHeader row = DatumGetHeapTupleHeader(args.datum(1));
    const Oid type = HeapTupleHeaderGetTypeId(row);
    const std::int32_t typmod = HeapTupleHeaderGetTypMod(row);
    TupleDesc description = lookup_rowtype_tupdesc(type, typmod);
    const row_suite& rules = row_suite_of(args, name, description, assign_record_type_identifier(type, typmod));
    const auto fields = read_fields(row, description, rules);
    ReleaseTupleDesc(description);
    return pg::make_text_array(rules.checks.broken(fields));
}
