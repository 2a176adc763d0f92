// etl._execute_in_worker: a script in a background worker, and how it went. Script and answer lie in a segment of shared
// memory that goes with the last who uses it, so that nothing is left behind, whoever is killed.
#include "pg/background_worker.hpp"
#include "pg/call_context.hpp"
#include "pg/text_array.hpp"

extern "C" {
#include <mb/pg_wchar.h>
#include <storage/dsm.h>
}

#include <array>
#include <atomic>
#include <cstring>
#include <new>

namespace {

constexpr std::size_t room = 4096; // for each text of an answer

struct exchange {
    std::atomic<bool> is_told = false; // once the worker has answered; an empty SQLSTATE: it went well
    std::array<char, 8> sqlstate = {};
    std::array<char, room> message = {};
    std::array<char, room> detail = {};
    std::array<char, room> hint = {};
    // The script follows.
    char* script() { return reinterpret_cast<char*>(this + 1); }
};

// A segment of shared memory for as long as the object lives, across the ends of transactions.
class segment {
  public:
    explicit segment(dsm_segment* made) : made_{made} {}
    ~segment() { dsm_detach(made_); }
    segment(const segment&) = delete;
    segment& operator=(const segment&) = delete;

    exchange* contents() const { return static_cast<exchange*>(dsm_segment_address(made_)); }
    dsm_handle handle() const { return dsm_segment_handle(made_); }

  private:
    dsm_segment* made_;
};

dsm_segment* make_segment(std::size_t size)
{
    return etl::pg::call([size] {
        dsm_segment* made = dsm_create(size, 0);
        dsm_pin_mapping(made);
        return made;
    });
}

template <std::size_t N>
void put(std::array<char, N>& to, const char* text)
{
    if (text != nullptr) {
        const int length = static_cast<int>(std::strlen(text));
        std::memcpy(to.data(), text, pg_mbcliplen(text, length, static_cast<int>(N) - 1));
    }
}

void answer(exchange& told, const etl::pg::script_result& result)
{
    if (result.failed) {
        put(told.sqlstate, result.sqlstate);
        put(told.message, result.message);
        put(told.detail, result.detail);
        put(told.hint, result.hint);
    }
    told.is_told = true;
}

std::array<std::string, 4> outcome_of(const exchange& told, etl::pg::worker_end end)
{
    if (!told.is_told) {
        return {etl::pg::text_of(end), "", "", ""};
    }
    return {told.sqlstate.data(), told.message.data(), told.detail.data(), told.hint.data()};
}

} // namespace

ETL_WORKER_MAIN(etl_toplevel_worker)
{
    const auto handle = static_cast<dsm_handle>(etl::pg::attach().id);
    dsm_segment* found = dsm_attach(handle);
    if (found == nullptr) {
        return; // the session that waited has ended
    }
    auto* told = static_cast<exchange*>(dsm_segment_address(found));
    etl::pg::set_session("search_path", "pg_catalog, pg_temp");
    answer(*told, etl::pg::run_script(told->script()));
}

ETL_FUNCTION(etl_execute_in_worker, args)
{
    if (args.is_null(0) || args.is_null(1)) {
        throw etl::error(etl::sqlstate::null_value_not_allowed, "script and title must not be NULL");
    }
    if (!etl::pg::may_commit(args)) {
        throw etl::error(etl::sqlstate::invalid_transaction_termination,
                         "etl._execute_in_worker commits and cannot run inside a transaction block or a function");
    }
    const std::string script{args.get<std::string_view>(0)};
    const std::string title{args.get<std::string_view>(1)};
    const segment shared{make_segment(sizeof(exchange) + script.size() + 1)};
    exchange& told = *new (shared.contents()) exchange;
    std::memcpy(told.script(), script.c_str(), script.size() + 1);
    const auto end = etl::pg::run_in_worker("etl_toplevel_worker", title, static_cast<std::int64_t>(shared.handle()));
    return etl::pg::row_of_one(args, etl::pg::make_text_array(outcome_of(told, end)));
}
