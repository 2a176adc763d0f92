// What the SQL functions of HTTP are given and give, as the client has it.
#pragma once

#include "extract/http_types.hpp"
#include "pg/function.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace etl {

// The argument query, a jsonb object: {"page": 2, "tag": ["a", "b"]} is page=2&tag=a&tag=b. None where it is NULL.
http_query query_argument(pg::arguments args, int which);
// The argument headers, a jsonb object.
std::vector<http_header> headers_argument(pg::arguments args, int which);

// The body of a request, of that type where its headers tell none.
void set_body(http_request& request, std::string body, const char* type);

// {"content-type": "text/plain", "set-cookie": ["a=1", "b=2"]}: names in small letters.
Datum headers_result(const std::vector<http_header>& headers);
// The body as a text of the server's encoding, from the charset that Content-Type names, or else from UTF-8. Throws
// 22021 where it is none, and 0A000 where PostgreSQL does not know the charset.
Datum body_result(const http_response& response);
// Seconds, and the number of attempts.
Datum timing_result(const http_timing& timing);

} // namespace etl
