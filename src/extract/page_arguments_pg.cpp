#include "extract/page_arguments_pg.hpp"

#include "extract/connection_pg.hpp"
#include "extract/http_arguments_pg.hpp"
#include "extract/http_request_checks.hpp"
#include "extract/page_url.hpp"

#include "core/text.hpp"
#include "pg/encoding.hpp"
#include "pg/jsonb.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>

namespace etl {
namespace {

enum argument { server_name, path, query, headers, method, body, records_path, paginate, position_or_max_pages };

std::string text_argument(pg::arguments args, int which, const char* otherwise)
{
    if (args.is_null(which)) {
        return otherwise;
    }
    const Datum value = args.datum(which);
    return std::string{pg::as_utf8(pg::call([value] { return pg::varlena_text(value); }))};
}

std::string jsonb_argument(pg::arguments args, int which)
{
    const Datum value = args.datum(which);
    return std::string{pg::as_utf8(pg::call([value] { return pg::jsonb_text(value); }))};
}

// Whole numbers beyond 18 digits and what else no number of a JSON reader holds are no options.
json document_argument(pg::arguments args, int which, const char* what)
{
    return args.is_null(which) ? json{} : parse_json(jsonb_argument(args, which), what, 8);
}

constexpr std::int32_t most_requests = 64; // side by side, as of a server's option
constexpr std::int32_t any_number = std::numeric_limits<std::int32_t>::max();

std::int64_t number_argument(pg::arguments args, int which, const char* name, std::int32_t most, std::int64_t otherwise)
{
    if (args.is_null(which)) {
        return otherwise;
    }
    const auto number = args.get<std::int32_t>(which);
    if (number < 1 || number > most) {
        throw error(sqlstate::invalid_parameter_value,
                    std::string{name} + " must be " +
                        (most == any_number ? "1 or more" : "from 1 to " + std::to_string(most)) + ", not " +
                        std::to_string(number));
    }
    return number;
}

std::string method_argument(pg::arguments args)
{
    std::string made = text_argument(args, method, args.is_null(body) ? "GET" : "POST");
    if (made != "GET" && made != "POST") {
        throw error(sqlstate::invalid_parameter_value, "method cannot be " + in_quotes(made),
                    "Pages are only read, and asked for again where something fails.", "It is GET or POST.");
    }
    return made;
}

http_request first_request(pg::arguments args, const http_client& client)
{
    http_request made;
    made.method = method_argument(args);
    made.url = client.url(text_argument(args, path, ""), query_argument(args, query));
    made.headers = headers_argument(args, headers);
    made.idempotent = true; // it reads, whatever its method is
    const auto is_accept = [](const auto& each) { return same_header(each.name, "Accept"); };
    if (std::none_of(made.headers.begin(), made.headers.end(), is_accept)) {
        made.headers.push_back({"Accept", "application/json"});
    }
    if (!args.is_null(body)) {
        set_body(made, jsonb_argument(args, body), "application/json");
    }
    return made;
}

page_plan plan_of(pg::arguments args, bool has_position, const http_client& client)
{
    page_plan made;
    made.first = first_request(args, client);
    made.records = record_path::parse(text_argument(args, records_path, "auto"));
    made.paginate = paginate_options::parse(document_argument(args, paginate, "paginate"));
    int at = position_or_max_pages;
    if (has_position) {
        made.from = page_position::from(document_argument(args, at++, "position"));
    }
    made.max_pages = number_argument(args, at, "max_pages", any_number, made.max_pages);
    made.parallel =
        static_cast<int>(number_argument(args, at + 1, "parallel", most_requests, client.settings().parallel));
    if (const auto* secret = std::get_if<query_secret>(&client.settings().credentials)) {
        made.hidden = secret->name;
    }
    return made;
}

bool is_left_to_us(pg::arguments args)
{
    return record_path::parse(text_argument(args, records_path, "auto")).is == record_path::kind::automatic ||
           paginate_options::parse(document_argument(args, paginate, "paginate")).kind == page_kind::automatic;
}

} // namespace

void check_paging(pg::arguments args, int at)
{
    record_path::parse(text_argument(args, at, "auto"));
    paginate_options::parse(document_argument(args, at + 1, "paginate"));
    query_argument(args, at + 2);
    for (const http_header& each : headers_argument(args, at + 3)) {
        check_header(each);
    }
    number_argument(args, at + 4, "parallel", most_requests, 1);
}

connection_pages::connection_pages(std::string server) : server_{std::move(server)}
{
    renew();
}

void connection_pages::renew()
{
    client_ = open_connection(server_);
}

page_client::ticket connection_pages::start(http_request request)
{
    const ticket made = client_->start(std::move(request));
    started_.emplace(++latest_, sent{client_, made});
    return latest_;
}

http_response connection_pages::wait(ticket which)
{
    const auto found = started_.find(which);
    const sent asked = std::move(found->second);
    started_.erase(found);
    return asked.client->wait(asked.of_client);
}

void connection_pages::cancel(ticket which) noexcept
{
    const auto found = started_.find(which);
    if (found != started_.end()) {
        found->second.client->cancel(found->second.of_client);
        started_.erase(found);
    }
}

asked_pages::asked_pages(pg::arguments args, bool has_position)
    : client_{NameStr(*DatumGetName(args.given(server_name)))},
      has_chosen_{is_left_to_us(args)}, stream_{client_, plan_of(args, has_position, client_.client()), pg::poll}
{
}

std::shared_ptr<const page> asked_pages::next()
{
    current_.reset(); // before the next one takes as much again
    current_ = pg::with_errors_of_server([this] { return stream_.next(); });
    return current_;
}

std::string asked_pages::shown_url(const page& of) const
{
    return client_.redacted(without_query(of.answer.url));
}

} // namespace etl
