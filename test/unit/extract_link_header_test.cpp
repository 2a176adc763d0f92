#include "extract/link_header.hpp"

#include "core/error.hpp"
#include "extract/page_signals.hpp"

#include <gtest/gtest.h>

using etl::links_of;
using etl::parse_link_header;

namespace {

std::string next_of(const std::string& value)
{
    return links_of({{"Date", "x"}, {"link", value}}).next.value_or("none");
}

TEST(link_header, reads_what_the_rfc_allows)
{
    EXPECT_EQ(next_of("<https://a/b?page=2>; rel=\"next\", <https://a/b?page=9>; rel=\"last\""), "https://a/b?page=2");
    EXPECT_EQ(next_of("</b?a=1,2;3>;rel=next"), "/b?a=1,2;3");
    EXPECT_EQ(next_of("< /b > ; title=\"a, \\\"b\\\"; rel=next\" ; REL = \"prefetch NEXT\";rel=first"), "/b");
    EXPECT_EQ(next_of(",, <a>;rev=next , <c>;;rel=next ,"), "c");
    EXPECT_EQ(next_of("<a>; rel=\"https://example.com/rels/next\""), "none");
    EXPECT_EQ(next_of("<a>; rel=next; anchor=\"#x\""), "none");
    EXPECT_EQ(next_of("<a>; rel=first; rel=next"), "none");
    EXPECT_EQ(next_of(""), "none");
}

TEST(link_header, refuses_what_is_none)
{
    for (const char* bad : {"a", "<a", "<a>; rel=\"next", "<a> b", "<a>;rel=next <b>"}) {
        EXPECT_THROW(parse_link_header(bad), etl::error) << bad;
    }
    EXPECT_THROW(next_of("<a>;rel=next, <b>;rel=next"), etl::error);
    EXPECT_EQ(next_of("<a>;rel=next, <a>;rel=next"), "a");
}

TEST(link_header, knows_whether_it_tells_of_pages)
{
    EXPECT_TRUE(links_of({{"Link", "<a>; rel=prev"}}).has_any);
    EXPECT_FALSE(links_of({{"Link", "<a>; rel=preload"}}).has_any);
    EXPECT_FALSE(links_of({}).has_any);
    EXPECT_EQ(links_of({{"Link", "<a>; rel=prev"}, {"Link", "<b>; rel=next"}}).next, "b");
}

} // namespace
