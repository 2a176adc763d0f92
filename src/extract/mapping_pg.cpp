// Mappings of records to the rows of a table (mapping.sql).
#include "core/text.hpp"
#include "extract/mapped_rows_pg.hpp"
#include "extract/pages_pg.hpp"
#include "pg/encoding.hpp"
#include "pg/jsonb.hpp"
#include "pg/open_table.hpp"
#include "pg/text_array.hpp"

extern "C" {
#include <utils/array.h>
#include <utils/builtins.h>
}

#include <array>
#include <limits>

namespace etl {
namespace {

// A mapping argument; NULL says that columns go by their names. Phase one.
std::optional<std::string_view> document_in(pg::arguments args, int number)
{
    if (args.is_null(number)) {
        return std::nullopt;
    }
    return pg::as_utf8(pg::jsonb_text(args.datum(number)));
}

// The ordinals that are wanted; NULL is no bound.
int bound_in(pg::arguments args, int number, int otherwise)
{
    return args.is_null(number) ? otherwise : args.get<std::int32_t>(number);
}

constexpr char list_of_columns[] = "m(ordinal integer, record jsonb, ...)";

// The elements of a text[], where they lie: NULLs are empty, which is no JSON. May raise: phase one.
struct text_elements {
    Datum* values;
    bool* nulls;
    int count;

    static text_elements in(Datum array)
    {
        text_elements made{};
        deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &made.values, &made.nulls,
                          &made.count);
        return made;
    }
    std::string_view at(std::size_t i) const
    {
        return nulls[i] ? std::string_view{} : pg::call([this, i] { return pg::varlena_text(values[i]); });
    }
};

std::optional<std::string> owned(const std::optional<std::string_view>& document)
{
    return document ? std::optional{std::string{*document}} : std::nullopt;
}

// The rows of a text[], by handle 0: equal arrays are the same records.
const mapped_rows& mapped_texts(Datum array, const text_elements& records, Oid target,
                                const std::optional<std::string_view>& document)
{
    const auto bytes = pg::call([array] { return pg::varlena_text(array); });
    return mapped_rows::of({0, 0, std::string{bytes}, target, owned(document)}, static_cast<std::size_t>(records.count),
                           [&records](std::size_t i) { return pg::as_utf8(records.at(i)); });
}

void put_column(pg::result_set& rows, const FormData_pg_attribute& column)
{
    const std::string name = NameStr(column.attname);
    std::array<Datum, 3> values{
        NameGetDatum(&column.attname), pg::make_text(pg::call([&] {
            return std::string_view{format_type_with_typemod(column.atttypid, column.atttypmod)};
        })),
        pg::make_text(pg::call([&] { return std::string_view{quote_identifier(name.c_str())}; }))};
    std::array nulls{false, false, false};
    rows.put(values, nulls);
}

void put_reject(pg::result_set& rows, const mapped_rows::reject& reject)
{
    NameData column{};
    pg::call([&] { namestrcpy(&column, reject.why.column.c_str()); });
    std::array<Datum, 5> values{Int32GetDatum(reject.ordinal), NameGetDatum(&column), pg::make_text(reject.why.reason),
                                pg::make_text(reject.record), pg::make_text(reject.why.sqlstate)};
    std::array nulls{false, reject.why.column.empty(), false, false, false};
    rows.put(values, nulls);
}

// Columns that a row must have, that the table gives no value, and the mapping neither.
void require_given(Relation table, const row_input& input)
{
    const std::span<const int> mapped = input.attributes();
    for (int i = 0; i < RelationGetNumberOfAttributes(table); ++i) {
        const auto& column = *TupleDescAttr(RelationGetDescr(table), i);
        const bool needs_one = !column.attisdropped && column.attnotnull && !column.atthasdef &&
                               column.attidentity == '\0' && column.attgenerated == '\0';
        if (needs_one && std::ranges::find(mapped, i) == mapped.end()) {
            const std::string name = NameStr(column.attname);
            throw error("23502", "the mapping gives column " + in_quotes(name) + " no value",
                        "The column must not be NULL, and has no default.",
                        "Add a rule for it to the mapping, or let it have a default.");
        }
    }
}

} // namespace
} // namespace etl

using namespace etl;

