// etl._archive_read, _archive_check: the rows of a file, and what they add up to.
#include "core/file_error.hpp"
#include "core/hex.hpp"
#include "core/text.hpp"
#include "pg/portable_settings.hpp"
#include "pg/result_set.hpp"
#include "retention/archive_columns_pg.hpp"
#include "retention/archive_rows_pg.hpp"
#include "retention/row_hash_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <funcapi.h>
}

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace etl {
namespace {

// The file that the first two arguments name, for reading.
struct named_file {
    explicit named_file(pg::arguments args)
    {
        const auto location = args.get<std::string_view>(0);
        const auto name = args.get<std::string_view>(1);
        require_archive_access(archive_access::read);
        format = archive_format::parse(name);
        path = file_path::parse(archive_files, location, archive_root());
    }

    file_path path;
    archive_format format;
};

void require_hash(const file_path& path, const pg::sha256::digest& found, std::span<const std::byte> expected)
{
    if (!std::equal(found.begin(), found.end(), expected.begin(), expected.end())) {
        throw error(file_sqlstate::data_corrupted,
                    "archive file " + in_quotes(path.text()) + " is not the one that was written",
                    "Its SHA-256 is " + to_hex(found) + ", and was " + to_hex(expected) + ".",
                    "Bring back the file from a backup. etl.verify_archive says what an archive holds.");
    }
}

std::vector<std::string> names_in(pg::arguments args, int i)
{
    if (args.is_null(i)) {
        return {};
    }
    return archive_names(pg::call([list = args.datum(i)] { return read_columns(list); }));
}

} // namespace
} // namespace etl

using namespace etl;

ETL_FUNCTION(etl_archive_read, args)
{
    pg::listed_columns(args, "etl._archive_read", "a(id bigint, …)");
    pg::result_set result{args};
    std::optional<std::span<const std::byte>> expected;
    if (!args.is_null(3)) {
        expected = args.get<std::span<const std::byte>>(3);
    }
    const named_file file{args};
    const pg::portable_settings settings;
    archive_rows_in rows{file.path, file.format, result.columns(), names_in(args, 2)};
    const auto count = static_cast<std::size_t>(result.columns()->natts);
    while (rows.next()) {
        result.put({rows.values(), count}, {rows.nulls(), count});
    }
    if (expected) {
        require_hash(file.path, rows.hash(), *expected);
    }
    return result.finish();
}

ETL_FUNCTION(etl_archive_check, args)
{
    args.given(2);
    const named_file file{args};
    const pg::portable_settings settings;
    TupleDesc row = pg::call([list = args.datum(2)] { return read_columns(list); });
    archive_rows_in rows{file.path, file.format, row, {}};
    row_hasher hasher = pg::call([row] { return row_hasher{row}; });
    const auto add = [&hasher, &rows] { hasher.add(rows.values(), rows.nulls()); };
    while (rows.next()) {
        const pg::within_context within{rows.scratch()};
        pg::call(add);
    }
    const Datum contents = rows_hash_datum(hasher.total());
    const Datum hash = pg::make_varlena(rows.hash());
    return pg::call([&] {
        TupleDesc type = nullptr;
        get_call_result_type(args.raw(), nullptr, &type);
        Datum values[] = {Int64GetDatum(static_cast<std::int64_t>(rows.rows())),
                          Int64GetDatum(static_cast<std::int64_t>(rows.bytes())), hash, contents};
        bool nulls[std::size(values)] = {};
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(type), values, nulls));
    });
}
