// Suites as SQL sees them: reading documents, and testing one row against a stored suite.
#include "core/text.hpp"
#include "pg/result_set.hpp"
#include "pg/spi.hpp"
#include "validate/column_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_type.h>
#include <utils/array.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

#include <array>
#include <string>
#include <vector>

namespace etl::validate {
namespace {

using pg::arguments;

Datum text_array(const std::vector<std::string>& texts)
{
    std::vector<Datum> elements;
    elements.reserve(texts.size());
    for (const std::string& text : texts) {
        elements.push_back(pg::make_text(text));
    }
    return pg::call([data = elements.data(), count = static_cast<int>(elements.size())] {
        return PointerGetDatum(construct_array(data, count, TEXTOID, -1, false, TYPALIGN_INT));
    });
}

// One row type compiled against one suite; most queries meet a single pair of them.
struct row_suite {
    std::string name;
    Oid type;
    std::int32_t typmod;
    checker checks;
    std::vector<int> attributes; // the row's attribute for each of the checker's columns, counted from 0
    std::vector<reading> readings;
    int width; // attributes of the row type
};

std::string stored_document(std::string_view name)
{
    const std::array arguments{name};
    constexpr const char* query = "SELECT s.document FROM etl.suite AS s WHERE s.name OPERATOR(pg_catalog.=) $1";
    auto found = pg::query_text(query, arguments);
    if (!found) {
        throw error(sqlstate::undefined_object, "suite " + in_quotes(name) + " does not exist", {},
                    "SELECT * FROM etl.suites lists the suites; etl.load_suite(document) adds one.");
    }
    return *found;
}

suite row_level_only(suite rules)
{
    std::erase_if(rules.expectations, [](const expectation& e) { return !e.is_row_level(); });
    return rules;
}

// The live columns of a row type that the suite reads, in the suite's order; unknown ones are left to the checker,
// which knows who asks for them.
struct resolved_columns {
    std::vector<column> columns;
    std::vector<int> attributes;
    std::vector<Oid> types;
};

resolved_columns resolve(TupleDesc row, const std::vector<std::string>& wanted, MemoryContext memory)
{
    resolved_columns made;
    for (const std::string& name : wanted) {
        for (int i = 0; i < row->natts; ++i) {
            const Form_pg_attribute attribute = TupleDescAttr(row, i);
            if (attribute->attisdropped || name != NameStr(attribute->attname)) {
                continue;
            }
            const Oid type = attribute->atttypid;
            made.columns.push_back({name, make_column_type(type, attribute->attcollation, memory)});
            made.attributes.push_back(i);
            made.types.push_back(type);
        }
    }
    return made;
}

row_suite compile(std::string_view name, Oid type, std::int32_t typmod, MemoryContext memory)
{
    const suite rules = row_level_only(parse_suite(stored_document(name)));
    TupleDesc row = pg::call([type, typmod, memory] {
        MemoryContext old = MemoryContextSwitchTo(memory);
        TupleDesc copy = lookup_rowtype_tupdesc_copy(type, typmod);
        MemoryContextSwitchTo(old);
        return copy;
    });
    auto resolved = resolve(row, rules.columns(), memory);
    checker checks{rules, std::move(resolved.columns)};
    std::vector<reading> readings = readings_of(checks, resolved.types);
    return {std::string{name},   type,      typmod, std::move(checks), std::move(resolved.attributes),
            std::move(readings), row->natts};
}

} // namespace
} // namespace etl::validate

using namespace etl;
using namespace etl::validate;

// Parses the document, throws where it is no suite, and returns it in the 1.x shape under the given name.
ETL_FUNCTION(etl_normalize_suite, args)
{
    const auto document = args.get<std::string_view>(0);
    const auto name = args.is_null(1) ? std::string_view{} : args.get<std::string_view>(1);
    const suite rules = parse_suite(document);
    const std::string chosen = name.empty() ? rules.name : std::string{name};
    if (chosen.empty()) {
        throw error(sqlstate::invalid_parameter_value, "the suite has no name", {},
                    "Give it one: etl.load_suite(document, name => 'transactions').");
    }
    return args.result(rename_suite(document, chosen));
}

ETL_FUNCTION(etl_suite_name, args)
{
    const auto document = args.get<std::string_view>(0);
    return args.result(parse_suite(document).name);
}

ETL_FUNCTION(etl_suite_expectations, args)
{
    const auto document = args.get<std::string_view>(0);
    pg::result_set rows{args};
    for (const expectation& e : parse_suite(document).expectations) {
        const std::vector<std::string> columns =
            e.column_b.empty() ? std::vector{e.column} : std::vector{e.column, e.column_b};
        std::array values{pg::make_text(e.type), text_array(columns), pg::make_text(e.kwargs), pg::make_text(e.label()),
                          BoolGetDatum(e.is_row_level())};
        std::array nulls{false, false, false, false, false};
        rows.put(values, nulls);
    }
    return rows.finish();
}

namespace {

const row_suite& row_suite_of(arguments args, std::string_view name, HeapTupleHeader row)
{
    const Oid type = HeapTupleHeaderGetTypeId(row);
    const std::int32_t typmod = HeapTupleHeaderGetTypMod(row);
    auto& known = args.cached<std::vector<row_suite>>([] { return std::vector<row_suite>{}; });
    for (const row_suite& rules : known) {
        if (rules.type == type && rules.typmod == typmod && rules.name == name) {
            return rules;
        }
    }
    return known.emplace_back(compile(name, type, typmod, args.raw()->flinfo->fn_mcxt));
}

struct deformed {
    Datum* values;
    bool* nulls;
};

deformed deform(HeapTupleHeader row, int width)
{
    const Oid type = HeapTupleHeaderGetTypeId(row);
    const std::int32_t typmod = HeapTupleHeaderGetTypMod(row);
    TupleDesc description = lookup_rowtype_tupdesc(type, typmod);
    HeapTupleData tuple = {};
    tuple.t_len = HeapTupleHeaderGetDatumLength(row);
    ItemPointerSetInvalid(&tuple.t_self);
    tuple.t_data = row;
    const auto columns = static_cast<std::size_t>(width);
    const deformed made = {pg::allocate_array<Datum>(columns), pg::allocate_array<bool>(columns)};
    heap_deform_tuple(&tuple, description, made.values, made.nulls);
    ReleaseTupleDesc(description);
    return made;
}

} // namespace

ETL_FUNCTION(etl_violations, args)
{
    const auto name = args.get<std::string_view>(0);
    HeapTupleHeader row = DatumGetHeapTupleHeader(args.datum(1));
    const row_suite& rules = row_suite_of(args, name, row);
    const deformed values = deform(row, rules.width);
    const std::size_t columns = rules.attributes.size();
    auto* fields = pg::allocate_array<field>(columns);
    for (std::size_t i = 0; i < columns; ++i) {
        const int attribute = rules.attributes[i];
        read_field(fields[i], rules.readings[i], values.values[attribute], values.nulls[attribute]);
    }
    return text_array(rules.checks.broken({fields, columns}));
}
