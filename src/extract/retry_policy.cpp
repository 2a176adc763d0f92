#include "extract/retry_policy.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "core/cpp_only.hpp"

namespace etl {

namespace {

constexpr int too_many_requests = 429;
constexpr int service_unavailable = 503;
constexpr std::chrono::hours longest_retry_after{24 * 366}; // what is longer is as good as this

bool is_worth_retrying(const attempt_outcome& outcome, bool idempotent) noexcept
{
    if (outcome.status == 0) {
        return outcome.is_passing && (idempotent || !outcome.may_have_acted);
    }
    if (outcome.status == too_many_requests || outcome.status == service_unavailable) {
        return true; // both say that nothing was done
    }
    return outcome.status >= 500 && idempotent;
}

std::optional<std::time_t> parse_date(std::string_view text)
{
    const std::time_t moment = curl_getdate(std::string{text}.c_str(), nullptr);
    return moment == -1 ? std::nullopt : std::optional{moment};
}

} // namespace

std::optional<milliseconds> retry_policy::delay(const attempt_outcome& outcome, bool idempotent, int made,
                                                double chance) const noexcept
{
    if (made >= attempts || !is_worth_retrying(outcome, idempotent)) {
        return std::nullopt;
    }
    if (outcome.retry_after) {
        return *outcome.retry_after <= longest_wait ? outcome.retry_after : std::nullopt;
    }
    constexpr int most_doublings = 16;
    const auto whole = std::min(first_delay * (1 << std::min(made - 1, most_doublings)), longest_wait);
    return std::chrono::duration_cast<milliseconds>(whole * (0.75 + chance / 2));
}

std::optional<milliseconds> parse_retry_after(std::string_view value, std::optional<std::string_view> date,
                                              std::time_t now) noexcept
{
    const bool is_number =
        !value.empty() && std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
    std::chrono::seconds wait{};
    if (is_number) {
        std::chrono::seconds::rep seconds = 0;
        const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), seconds);
        wait = code == std::errc{} ? std::chrono::seconds{seconds} : longest_retry_after;
    } else {
        const auto then = parse_date(value);
        if (!then) {
            return std::nullopt;
        }
        const auto base = date ? parse_date(*date).value_or(now) : now;
        wait = std::chrono::seconds{std::max<std::time_t>(*then - base, 0)};
    }
    return std::min<std::chrono::seconds>(wait, longest_retry_after);
}

} // namespace etl
