// How a user says that the pages of an API follow each other.
#pragma once

#include "core/json.hpp"
#include "extract/json_path.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace etl {

enum class page_kind { automatic, none, page, offset, cursor, next, link };

std::string_view name_of(page_kind kind) noexcept;

// Where an answer tells something: at a place of its body, in a header, or at a place of its last record.
struct told_at {
    enum class where { body, header, last_record };
    where in = where::body;
    json_path path;
    std::string name; // of the header
    std::string shown() const;
};

// A signal that the user names, that is looked for by its usual names (neither is set), or that is not believed.
struct signal_option {
    std::optional<told_at> at;
    bool is_ignored = false;
};

// What ends the pages beside the signals that every kind knows.
enum class page_end { signal, empty, short_page, missing, not_found };

struct paginate_options {
    page_kind kind = page_kind::automatic;
    std::string param;      // what asks for a page: its number, offset or cursor
    bool in_body = false;   // it is a member of the request's body
    std::string size_param; // what asks for so many records a page
    std::optional<std::int64_t> size;
    std::optional<std::int64_t> start; // the first page or offset
    std::optional<told_at> at;         // the cursor, the link, or the number of the next page
    signal_option has_more, total, pages, current;
    bool must_tell_more = false; // type has_more: a page without that signal is an error
    page_end end = page_end::signal;
    bool allows_repeats = false; // pages with equal records are no sign of going in circles
    bool null_is_empty = false;
    bool missing_is_empty = false; // a page without the list has no records

    // Reads paginate => '{"type": "page", …}'. Throws 22023 for what it does not know.
    static paginate_options parse(const json& document);
};

} // namespace etl
