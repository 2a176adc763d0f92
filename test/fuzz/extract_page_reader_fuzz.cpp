// Any bytes as a page, with a path to the records before the first line break: the page is refused, or its records are
// JSON that stands in it. What is JSON is what another parser takes for JSON.
#include "extract/page_reader.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using etl::page_contents;
using etl::page_format;
using etl::record_path;

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

// What the other parser refuses besides: halves of surrogate pairs, and numbers beyond a double.
bool is_plain(std::string_view text)
{
    return text.find("\\u") == std::string_view::npos && text.find_first_of("eE") == std::string_view::npos &&
           text.find('\0') == std::string_view::npos && text.size() < 300;
}

bool is_json(std::string_view text)
{
    return nlohmann::json::accept(text.begin(), text.end());
}

void demand_whole(const page_contents& page, std::string_view body)
{
    for (const std::string_view record : page.records) {
        demand(record.data() >= body.data() && record.data() + record.size() <= body.data() + body.size());
        demand(!record.empty() && record.find_first_of(" \t\r\n") != 0);
        demand(is_json(record) || !is_plain(record));
    }
    demand(!page.envelope.dump().empty()); // in UTF-8
}

// A path that names the whole document reads whatever is an array or an object.
void demand_agreement(std::string_view body)
{
    bool is_page = true;
    try {
        page_format format;
        format.records = record_path::parse("$");
        demand_whole(read_page(body, format, etl::never_poll), body);
    } catch (const etl::error& e) {
        is_page = false;
        if (std::string_view{e.sqlstate()} == etl::sqlstate::program_limit_exceeded) {
            return;
        }
    }
    const std::size_t first = body.find_first_not_of(" \t\r\n");
    const bool is_container = first != std::string_view::npos && (body[first] == '[' || body[first] == '{');
    if (is_container && is_plain(body)) {
        demand(is_page == is_json(body));
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const std::size_t line = std::min(text.find('\n'), text.size());
    const std::string body{text.substr(std::min(line + 1, text.size()))};
    demand_agreement(body);
    try {
        page_format format;
        format.records = record_path::parse(text.substr(0, line));
        format.records.null_is_empty = size % 2 == 0;
        demand_whole(read_page(body, format, etl::never_poll), body);
    } catch (const etl::error&) {
        return 0;
    }
    return 0;
}
