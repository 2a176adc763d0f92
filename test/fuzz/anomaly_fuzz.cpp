// Any parameters and any series: refused, or verdicts that agree with themselves. The input's first line names the
// strategy, the second is the parameters' JSON object, and the rest is the series, two bytes a value.
#include "validate/anomaly.hpp"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string_view>

namespace {

using value = std::optional<double>;

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

// The ends of the range stand for what is unusual.
value decode(std::uint8_t low, std::uint8_t high)
{
    const auto number = static_cast<std::int16_t>(low | high << 8);
    switch (number) {
    case 32767:
        return {};
    case 32766:
        return std::numeric_limits<double>::quiet_NaN();
    case 32765:
        return std::numeric_limits<double>::infinity();
    case 32764:
        return std::numeric_limits<double>::max();
    case -32768:
        return -std::numeric_limits<double>::infinity();
    case -32767:
        return std::numeric_limits<double>::lowest();
    default:
        return number / 16.0;
    }
}

std::vector<value> decode(std::string_view bytes)
{
    std::vector<value> made;
    for (std::size_t i = 0; i + 1 < bytes.size() && made.size() < 500; i += 2) {
        made.push_back(decode(static_cast<std::uint8_t>(bytes[i]), static_cast<std::uint8_t>(bytes[i + 1])));
    }
    return made;
}

std::string_view take_line(std::string_view& rest)
{
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return line;
}

bool is_number(const std::optional<double>& number)
{
    return !number || !std::isnan(*number);
}

void judge(etl::anomaly::detector& detector, const std::vector<value>& series)
{
    if (detector.reads_ahead()) {
        std::pmr::vector<double> values;
        for (const value& v : series) {
            if (v && std::isfinite(*v)) {
                values.push_back(*v);
            }
        }
        detector.prepare(std::move(values));
    }
    for (const value& v : series) {
        const auto verdict = detector.judge(v);
        demand(is_number(verdict.lower) && is_number(verdict.upper));
        demand(is_number(verdict.expected) && is_number(verdict.score));
        demand(!verdict.is_anomaly || !verdict.reason.empty());
        demand(v || !verdict.is_anomaly);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    std::string_view rest{reinterpret_cast<const char*>(data), size};
    const auto strategy = take_line(rest);
    const auto params = take_line(rest);
    try {
        const auto detector =
            etl::anomaly::make_detector(strategy, params, std::pmr::get_default_resource(), etl::never_poll);
        judge(*detector, decode(rest));
    } catch (const etl::error&) {
        return 0;
    }
    return 0;
}
