// Reading the JSON of a match model and of what goes with it: each mistake is refused, and named with its place.
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

namespace etl::dedupe {

// An object of the document and where it stands, such as `comparison "surname", level 2`.
class match_reader {
  public:
    match_reader(const json& object, std::string place);

    // Throws where there is a key besides these.
    void allow(std::initializer_list<std::string_view> keys) const;

    bool has(const char* key) const { return object_.contains(key); }
    const json& at(const char* key) const;            // throws where it is missing
    const std::string& text(const char* key) const;   // … or no text, or empty
    double number(const char* key) const;             // … or no number
    const json::array_t& list(const char* key) const; // … or no array, or an empty one
    std::int64_t whole(const char* key, std::int64_t least, std::int64_t most) const;
    double share(const char* key) const;       // more than 0 and at most 1
    double probability(const char* key) const; // more than 0 and less than 1
    double positive(const char* key) const;    // more than 0

    const std::string& place() const noexcept { return place_; }
    const json& object() const noexcept { return object_; }

    [[noreturn]] void refuse(const std::string& what, std::string detail = {}, std::string hint = {}) const;
    [[noreturn]] void refuse_value(const char* key, const char* must_be) const;

  private:
    const json& object_;
    std::string place_;
};

// A JSON value as a message shows it, cut where it is long.
std::string shown_json(const json& value);

} // namespace etl::dedupe
