// etl._await_rpc: one request to a node, and its answer, without a snapshot meanwhile.
#include "core/json.hpp"
#include "extract/connection_pg.hpp"
#include "pg/function.hpp"

extern "C" {
#include <access/htup_details.h>
#include <funcapi.h>
#include <mb/pg_wchar.h>
#include <storage/latch.h>
#include <utils/snapmgr.h>
#include <utils/wait_event.h>
}

#include <algorithm>
#include <chrono>
#include <string>

namespace {

using namespace etl;
using pg::arguments;

// Cancel acts at once: it sets the latch.
void pause(double seconds)
{
    using clock = std::chrono::steady_clock;
    const auto end = clock::now() + std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>{seconds});
    for (;;) {
        pg::poll();
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - clock::now()).count();
        if (left <= 0) {
            return;
        }
        pg::call([left] {
            (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left, WAIT_EVENT_PG_SLEEP);
            ResetLatch(MyLatch);
        });
    }
}

// Some nodes give their errors a status that is no success.
bool is_rpc_answer(const std::string& body)
{
    const json document = json::parse(body, nullptr, false);
    return document.is_object() && document.contains("jsonrpc") && document.contains("error");
}

Datum answer_datum(const http_response& response)
{
    return pg::call([&body = response.body] {
        const char* made =
            pg_any_to_server(body.data(), static_cast<int>(body.size()), PG_UTF8); // sees that it is UTF-8
        const std::size_t size = made == body.data() ? body.size() : strlen(made);
        return PointerGetDatum(cstring_to_text_with_len(made, static_cast<int>(size)));
    });
}

} // namespace

// (server name, path text, request text, pause double precision, INOUT answer text)
ETL_FUNCTION(etl_await_rpc, args)
{
    const char* server = NameStr(*DatumGetName(args.given(0)));
    const auto path = args.get<std::string_view>(1);
    const auto body = pg::as_utf8(args.get<std::string_view>(2));
    const auto seconds = args.get<double>(3);
    TupleDesc row = nullptr;
    (void)get_call_result_type(args.raw(), nullptr, &row);

    const Datum answer = pg::with_errors_of_server([&] {
        const auto client = open_connection(server);
        pg::call([] { InvalidateCatalogSnapshot(); });
        pause(seconds);
        http_request request{.method = "POST",
                             .url = client->url(pg::as_utf8(path)),
                             .headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}},
                             .body = std::string{body},
                             .idempotent = true};
        const http_response response = client->wait(client->start(std::move(request)));
        if ((response.status < 200 || response.status > 299) && !is_rpc_answer(response.body)) {
            client->require_success(response);
        }
        return answer_datum(response);
    });
    Datum values[] = {answer};
    bool nulls[] = {false};
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls));
}
