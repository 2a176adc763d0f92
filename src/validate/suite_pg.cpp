// Suite documents as SQL sees them: read, named, changed, exported and listed; and the catalogue of what they may hold.
#include "core/text.hpp"
#include "pg/result_set.hpp"
#include "pg/spi.hpp"
#include "pg/text_array.hpp"
#include "validate/catalogue.hpp"
#include "validate/column_pg.hpp"
#include "validate/kwarg_value.hpp"
#include "validate/parameters.hpp"
#include "validate/suite_document.hpp"

extern "C" {
#include <mb/pg_wchar.h>
}

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace etl::validate {
namespace {

// Whether the database's texts may be UTF-8.
bool takes_utf8()
{
    return GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII;
}

} // namespace

suite read_suite(std::string_view document)
{
    suite read = parse_suite(document);
    const auto is_plain = [](const expectation& e) { return is_ascii(e.kwargs.dump()); };
    if (!takes_utf8() && !(is_ascii(read.name) && std::ranges::all_of(read.expectations, is_plain))) {
        throw error(sqlstate::feature_not_supported, "a suite with characters beyond ASCII needs a database in UTF8",
                    std::string{"The encoding of this one is "} + GetDatabaseEncodingName() + ".");
    }
    return read;
}

std::string stored_document(std::string_view name)
{
    const std::array given{name};
    return bind_parameters(pg::query_text("SELECT etl._suite_document($1)", given).value_or(std::string{}), {});
}

} // namespace etl::validate

using namespace etl;
using namespace etl::validate;

// Parses the document, throws where it is no suite, and returns it in the 1.x shape under the given name.
ETL_FUNCTION(etl_normalize_suite, args)
{
    const auto document = args.get<std::string_view>(0);
    const auto name = args.is_null(1) ? std::string_view{} : args.get<std::string_view>(1);
    const suite rules = read_suite(document);
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
    return args.result(read_suite(document).name);
}

ETL_FUNCTION(etl_suite_expectations, args)
{
    const auto document = args.get<std::string_view>(0);
    pg::result_set rows{args};
    for (const expectation& e : read_suite(document).expectations) {
        std::array values{pg::make_text(e.type->name), pg::make_text_array(e.columns), pg::make_text(e.kwargs.dump()),
                          pg::make_text(e.label()),    BoolGetDatum(e.is_row_level()), pg::make_text(e.severity),
                          pg::make_text(e.condition)};
        std::array nulls{false, false, false, false, false, false, e.condition.empty()};
        rows.put(values, nulls);
    }
    return rows.finish();
}

ETL_FUNCTION(etl_export_suite, args)
{
    const auto document = args.get<std::string_view>(0);
    const auto format = args.get<std::string_view>(1);
    return args.result(export_suite(document, format));
}

ETL_FUNCTION(etl_add_expectation, args)
{
    const auto document = args.get<std::string_view>(0);
    const auto type = args.get<std::string_view>(1);
    const auto kwargs = args.get<std::string_view>(2);
    const auto severity = args.get<std::string_view>(3);
    pg::result_set rows{args};
    const changed_suite made = add_expectation(document, type, kwargs, severity);
    (void)read_suite(made.document); // refuses what the database's encoding does not hold
    std::array values{pg::make_text(made.document), Int32GetDatum(static_cast<std::int32_t>(made.number)),
                      BoolGetDatum(made.replaced)};
    std::array nulls{false, false, false};
    rows.put(values, nulls);
    return rows.finish();
}

ETL_FUNCTION(etl_bind_suite, args)
{
    constexpr std::int64_t from_1970_to_2000 = 946684800000000; // microseconds
    const auto document = args.get<std::string_view>(0);
    const auto values = args.get<std::string_view>(1);
    return args.result(bind_parameters(document, values, args.get<std::int64_t>(2) + from_1970_to_2000));
}

// --- the catalogue -------------------------------------------------------------------------------------------------

namespace {

// As a signature has it: column, min_value = null, mostly = 1.
std::string in_signature(const kwarg& k)
{
    const std::string name{k.name};
    return k.required ? name : name + " = " + (k.otherwise == nullptr ? "null" : k.otherwise);
}

// Without what every type has.
std::vector<std::string> signature(const expectation_type& type)
{
    std::vector<std::string> made;
    for (const kwarg& k : type.own) {
        made.push_back(in_signature(k));
    }
    if (type.has_mostly()) {
        made.push_back(in_signature(*type.find("mostly")));
    }
    return made;
}

} // namespace

ETL_FUNCTION(etl_expectation_types, args)
{
    pg::result_set rows{args};
    for (const expectation_type* type : all_types()) {
        std::array values{pg::make_text(type->name), pg::make_text(name_of(type->of)),
                          pg::make_text_array(signature(*type)), BoolGetDatum(type->row_level),
                          pg::make_text(type->meaning)};
        std::array nulls{false, false, false, false, false};
        rows.put(values, nulls);
    }
    return rows.finish();
}

ETL_FUNCTION(etl_expectation_arguments, args)
{
    pg::result_set rows{args};
    for (const expectation_type* type : all_types()) {
        for (const kwarg* k : type->kwargs()) {
            const bool no_default = k->otherwise == nullptr;
            std::array values{pg::make_text(type->name),        pg::make_text(k->name),
                              BoolGetDatum(k->required),        pg::make_text(no_default ? "" : k->otherwise),
                              pg::make_text(kind_in_words(*k)), pg::make_text(k->meaning)};
            std::array nulls{false, false, false, no_default, false, false};
            rows.put(values, nulls);
        }
    }
    return rows.finish();
}
