// etl.http_get, etl.http_post: one request, and all of its answer.
#include "extract/connection_pg.hpp"
#include "extract/http_arguments_pg.hpp"
#include "extract/http_error.hpp"

#include "core/text.hpp"
#include "pg/encoding.hpp"
#include "pg/jsonb.hpp"

extern "C" {
#include <access/htup_details.h>
#include <funcapi.h>
}

namespace etl {

namespace {

// The arguments that both functions have, and those of a POST.
enum argument { server_name, path, query, headers, body, body_text, idempotent };

void read_body(http_request& request, pg::arguments args)
{
    if (!args.is_null(body) && !args.is_null(body_text)) {
        throw error(sqlstate::invalid_parameter_value, "body and body_text are both given", {}, "Give one of them.");
    }
    if (!args.is_null(body)) {
        const auto text = pg::call([args] { return pg::jsonb_text(args.datum(body)); });
        set_body(request, std::string{pg::as_utf8(text)}, "application/json");
    } else if (!args.is_null(body_text)) {
        const auto text = pg::call([args] { return pg::varlena_text(args.datum(body_text)); });
        set_body(request, std::string{pg::as_utf8(text)}, "text/plain; charset=utf-8");
    }
    request.idempotent = !args.is_null(idempotent) && DatumGetBool(args.datum(idempotent));
}

std::string text_argument(pg::arguments args, int which)
{
    const Datum value = args.given(which);
    return std::string{pg::as_utf8(pg::call([value] { return pg::varlena_text(value); }))};
}

http_response send(pg::arguments args, const char* method)
{
    const auto client = open_connection(NameStr(*DatumGetName(args.given(server_name))));
    http_request request{.method = method,
                         .url = client->url(text_argument(args, path), query_argument(args, query)),
                         .headers = headers_argument(args, headers),
                         .body = {},
                         .idempotent = false};
    if (args.count() > body) {
        read_body(request, args);
    }
    return client->wait(client->start(std::move(request)));
}

Datum result(pg::arguments args, const http_response& response)
{
    Datum values[] = {Int32GetDatum(response.status), headers_result(response.headers), body_result(response),
                      timing_result(response.timing)};
    bool nulls[std::size(values)] = {};
    return pg::call([args, &values, &nulls] {
        TupleDesc row = nullptr;
        get_call_result_type(args.raw(), nullptr, &row);
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls));
    });
}

Datum send_and_tell(pg::arguments args, const char* method)
{
    return pg::with_errors_of_server([args, method] { return result(args, send(args, method)); });
}

} // namespace
} // namespace etl

ETL_FUNCTION(etl_http_get, args)
{
    return etl::send_and_tell(args, "GET");
}

ETL_FUNCTION(etl_http_post, args)
{
    return etl::send_and_tell(args, "POST");
}
