#include "extract/http_transfer.hpp"

#include "extract/http_error.hpp"

#include "core/text.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <new>

#include "core/cpp_only.hpp"

namespace etl {

namespace {

constexpr std::size_t most_header_bytes = std::size_t{256} << 10U;
// What compression makes of JSON is a tenth to a hundredth of it; bombs are a thousandth and less.
constexpr std::size_t most_expansion = 250;
constexpr std::size_t expansion_is_free = std::size_t{1} << 20U;
constexpr long read_buffer = 256L << 10U;

std::string_view trimmed(std::string_view text)
{
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    return begin == std::string_view::npos ? "" : text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

} // namespace

http_transfer::http_transfer(const http_settings& settings, const http_url& url, const http_request& request,
                             const std::vector<http_header>& headers)
    : settings_{settings}, url_{url}, request_{request}, host_{url.host()}, port_{url.port()}, handle_{curl_easy_init()}
{
    if (!handle_) {
        throw std::bad_alloc{};
    }
    set_safety();
    set_request();
    set_headers(headers);
}

template <class Value>
void http_transfer::set(CURLoption option, Value value)
{
    const CURLcode code = curl_easy_setopt(handle_.get(), option, value);
    if (code == CURLE_OUT_OF_MEMORY) {
        throw std::bad_alloc{};
    }
    if (code != CURLE_OK) {
        throw error(sqlstate::internal_error, "libcurl does not know option " + std::to_string(option),
                    curl_easy_strerror(code));
    }
}

// Nothing comes from the environment or from files of the server's user, no host is asked that was not looked at, and
// whoever answers has proved who they are.
void http_transfer::set_safety()
{
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT, 1L); // a resolver that hangs is left behind, not waited for
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(CURLOPT_PROXY, settings_.proxy.c_str()); // "" is: none, whatever the environment says
    set(CURLOPT_NOPROXY, "");
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(CURLOPT_OPENSOCKETFUNCTION, &http_transfer::on_socket);
    set(CURLOPT_OPENSOCKETDATA, this);
    if (!settings_.ca_file.empty()) {
        set(CURLOPT_CAINFO, settings_.ca_file.c_str());
        set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    }
    if (!settings_.proxy.empty()) {
        const http_url proxy{settings_.proxy, "proxy"};
        host_ = proxy.host();
        port_ = proxy.port();
        if (!settings_.ca_file.empty()) {
            set(CURLOPT_PROXY_CAINFO, settings_.ca_file.c_str());
        }
    }
}

void http_transfer::set_request()
{
    set(CURLOPT_CURLU, url_.handle());
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    set(CURLOPT_HTTP_CONTENT_DECODING, 0L); // see body_decoder
    set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(settings_.max_body));
    set(CURLOPT_BUFFERSIZE, read_buffer);
    set(CURLOPT_ERRORBUFFER, message_);
    set(CURLOPT_WRITEFUNCTION, &http_transfer::on_body);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_HEADERFUNCTION, &http_transfer::on_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_USERAGENT, settings_.user_agent.c_str());
    if (request_.method == "HEAD") {
        set(CURLOPT_NOBODY, 1L);
    } else if (request_.body) {
        set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body->size()));
        set(CURLOPT_POSTFIELDS, request_.body->data());
    } else if (request_.method == "POST") {
        set(CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t{0});
        set(CURLOPT_POSTFIELDS, "");
    }
    set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
    if (!request_.idempotent) {
        set(CURLOPT_FRESH_CONNECT, 1L); // one that died meanwhile would be sent again by libcurl itself
    }
}

void http_transfer::set_headers(const std::vector<http_header>& headers)
{
    const auto add = [this](const std::string& line) {
        curl_slist* grown = curl_slist_append(headers_.get(), line.c_str());
        if (grown == nullptr) {
            throw std::bad_alloc{};
        }
        static_cast<void>(headers_.release());
        headers_.reset(grown);
    };
    const auto has = [&headers](const char* name) {
        return std::any_of(headers.begin(), headers.end(),
                           [name](const http_header& each) { return same_header(each.name, name); });
    };
    for (const http_header& each : headers) {
        add(each.value.empty() ? each.name + ';' : each.name + ": " + each.value);
    }
    add(std::string{"Accept-Encoding: "} + body_decoder::codings);
    add("Expect:"); // or else libcurl waits a second for a leave to send large bodies
    if (!has("Content-Type")) {
        add("Content-Type:"); // or else libcurl takes each body for a form
    }
    set(CURLOPT_HTTPHEADER, headers_.get());
}

