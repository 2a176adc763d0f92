// The documents of suites: how the two generations of Great Expectations write them, and how they are changed.
//
// pg_etl keeps a suite in the shape of 1.x, with whatever else the document had, so that it goes back as it came.
#pragma once

#include "core/json.hpp"

#include <string>
#include <string_view>

namespace etl::validate {

// A JSON object with an array "expectations"; throws etl::error for anything else.
json parse_document(std::string_view document);

// The text of a member that has two names; empty where there is none.
std::string member_text(const json& object, const char* name, const char* older);

// The document under another name, in the 1.x shape; what else it holds (meta, notes) is kept.
std::string rename_suite(std::string_view document, std::string_view name);

// The document as Great Expectations of the generation "0.x" (also "0.18") or "1.x" (also "1") reads it: with the
// members of that generation alone, what is only pg_etl's own being left as it is.
std::string export_suite(std::string_view document, std::string_view format);

// What add_expectation() did.
struct changed_suite {
    std::string document;
    std::size_t number; // of the expectation, counted from 1
    bool replaced;      // another one was there
};

// Adds an expectation. As Great Expectations 0.18 does, one of the same type on the same columns and rows is replaced:
// these are its domain, and what is asked of them is new.
changed_suite add_expectation(std::string_view document, std::string_view type, std::string_view kwargs,
                              std::string_view severity);

} // namespace etl::validate
