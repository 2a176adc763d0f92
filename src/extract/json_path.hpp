// Where something stands in a JSON document: a JSON pointer (RFC 6901) or the part of JSONPath (RFC 9535) that names one
// place.
#pragma once

#include "core/json.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace etl {

class json_path {
  public:
    json_path() = default; // the document itself

    // Reads "", "/data/items", "$", "$.data.items", "$['data'][0]" and the same with [*] at the end, which the elements
    // of an array at that place are told by. Throws 22023, naming it `what`, for all else.
    static json_path parse(std::string_view text, const char* what);

    const std::vector<std::string>& steps() const noexcept { return steps_; }
    // As a JSON pointer.
    std::string pointer() const;
    // What stands there; nullptr where nothing does.
    const json* find(const json& document) const;

  private:
    std::vector<std::string> steps_;
};

// One more step of a JSON pointer.
std::string below(const std::string& pointer, std::string_view step);

// Whether a JSON pointer leads to what is within the place of another one, or to that place itself.
bool is_within(std::string_view pointer, std::string_view place) noexcept;

} // namespace etl