std::size_t http_transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) noexcept
{
    auto& transfer = *static_cast<http_transfer*>(self);
    try {
        return transfer.take_body({data, size * count}) ? size * count : CURL_WRITEFUNC_ERROR;
    } catch (const std::exception&) { // nothing else is thrown by growing a string
        transfer.out_of_memory_ = true;
        return CURL_WRITEFUNC_ERROR;
    }
}

bool http_transfer::take_body(std::string_view data)
{
    if (!body_began_ && !begin_body()) {
        return false;
    }
    body_bytes_ += data.size();
    if (!decoder_) {
        return keep_body(data);
    }
    const auto outcome = decoder_->decode(data, [this](std::string_view decoded) { return keep_body(decoded); });
    if (outcome == body_decoder::outcome::wrong) {
        flaw_ = flaw::data;
    }
    return outcome == body_decoder::outcome::fine;
}

bool http_transfer::begin_body()
{
    body_began_ = true;
    const auto coding = response_.header("Content-Encoding").value_or("");
    if (!coding.empty() && !same_header(coding, "identity")) {
        decoder_ = body_decoder::make(coding);
        flaw_ = decoder_ ? flaw::none : flaw::coding;
        return decoder_ != nullptr;
    }
    const curl_off_t announced = number(CURLINFO_CONTENT_LENGTH_DOWNLOAD_T);
    response_.body.reserve(std::min(static_cast<std::size_t>(announced), settings_.max_body) + body_padding);
    return true;
}

bool http_transfer::keep_body(std::string_view data)
{
    std::string& body = response_.body;
    if (data.size() > settings_.max_body - body.size()) {
        flaw_ = flaw::body;
        return false;
    }
    const std::size_t size = body.size() + data.size();
    if (size > expansion_is_free && size / most_expansion > body_bytes_) {
        flaw_ = flaw::ratio;
        return false;
    }
    if (size + body_padding > body.capacity()) { // twice as much, but never more than may come
        body.reserve(std::min(std::max(size, 2 * body.capacity()), settings_.max_body) + body_padding);
    }
    body.append(data);
    return true;
}

// Whether compressed data ended before their end, although the body has its length. None at all are as good as an empty
// body only where the server says that it is empty.
bool http_transfer::is_cut() const
{
    if (body_began_) {
        return decoder_ && !decoder_->is_complete();
    }
    const bool has_coding = !same_header(response_.header("Content-Encoding").value_or("identity"), "identity");
    long status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    const bool has_body = request_.method != "HEAD" && status != 204 && status != 304;
    return has_coding && has_body && response_.header("Content-Length") != "0";
}

std::size_t http_transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) noexcept
{
    auto& transfer = *static_cast<http_transfer*>(self);
    try {
        return transfer.take_header({data, size * count}) ? size * count : 0;
    } catch (const std::exception&) {
        transfer.out_of_memory_ = true;
        return 0;
    }
}

// Each status line begins the headers anew (after 100 Continue); what comes behind the body is no header.
bool http_transfer::take_header(std::string_view line)
{
    auto& headers = response_.headers;
    header_bytes_ += line.size();
    if (header_bytes_ > most_header_bytes) {
        flaw_ = flaw::headers;
        return false;
    }
    if (body_began_) {
        return true;
    }
    if (line.starts_with("HTTP/")) {
        headers.clear();
        return true;
    }
    const std::string_view text = trimmed(line);
    const std::size_t colon = text.find(':');
    if ((line.front() == ' ' || line.front() == '\t') && !headers.empty()) {
        headers.back().value.append(" ").append(text);
    } else if (colon != std::string_view::npos) {
        http_header header{std::string{trimmed(text.substr(0, colon))}, std::string{trimmed(text.substr(colon + 1))}};
        if (same_header(header.name, "Content-Length") && !has_one_length(header.value)) {
            flaw_ = flaw::lengths;
            return false;
        }
        headers.push_back(std::move(header));
    }
    return true;
}

