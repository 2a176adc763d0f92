// Any bytes as an array of JSON and as lines of it: cut in the same way whatever pieces they come in, and the elements
// of a document that is JSON are its elements.
//
// The first two bytes choose the sizes.
#include "extract/json_cutter.hpp"

#include "../unit/csv_reference.hpp"
#include "core/error.hpp"
#include "core/json.hpp"

#include <cstdint>
#include <cstdlib>

namespace {

template <class Texts, class... Path>
std::vector<std::string> cut(std::string_view text, std::size_t piece, etl::json_limits limits, Path... path)
{
    csv_reference::pieces from{text, piece};
    Texts all{from, path..., limits};
    std::vector<std::string> made;
    try {
        while (all.next()) {
            made.push_back(std::to_string(all.line()) + ':' + std::string{all.text()});
        }
    } catch (const etl::error& e) {
        made.push_back(std::string{"! "} + e.what() + e.detail());
    }
    return made;
}

void check_elements(std::string_view text, const std::vector<std::string>& found)
{
    const auto document = nlohmann::json::parse(text, nullptr, false);
    if (!document.is_array() || text.find('\0') != std::string_view::npos) { // where nlohmann sees the end of the text
        return;
    }
    if (document.size() != found.size()) {
        std::abort();
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (nlohmann::json::parse(found[i].substr(found[i].find(':') + 1), nullptr, false) != document[i]) {
            std::abort();
        }
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 2) {
        return 0;
    }
    const std::size_t piece = 1 + data[0];
    const std::size_t buffer = 1 + data[1];
    const std::string_view text{reinterpret_cast<const char*>(data) + 2, size - 2};
    const etl::json_limits whole{std::size_t{1} << 30, 1U << 16U};
    const etl::json_limits small{std::size_t{1} << 30, buffer};
    const auto elements = cut<etl::json_array>(text, 1U << 16U, whole, etl::field_path{});
    const auto inside = cut<etl::json_array>(text, 1U << 16U, whole, etl::field_path{"a", "1"});
    if (elements != cut<etl::json_array>(text, piece, small, etl::field_path{}) ||
        inside != cut<etl::json_array>(text, piece, small, etl::field_path{"a", "1"}) ||
        cut<etl::json_lines>(text, 1U << 16U, whole) != cut<etl::json_lines>(text, piece, small)) {
        std::abort();
    }
    check_elements(text, elements);
    cut<etl::json_array>(text, piece, {buffer, buffer}, etl::field_path{});
    cut<etl::json_lines>(text, piece, {buffer, buffer});
    return 0;
}
