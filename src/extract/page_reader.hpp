// A page: the body of an answer, read in one pass. All of it is checked before any of it is used: a body that is cut,
// goes on behind its end, is no UTF-8 or no JSON gives no records at all.
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"
#include "extract/json_scan.hpp"
#include "extract/record_path.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace etl {

struct page_contents { // NOLINT(bugprone-exception-escape): a json that is moved throws nothing
    // Each record's text within the body, as it stands there: \u0000, duplicate keys and numbers of any length are for
    // those to judge who read the record.
    std::vector<std::string_view> records;
    // The document without its records; their array is replaced by its length, and so is any other that is long.
    // Numbers that are no integers of at most 18 digits are strings of their exact text.
    json envelope;
    // A JSON pointer, or "ndjson".
    std::string records_at;
    bool is_object = false; // the whole document is the record
    // Pointers to what stands in the envelope more than once.
    std::vector<std::string> repeated;

    // What stands at a path in the envelope; nullptr where nothing does. Throws 08P01 where a key that leads there
    // stands there twice: one of them would be believed by chance.
    const json* find(const json_path& path) const;
};

struct page_format {
    record_path records;
    scan_limits limits;
    // Whether each line is a document, and a record.
    bool is_lines = false;
};

// Whether a Content-Type is that of JSON, line by line.
bool is_type_of_lines(std::string_view content_type) noexcept;

// Throws 08P01, with a message that reads on from "the page": "it ends at byte 7, within the document, …". What the page
// holds is not told: it may hold secrets, and only who knows them can take them out. A mark of the
// byte order before the document is passed over. The records are views into the body.
page_contents read_page(std::string_view body, const page_format& format, poll_fn poll);

} // namespace etl