// Where lengths differ, somebody in between may believe another one (RFC 9110, section 8.6).
bool http_transfer::has_one_length(std::string_view length) const noexcept
{
    return std::all_of(response_.headers.begin(), response_.headers.end(), [length](const http_header& each) {
        return !same_header(each.name, "Content-Length") || each.value == length;
    });
}

// Where each socket of the transfer is opened: what the host has been resolved to is looked at here and nowhere else.
curl_socket_t http_transfer::on_socket(void* self, curlsocktype purpose, curl_sockaddr* address) noexcept
{
    auto& transfer = *static_cast<http_transfer*>(self);
    try {
        const auto to = ip_address::of(&address->addr);
        if (purpose != CURLSOCKTYPE_IPCXN || !to ||
            !transfer.settings_.rules.allows_address(transfer.host_, transfer.port_, *to)) {
            transfer.refused_address_ = to ? to->text() : "of no family of the internet";
            return CURL_SOCKET_BAD;
        }
    } catch (const std::exception&) {
        transfer.out_of_memory_ = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

double http_transfer::seconds(CURLINFO info) const noexcept
{
    return static_cast<double>(number(info)) / 1e6;
}

curl_off_t http_transfer::number(CURLINFO info) const noexcept
{
    curl_off_t value = 0;
    curl_easy_getinfo(handle_.get(), info, &value);
    return std::max<curl_off_t>(value, 0);
}

bool http_transfer::is_connected() const noexcept
{
    return number(CURLINFO_PRETRANSFER_TIME_T) > 0;
}

std::size_t http_transfer::received() const noexcept
{
    return header_bytes_ + body_bytes_;
}

bool http_transfer::may_have_acted() const noexcept
{
    long sent = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_REQUEST_SIZE, &sent);
    return sent > 0;
}

http_response http_transfer::finish()
{
    long status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<int>(status);
    response_.body.reserve(response_.body.size() + body_padding);
    const double name_lookup = seconds(CURLINFO_NAMELOOKUP_TIME_T);
    response_.timing = {name_lookup,
                        seconds(CURLINFO_CONNECT_TIME_T),
                        seconds(CURLINFO_APPCONNECT_TIME_T),
                        seconds(CURLINFO_STARTTRANSFER_TIME_T),
                        seconds(CURLINFO_TOTAL_TIME_T),
                        1};
    return std::move(response_);
}

attempt_end http_transfer::end(CURLcode code)
{
    if (code == CURLE_OUT_OF_MEMORY && is_connected() && !body_began_) {
        flaw_ = flaw::headers; // a line longer than libcurl takes is told so
    } else if (out_of_memory_ || code == CURLE_OUT_OF_MEMORY) {
        throw std::bad_alloc{};
    }
    attempt_end made;
    if (code == CURLE_OK && !is_cut()) {
        made.response = finish();
        made.outcome.status = made.response->status;
        if (const auto after = made.response->header("Retry-After")) {
            made.outcome.retry_after = parse_retry_after(*after, made.response->header("Date"), std::time(nullptr));
        }
        return made;
    }
    made.failure = describe(code);
    const std::string_view state = made.failure->sqlstate();
    made.outcome.is_passing = (state == http_sqlstate::cannot_connect && code != CURLE_PEER_FAILED_VERIFICATION) ||
                              state == http_sqlstate::connection_broken;
    made.outcome.may_have_acted = may_have_acted();
    return made;
}

attempt_end http_transfer::end_of_time(const std::string& what)
{
    attempt_end made;
    made.failure =
        error(is_connected() ? http_sqlstate::connection_broken : http_sqlstate::cannot_connect, where() + ' ' + what,
              is_connected() ? std::to_string(received()) + " bytes of the answer had come."
                             : "The connection was not there yet.",
              "The options timeout, connect_timeout and stall_timeout of the server say how long it may take.");
    made.outcome.is_passing = true;
    made.outcome.may_have_acted = may_have_acted();
    return made;
}

} // namespace etl
