// etl._await_rpc: one request to a node, and its answer or what went wrong, without a snapshot meanwhile.
#include "core/json.hpp"
#include "extract/connection_pg.hpp"
#include "extract/failure_pg.hpp"
#include "pg/background_worker.hpp"
#include "pg/call_context.hpp"
#include "pg/function_right.hpp"
#include "pg/jsonb.hpp"
#include "pg/subtransaction.hpp"

extern "C" {
#include <mb/pg_wchar.h>
#include <storage/latch.h>
#include <utils/snapmgr.h>
#include <utils/wait_event.h>
}

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <variant>

namespace {

using namespace etl;
using clock_type = std::chrono::steady_clock;

constexpr char query_canceled[] = "57014";

long milliseconds_since(clock_type::time_point begin)
{
    return static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(clock_type::now() - begin).count());
}

void refuse_to_wait()
{
    if (pg::told_to_cancel()) {
        throw error(query_canceled, "canceled while the answer of the node was awaited");
    }
}

// Or until a signal comes, as that of a cancel.
void sleep_for(long milliseconds)
{
    pg::call([milliseconds] {
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds, WAIT_EVENT_PG_SLEEP);
        ResetLatch(MyLatch);
    });
}

void pause(double seconds)
{
    const auto begin = clock_type::now();
    const auto all = static_cast<long>(seconds * 1000);
    for (;;) {
        refuse_to_wait();
        const long left = all - milliseconds_since(begin);
        if (left <= 0) {
            return;
        }
        sleep_for(left);
    }
}

// A request that is given up with the scope.
class sent_request {
  public:
    sent_request(http_client& client, http_request request) : client_{client}, ticket_{client.start(std::move(request))}
    {
    }
    ~sent_request() { client_.cancel(ticket_); }
    sent_request(const sent_request&) = delete;
    sent_request& operator=(const sent_request&) = delete;

    // As http_client::wait(), but that a cancel is thrown as an error of the core. It looks again after a small part of
    // the time that it has waited.
    http_response wait()
    {
        const auto begin = clock_type::now();
        while (!client_.is_done(ticket_)) {
            refuse_to_wait();
            client_.pump();
            if (!client_.is_done(ticket_)) {
                sleep_for(std::clamp(milliseconds_since(begin) / 16, 1L, 20L));
            }
        }
        return client_.wait(ticket_);
    }

  private:
    http_client& client_;
    http_client::ticket ticket_;
};

// Some nodes give their errors a status that is no success.
bool is_rpc_answer(const std::string& body)
{
    const json document = json::parse(body, nullptr, false);
    return document.is_object() && document.contains("jsonrpc") && document.contains("error");
}

using connection = std::variant<std::shared_ptr<http_client>, pg::caught_error>;

// Or what PostgreSQL says on the way to it: the server was dropped, or its USAGE revoked.
connection connect(const char* server)
{
    pg::subtransaction inside;
    try {
        pg::require_execute("fetch", "ask nodes");
        auto client = open_connection(server);
        inside.commit();
        return client;
    } catch (const error&) {
        inside.discard();
        throw;
    } catch (const pg::error_in_flight&) { // NOLINT(bugprone-empty-catch): below, when the clause has ended
    }
    return inside.roll_back();
}

Datum failure_datum(const pg::caught_error& e)
{
    const json told{
        {"sqlstate", e.sqlstate}, {"message", pg::as_utf8(e.message)}, {"detail", pg::as_utf8(e.detail)}, {"hint", ""}};
    return pg::make_jsonb(told.dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string ask(const std::shared_ptr<http_client>& client, std::string_view path, std::string_view body)
{
    pg::call([] { InvalidateCatalogSnapshot(); }); // the catalog was read
    http_request request{.method = "POST",
                         .url = client->url(path),
                         .headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}},
                         .body = std::string{body},
                         .idempotent = true};
    http_response response = sent_request{*client, std::move(request)}.wait();
    if ((response.status < 200 || response.status > 299) && !is_rpc_answer(response.body)) {
        client->require_success(response);
    }
    return std::move(response.body);
}

std::string_view in_encoding_of_server(const std::string& body)
{
    const int size = static_cast<int>(body.size());
    const int good = pg::call([&body, size] { return pg_encoding_verifymbstr(PG_UTF8, body.data(), size); });
    if (good != size) {
        throw error("08P01", "the answer of the node is no UTF-8 from byte " + std::to_string(good + 1) + " on");
    }
    return pg::from_utf8(body);
}

} // namespace

// (server name, path text, request text, pause double precision, INOUT answer text, INOUT failure jsonb)
ETL_FUNCTION(etl_await_rpc, args)
{
    const char* server = NameStr(*DatumGetName(args.given(0)));
    const auto path = pg::as_utf8(args.get<std::string_view>(1));
    const auto body = pg::as_utf8(args.get<std::string_view>(2));
    const auto seconds = args.get<double>(3);
    if (!pg::may_commit(args)) {
        throw error(sqlstate::invalid_transaction_termination, "etl._await_rpc cannot be called in a transaction");
    }

    pg::commit_for_caller(); // a CALL has a snapshot
    try {
        pause(seconds);
        const connection found = connect(server);
        if (const auto* refused = std::get_if<pg::caught_error>(&found)) {
            return row_or_failure(args, std::nullopt, failure_datum(*refused));
        }
        const auto& client = std::get<std::shared_ptr<http_client>>(found);
        return row_or_failure(args, pg::make_text(in_encoding_of_server(ask(client, path, body))), std::nullopt);
    } catch (const error& e) {
        return row_or_failure(args, std::nullopt, failure_datum(e));
    }
}
