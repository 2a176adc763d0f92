// etl._archive_list, _archive_remove, _archive_sweep, _require_archive_access, _require_archive_folder,
// _is_this_transaction.
#include "retention/archive_list.hpp"
#include "core/file_error.hpp"
#include "core/file_folder.hpp"
#include "pg/result_set.hpp"
#include "retention/archive_place_pg.hpp"
#include "retention/archive_text_pg.hpp"

extern "C" {
#include <access/xact.h>
}

#include <array>
#include <string_view>

using namespace etl;

namespace {

// From 1970 to 2000, where PostgreSQL's time begins.
constexpr std::int64_t epoch = std::int64_t{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE} * USECS_PER_DAY;

} // namespace

ETL_FUNCTION(etl_archive_list, args)
{
    pg::result_set result{args};
    require_archive_access(archive_access::read);
    const pg::foreign_descriptors descriptors{2};
    for (const listed_file& file : list_archive_files(archive_root(), pg::poll)) {
        std::array values{pg::make_text("file://" + file.path), Int64GetDatum(static_cast<std::int64_t>(file.bytes)),
                          TimestampTzGetDatum(file.changed - epoch)};
        std::array nulls{false, false, false};
        result.put(values, nulls);
    }
    return result.finish();
}

ETL_FUNCTION(etl_archive_remove, args)
{
    const auto location = args.get<std::string_view>(0);
    require_archive_access(archive_access::write);
    const pg::foreign_descriptors descriptors{2};
    return args.result(remove_archive_file(file_path::parse(archive_files, location, archive_root())));
}

ETL_FUNCTION(etl_archive_sweep, args)
{
    const auto location = args.get<std::string_view>(0);
    require_archive_access(archive_access::write);
    const pg::foreign_descriptors descriptors{3};
    return args.result(sweep_archive_file(file_path::parse(archive_files, location, archive_root()), pg::poll));
}

ETL_FUNCTION(etl_require_archive_folder, args)
{
    const std::string inside = std::string{args.get<std::string_view>(0)} + "/file";
    require_archive_access(archive_access::write);
    const pg::foreign_descriptors descriptors{2};
    try {
        open_folder(file_path::parse(archive_files, inside, archive_root()), missing_folders::refuse);
    } catch (const error& e) {
        if (std::string_view{e.sqlstate()} !=
            file_sqlstate::undefined_file) { // one that is missing is made when it is needed
            throw;
        }
    }
    return args.null_result();
}

ETL_FUNCTION(etl_require_archive_access, args)
{
    require_archive_access(args.get<bool>(0) ? archive_access::write : archive_access::read);
    return args.null_result();
}

ETL_FUNCTION(etl_is_this_transaction, args)
{
    return args.result(TransactionIdIsCurrentTransactionId(DatumGetTransactionId(args.datum(0))));
}
