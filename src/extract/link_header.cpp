#include "extract/link_header.hpp"

#include "extract/http_error.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

char lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_blank(char c) noexcept
{
    return c == ' ' || c == '\t';
}

// RFC 9110, section 5.6.2.
bool is_token(char c) noexcept
{
    const char small = lower(c);
    return (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}

class link_reader {
  public:
    explicit link_reader(std::string_view text) : text_{text} {}

    std::vector<web_link> links()
    {
        std::vector<web_link> made;
        for (skip(true); at_ < text_.size(); skip(true)) {
            made.push_back(link());
            skip(false);
            if (at_ < text_.size() && text_[at_] != ',') {
                fail("has no comma");
            }
        }
        return made;
    }

  private:
    [[noreturn]] void fail(const char* what) const
    {
        throw error(http_sqlstate::protocol_violation, std::string{what} + " at byte " + std::to_string(at_ + 1));
    }

    // Passes over blanks; elements of a list may be empty.
    void skip(bool commas)
    {
        while (at_ < text_.size() && (is_blank(text_[at_]) || (commas && text_[at_] == ','))) {
            ++at_;
        }
    }

    bool take(char c)
    {
        skip(false);
        const bool there = at_ < text_.size() && text_[at_] == c;
        at_ += there ? 1 : 0;
        return there;
    }

    web_link link()
    {
        if (!take('<')) {
            fail("has no target");
        }
        const std::size_t end = text_.find('>', at_);
        if (end == std::string_view::npos) {
            fail("has a target without an end");
        }
        std::string_view target = text_.substr(at_, end - at_);
        while (!target.empty() && is_blank(target.front())) {
            target.remove_prefix(1);
        }
        while (!target.empty() && is_blank(target.back())) {
            target.remove_suffix(1);
        }
        at_ = end + 1;
        web_link made{std::string{target}, {}, false};
        bool has_rel = false;
        while (take(';')) {
            parameter(made, has_rel);
        }
        return made;
    }

    void parameter(web_link& to, bool& has_rel)
    {
        const std::string name = word();
        const std::string value = take('=') ? content() : std::string{};
        if (name == "rel" && !has_rel) {
            has_rel = true;
            add_rels(to, value);
        } else if (name == "anchor") {
            to.has_other_context = !value.empty();
        }
    }

    // Small letters: names of parameters and relation types know no case.
    std::string word()
    {
        skip(false);
        std::string made;
        for (; at_ < text_.size() && is_token(text_[at_]); ++at_) {
            made += lower(text_[at_]);
        }
        return made;
    }

    std::string content()
    {
        if (!take('"')) {
            return bare();
        }
        std::string made;
        for (; at_ < text_.size() && text_[at_] != '"'; ++at_) {
            at_ += text_[at_] == '\\' && at_ + 1 < text_.size() ? 1 : 0;
            made += text_[at_];
        }
        if (at_ == text_.size()) {
            fail("has a quote without an end");
        }
        ++at_;
        return made;
    }

    // Many write a URL without quotes.
    std::string bare()
    {
        const std::size_t end = std::min(text_.find_first_of(" \t;,\"", at_), text_.size());
        std::string made{text_.substr(at_, end - at_)};
        at_ = end;
        return made;
    }

    static void add_rels(web_link& to, std::string_view list)
    {
        std::string rel;
        for (const char c : list) {
            if (!is_blank(c)) {
                rel += lower(c);
            } else if (!rel.empty()) {
                to.rels.push_back(std::move(rel));
                rel.clear();
            }
        }
        if (!rel.empty()) {
            to.rels.push_back(std::move(rel));
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

} // namespace

std::vector<web_link> parse_link_header(std::string_view value)
{
    return link_reader{value}.links();
}

} // namespace etl
