#include "extract/oauth_token.hpp"

#include "extract/http_error.hpp"
#include "extract/http_url.hpp"
#include "extract/redaction.hpp"

#include "core/json.hpp"
#include "core/text.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl {

namespace {

constexpr int deepest = 8;
constexpr std::size_t longest_code = 100;
constexpr double longest_lifetime = 365.0 * 86400;

[[noreturn]] void refuse(const http_response& response, const std::string& detail)
{
    throw error(http_sqlstate::invalid_authorization,
                "no token from " + in_quotes(response.url.substr(0, response.url.find('?'))) + " (status " +
                    std::to_string(response.status) + ')',
                detail, "The options client_id, client_secret, token_url and scope of the user mapping decide it.");
}

std::string text_member(const json& answer, const char* name)
{
    const auto found = answer.find(name);
    return found != answer.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

// One of those of RFC 6749 and its kin: short, of small letters and underscores; all else might be anything.
std::string error_code(const json& answer)
{
    const std::string code = text_member(answer, "error");
    const bool is_plain = code.size() <= longest_code && std::all_of(code.begin(), code.end(), [](char c) {
                              return (c >= 'a' && c <= 'z') || c == '_';
                          });
    return code.empty() || !is_plain ? "The answer gives no reason." : "The reason given is " + in_quotes(code) + '.';
}

json parse_answer(const http_response& response)
{
    try {
        json answer = parse_json(response.body, "answer", deepest);
        return answer.is_object() ? answer : json::object();
    } catch (const error&) {
        refuse(response, "The answer is no JSON.");
    }
}

} // namespace

std::string basic_credentials(const oauth2_client& client)
{
    return base64(encoded_component(client.client_id) + ':' + encoded_component(client.client_secret));
}

http_request token_request(const oauth2_client& client)
{
    http_request request{.method = "POST", .url = client.token_url, .headers = {}, .body = {}, .idempotent = true};
    http_query form{{"grant_type", "client_credentials"}};
    if (!client.scope.empty()) {
        form.emplace_back("scope", client.scope);
    }
    if (client.secret_in_body) {
        form.emplace_back("client_id", client.client_id);
        form.emplace_back("client_secret", client.client_secret);
    } else {
        request.headers.push_back({"Authorization", "Basic " + basic_credentials(client)});
    }
    request.headers.push_back({"Content-Type", "application/x-www-form-urlencoded"});
    request.headers.push_back({"Accept", "application/json"});
    request.body = encoded_query(form);
    return request;
}

access_token parse_token(const http_response& response)
{
    const json answer = parse_answer(response);
    if (response.status != 200) {
        refuse(response, error_code(answer));
    }
    access_token token{text_member(answer, "access_token"), std::nullopt};
    const bool is_sendable =
        std::all_of(token.value.begin(), token.value.end(), [](char c) { return c > ' ' && c < 0x7F; });
    if (token.value.empty() || !is_sendable) {
        refuse(response, "The answer has no access_token.");
    }
    if (!same_header(text_member(answer, "token_type"), "bearer")) {
        refuse(response, "The token_type is not Bearer.");
    }
    const auto lifetime = answer.find("expires_in");
    if (lifetime != answer.end()) {
        if (const auto number = number_in(*lifetime); number && *number >= 0) {
            token.lifetime = std::chrono::seconds{static_cast<std::int64_t>(std::min(*number, longest_lifetime))};
        }
    }
    return token;
}

} // namespace etl
