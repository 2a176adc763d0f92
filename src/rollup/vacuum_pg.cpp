// VACUUM after a refresh: no procedure can execute it, so a background worker does, and the session waits for it.
#include "pg/background_worker.hpp"
#include "pg/call_context.hpp"

#include <array>
#include <charconv>

namespace {

void vacuum_after(std::int64_t run)
{
    std::array<char, 24> number = {};
    std::to_chars(number.data(), number.data() + number.size() - 1, run);
    const char* command = nullptr;
    if (!etl::pg::transact("SELECT etl._vacuum_command($1::pg_catalog.int8)", {number.data()}, &command, 1) ||
        command == nullptr) {
        return; // the view is gone
    }
    const etl::pg::script_result result = etl::pg::run_script(command);
    etl::pg::transact("SELECT etl._note_vacuum($1::pg_catalog.int8, $2)", {number.data(), result.message});
}

} // namespace

ETL_WORKER_MAIN(etl_vacuum_worker)
{
    vacuum_after(etl::pg::attach().id);
}

ETL_FUNCTION(etl_vacuum_in_worker, args)
{
    if (args.is_null(1) || args.is_null(2)) {
        throw etl::error(etl::sqlstate::null_value_not_allowed, "title and run must not be NULL");
    }
    if (!etl::pg::may_commit(args)) {
        throw etl::error(etl::sqlstate::invalid_transaction_termination,
                         "etl._vacuum_in_worker commits and cannot run inside a transaction block or a function");
    }
    const auto end =
        etl::pg::run_in_worker("etl_vacuum_worker", args.get<std::string_view>(1), args.get<std::int64_t>(2));
    return etl::pg::row_of_one(args, etl::pg::make_text(etl::pg::text_of(end)));
}
