// What is told of a transfer that failed. All of it is without the query of the URL; secrets are taken out by the client.
#include "extract/http_transfer.hpp"

#include "extract/http_error.hpp"

#include "core/text.hpp"

#include "core/cpp_only.hpp"

namespace etl {

std::string http_transfer::where() const
{
    return request_.method + ' ' + url_.shown();
}

error http_transfer::describe_refusal() const
{
    return {http_sqlstate::insufficient_privilege,
            "host " + in_quotes(host_) + " leads to the address " + refused_address_ + ", which is not allowed",
            "It is not an address of the internet at large, and pg_etl.allowed_hosts does not list it.",
            "Where that is meant, a superuser adds the address to pg_etl.allowed_hosts, as " + refused_address_ +
                " or as a range."};
}

error http_transfer::describe_flaw() const
{
    const auto made = [this](const std::string& what, const char* hint) {
        return error{http_sqlstate::limit_exceeded, where() + " answers with " + what, {}, hint};
    };
    switch (flaw_) {
    case flaw::lengths:
        return {http_sqlstate::protocol_violation, where() + " answers with two lengths of its body"};
    case flaw::coding:
        return {http_sqlstate::protocol_violation,
                where() + " answers in the coding " + in_quotes(response_.header("Content-Encoding").value_or("")),
                std::string{"What was asked for is one of "} + body_decoder::codings + '.'};
    case flaw::data:
        return {http_sqlstate::protocol_violation, where() + " answers with what is not of the coding " +
                                                       in_quotes(response_.header("Content-Encoding").value_or(""))};
    case flaw::headers:
        return made("more than 256 kB of headers", "");
    case flaw::ratio:
        return made("a body that grows to more than 250 times its size when it is decoded",
                    "That is what bombs do; nothing of it was kept.");
    default:
        return made("a body of more than " + std::to_string(settings_.max_body) + " bytes",
                    "Ask for smaller pages, or raise the limit: ALTER SERVER … OPTIONS (SET max_body '…').");
    }
}

error http_transfer::describe_connection(CURLcode code, const std::string& detail) const
{
    const std::string to = "host " + in_quotes(host_) + " (port " + std::to_string(port_) + ')';
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return {http_sqlstate::cannot_connect, "host " + in_quotes(host_) + " could not be resolved", detail};
    case CURLE_PEER_FAILED_VERIFICATION:
        return {http_sqlstate::cannot_connect, "host " + in_quotes(url_.host()) + " did not prove who it is", detail,
                "A server with a certificate of your own needs the option ca_file, which a superuser sets."};
    case CURLE_SSL_CACERT_BADFILE:
        return {sqlstate::invalid_parameter_value, "the certificates of ca_file could not be read", detail};
    default:
        return {http_sqlstate::cannot_connect, "could not connect to " + to, detail};
    }
}

error http_transfer::describe(CURLcode code) const
{
    if (!refused_address_.empty() && code == CURLE_COULDNT_CONNECT) {
        return describe_refusal();
    }
    if (flaw_ != flaw::none || code == CURLE_FILESIZE_EXCEEDED) {
        return describe_flaw();
    }
    const std::string detail =
        "libcurl says: " + std::string{message_[0] != '\0' ? message_ : curl_easy_strerror(code)};
    switch (code) {
    case CURLE_OK:
        return {http_sqlstate::connection_broken, where() + " was cut off before the end of its body",
                "Its compressed data are not whole."};
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_PROXY:
        return describe_connection(code, detail);
    case CURLE_PARTIAL_FILE:
        return {http_sqlstate::connection_broken, where() + " was cut off before the end of its body", detail};
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_WRITE_ERROR:
        return {http_sqlstate::protocol_violation, where() + " answers with what cannot be read", detail};
    case CURLE_OPERATION_TIMEDOUT:
        return {is_connected() ? http_sqlstate::connection_broken : http_sqlstate::cannot_connect,
                where() + " took too long", detail};
    default:
        return {http_sqlstate::connection_broken, where() + " failed", detail};
    }
}

} // namespace etl
