// Background workers: SQL in a session of its own, for what a function cannot do in the session that calls it:
// procedures that commit, VACUUM, and whatever else must be sent to the server by itself.
//
// A session starts a worker with run_in_worker() and waits; the worker's main function calls attach(), which makes a
// session of it, and then run_script(), which treats a text of statements as psql would. An error of the script ends
// the script and not the worker, so that the worker can record it.
#pragma once

#include "pg/function.hpp"

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace etl::pg {

// What a worker is told. It travels through shared memory as plain bytes.
struct worker_order {
    std::int64_t id; // what to work on: its main function knows what that is
    std::int32_t attempt;
    Oid database;
    Oid login; // the role that it logs in as: whatever it executes cannot leave it
    Oid role;  // the role for which it reads its order and records how it went
};

// An order for the current role of the session, which SET ROLE may have chosen, in the session's database.
worker_order order_of(std::int64_t id);

enum class worker_end { ended, no_slot, cancelled };

// As SQL is told: ended, no slot, cancelled.
const char* text_of(worker_end end);

// True when the session was told to cancel the statement, which then is done with. To be terminated is no error to come
// back from: it ends the process here.
bool told_to_cancel();

// Of an error_in_flight that has been caught: whether it is a cancel, and that it goes no further. Only where nothing was
// under way but waiting.
bool is_cancel();
void forget_cancel();

// Ends the transaction of the procedure that called, and with it the snapshot that PostgreSQL holds for a CALL: it would
// keep VACUUM from removing anything for as long as a worker takes. The next one reads what is committed (READ COMMITTED).
void commit_for_caller();

// Starts a worker of this library in the calling session's database and waits until it has ended. The worker logs in as
// the current role and not as the session's, so that it has no other role to go back to.
// Called from a procedure that may commit; commits, so that the session holds no snapshot while it waits.
// The title names it in pg_stat_activity. When the session is told to cancel, the worker is terminated first; when the
// session itself is terminated, so is the worker.
worker_end run_in_worker(const char* main_function, std::string_view title, std::int64_t id);

// In the worker: takes signals as every session does, and connects. Returns what run_in_worker() was given.
worker_order attach();

// In the worker: the settings and the role that it logged in with, whatever a script has made of the session since.
void resume_session();

// In the worker: a setting for the rest of the session.
void set_session(const char* name, const char* value);

// In the worker: a query in a transaction of its own, as the role of its order, with text arguments (nullptr is NULL).
// Its first row, as text, goes to `row`, which lives as long as the worker; false when there is none.
bool transact(const char* query, std::initializer_list<const char*> arguments, const char** row = nullptr,
              int columns = 0);

// How a script went. All texts live as long as the worker; nullptr where there is none.
struct script_result {
    bool failed = false;
    std::uint64_t rows = 0; // of the last statement
    const char* sqlstate = nullptr;
    const char* message = nullptr;
    const char* detail = nullptr;
    const char* hint = nullptr;
    const char* context = nullptr;
};

// In the worker: executes statements one after the other, each by itself as psql sends them, until one fails; with this
// search_path, unless it is nullptr. One that is none is an error of the script.
script_result run_script(const char* sql, const char* search_path = nullptr);

// The row that a procedure with one INOUT argument returns.
Datum row_of_one(arguments args, Datum value);

} // namespace etl::pg

// Defines the main function of a worker, to be named in run_in_worker().
#define ETL_WORKER_MAIN(name)                                                                                          \
    static void name##_body();                                                                                         \
    extern "C" {                                                                                                       \
    [[gnu::visibility("default")]] void name(Datum);                                                                   \
    void name(Datum)                                                                                                   \
    {                                                                                                                  \
        etl::pg::boundary([] { name##_body(); });                                                                      \
    }                                                                                                                  \
    }                                                                                                                  \
    static void name##_body()