// etl._check_mapping(target, mapping)
ETL_FUNCTION(etl_check_mapping, args)
{
    const Oid target = DatumGetObjectId(args.given(0));
    const auto document = document_in(args, 1);
    return pg::with_errors_of_server([&] {
        const pg::open_table table{target};
        const mapping rules = mapping_for(table.get(), document);
        const row_input input{table.get(), rules};
        require_given(table.get(), input);
        return args.null_result();
    });
}

// etl._mapped_columns(target, mapping)
ETL_FUNCTION(etl_mapped_columns, args)
{
    const Oid target = DatumGetObjectId(args.given(0));
    const auto document = document_in(args, 1);
    pg::result_set rows{args};
    return pg::with_errors_of_server([&] {
        const pg::open_table table{target};
        const mapping rules = mapping_for(table.get(), document);
        const row_input input{table.get(), rules};
        for (const int attribute : input.attributes()) {
            put_column(rows, *TupleDescAttr(RelationGetDescr(table.get()), attribute));
        }
        return rows.finish();
    });
}

// etl._mapping_paths(mapping)
ETL_FUNCTION(etl_mapping_paths, args)
{
    const auto document = document_in(args, 0);
    pg::result_set rows{args};
    return pg::with_errors_of_server([&] {
        for (const mapped_path& each : paths_of_mapping(*document)) {
            const auto text = [](const std::string& of) { return pg::make_text(std::string{pg::from_utf8(of)}); };
            std::array<Datum, 3> values{text(each.column), text(each.path), each.field ? text(*each.field) : Datum{0}};
            std::array nulls{false, false, !each.field};
            rows.put(values, nulls);
        }
        return rows.finish();
    });
}

// etl._map_records(records, target, mapping, first, last)
ETL_FUNCTION(etl_map_records, args)
{
    const Datum array = args.given(0);
    const text_elements records = text_elements::in(array);
    const Oid target = DatumGetObjectId(args.given(1));
    const auto document = document_in(args, 2);
    pg::listed_columns(args, "etl._map_records", list_of_columns);
    pg::result_set rows{args};
    return pg::with_errors_of_server([&] {
        const mapped_rows* mapped = &mapped_texts(array, records, target, document);
        mapped->put(rows, bound_in(args, 3, 1), bound_in(args, 4, std::numeric_limits<int>::max()));
        return rows.finish();
    });
}

// etl._map_page(handle, target, mapping, first, last)
ETL_FUNCTION(etl_map_page, args)
{
    const auto handle = args.get<std::int32_t>(0);
    const Oid target = DatumGetObjectId(args.given(1));
    const auto document = document_in(args, 2);
    pg::listed_columns(args, "etl._map_page", list_of_columns);
    pg::result_set rows{args};
    return pg::with_errors_of_server([&] {
        const auto from = current_page(handle);
        const auto& records = from->contents.records;
        const mapped_rows* mapped = &mapped_rows::of({handle, from->number, {}, target, owned(document)},
                                                     records.size(), [&records](std::size_t i) { return records[i]; });
        mapped->put(rows, bound_in(args, 3, 1), bound_in(args, 4, std::numeric_limits<int>::max()));
        return rows.finish();
    });
}

// etl._record_rejects(records, target, mapping)
ETL_FUNCTION(etl_record_rejects, args)
{
    const Datum array = args.given(0);
    const text_elements records = text_elements::in(array);
    const Oid target = DatumGetObjectId(args.given(1));
    const auto document = document_in(args, 2);
    pg::result_set rows{args};
    return pg::with_errors_of_server([&] {
        for (const mapped_rows::reject& reject : mapped_texts(array, records, target, document).rejects()) {
            put_reject(rows, reject);
        }
        return rows.finish();
    });
}

// etl._page_rejects(handle)
ETL_FUNCTION(etl_page_rejects, args)
{
    const auto handle = args.get<std::int32_t>(0);
    pg::result_set rows{args};
    const mapped_rows* mapped = mapped_rows::last_of(handle);
    if (mapped == nullptr) {
        throw error("55000", "no page of handle " + std::to_string(handle) + " was mapped in this transaction", {},
                    "Call etl._map_page before.");
    }
    for (const mapped_rows::reject& reject : mapped->rejects()) {
        put_reject(rows, reject);
    }
    return rows.finish();
}
