// paginate => '{"type": "auto"}': how the pages of an API follow each other, from what its first answer says.
#pragma once

#include "extract/page_signals.hpp"

#include <cstdint>
#include <string>

namespace etl {

// The options that the user might have given for this API. What they are made from must be in every answer from now on.
// Known are, in this order:
//   1. a word for the next page: next_page or nextPage, links.next, next, next_cursor or nextCursor, the first and the
//      last two also within pagination: a number asks for that page, a link is followed, a token is sent as cursor,
//      null says that this page is the last one;
//   2. Link headers;
//   3. has_more or hasMore, also within pagination: pages by their numbers, or by offset where the answer tells one;
//   4. total_pages: pages by their numbers; offset, limit and total: pages by offset;
//   5. a bare array: pages by their numbers until one is empty;
//   6. a total that is the number of records: there is one page.
// Throws 08P01 where nothing says whether there is more: no answer is taken for the last one because it says nothing.
paginate_options choose_pagination(const paginate_options& given, const page_answer& answer);

// What the pages are and what ends them, for people.
std::string told_in_words(const paginate_options& options);

} // namespace etl
