// What an answer says about the pages that follow it.
#pragma once

#include "extract/http_types.hpp"
#include "extract/page_reader.hpp"
#include "extract/paginate_options.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace etl {

// The contents and the headers of one answer.
struct page_answer {
    const page_contents& contents;
    const std::vector<http_header>& headers;
};

// What stands at a place; nullopt where there is nothing, not even a null. What is within a null is null: by
// "next_page": null, /next_page/offset tells that there is none.
std::optional<json> value_at(const told_at& place, const page_answer& answer);

// A word for the next page. null, false and "" say that there is none; a number is the number of a page; a text is a
// link, a number or a token.
struct next_word {
    enum class is { nothing, number, link, token };
    is what = is::nothing;
    std::int64_t number = 0;
    std::string text;
};

// How texts are told apart that may be any of them: a link begins with http://, https://, /, ? or ., or is not a single
// word (it has a ? with a = behind it); a number is made of at most 18 digits; all else is a token.
next_word read_next_word(const json& value, const std::string& at);

struct told_flag {
    bool value;
    std::string at;
};
struct told_number {
    std::int64_t value;
    std::string at;
};

// By the user's option, or else by usual names: has_more, also as hasMore and within pagination; total; …
// Something that the user has named and that is no flag or number throws 08P01.
std::optional<told_flag> told_has_more(const signal_option& option, const page_answer& answer);
std::optional<told_number> told_total(const signal_option& option, const page_answer& answer);
std::optional<told_number> told_pages(const signal_option& option, const page_answer& answer);
std::optional<told_number> told_current(const signal_option& option, const page_answer& answer);
std::optional<told_number> told_offset(const page_answer& answer);
std::optional<told_number> told_limit(const page_answer& answer);

// What the Link headers say: all relation types, and the target of next. Throws 08P01 where there are several targets.
struct told_links {
    bool has_any = false;  // one that tells of pages: first, prev, previous, last, next
    bool has_self = false; // which a page without a next one may have alone
    std::optional<std::string> next;
};
told_links links_of(const std::vector<http_header>& headers);

// The usual places of a word for the next page, and whether what stands there is a number or link (next_page), a link
// (links.next) or a token (next_cursor).
struct usual_next {
    const char* pointer;
    enum class kind { page, link, token } is;
};
const std::vector<usual_next>& usual_places_of_next();

} // namespace etl
