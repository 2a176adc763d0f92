#include "extract/pagination.hpp"

#include "core/text.hpp"
#include "extract/http_error.hpp"
#include "extract/http_url.hpp"
#include "extract/page_choice.hpp"
#include "extract/page_url.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr int most_empty_pages = 10; // one after the other, that all promise more
constexpr char not_the_total[] = "If that is no total of these records, say so: paginate => '{…, \"total\": false}'.";

[[noreturn]] void refuse(const std::string& why, std::string detail = {}, std::string hint = {})
{
    throw error(http_sqlstate::protocol_violation, why, std::move(detail), std::move(hint));
}

std::size_t hash_of(const page_contents& contents)
{
    const auto& records = contents.records;
    const char* from = records.front().data();
    const char* end = records.back().data() + records.back().size();
    return std::hash<std::string_view>{}({from, static_cast<std::size_t>(end - from)});
}

std::optional<std::int64_t> whole_number(const std::optional<std::string>& text)
{
    std::int64_t number = 0;
    const bool fits =
        text && !text->empty() && text->size() <= 18 &&
        std::from_chars(text->data(), text->data() + text->size(), number).ptr == text->data() + text->size();
    return fits ? std::optional{number} : std::nullopt;
}

http_url follow(const http_url& from, const std::string& link)
{
    try {
        return from.resolve(link);
    } catch (const error& e) {
        refuse(std::string{"its link to the next page cannot be followed: "} + e.what());
    }
}

// A server behind a proxy that ends TLS often writes http:// into its links. What is followed is the path, on the origin
// that is asked anyway.
bool is_same_server(const http_url& from, const http_url& link)
{
    const bool same_port = link.port() == from.port() || (link.port() == 80 && from.port() == 443);
    return link.origin() == from.origin() ||
           (from.is_tls() && !link.is_tls() && link.host() == from.host() && same_port);
}

std::string counted(std::int64_t number)
{
    return std::to_string(number);
}

} // namespace

// What speaks for another page and what against it. Silence on one side decides; both at once is an error.
class pagination::votes {
  public:
    void more(std::string says) { put(more_, std::move(says)); }
    void end(std::string says) { put(end_, std::move(says)); }
    // Where none speaks, it is `otherwise`.
    bool is_more(bool otherwise) const
    {
        if (!more_.empty() && !end_.empty()) {
            refuse("it contradicts itself: " + more_ + ", but " + end_, {},
                   "If one of them is known to be wrong, say which to ignore, for example paginate => "
                   "'{…, \"has_more\": false}' or '{…, \"total\": false}'.");
        }
        return !more_.empty() || (end_.empty() && otherwise);
    }

  private:
    static void put(std::string& to, std::string says)
    {
        if (to.empty()) {
            to = std::move(says);
        }
    }
    std::string more_;
    std::string end_;
};

struct pagination::progress {
    const page_position& at;
    const page_answer& answer;
    const std::string& url;
    std::int64_t count;               // records of the page
    std::optional<std::int64_t> seen; // and all before it
};

page_decision pagination::after(const page_position& at, const page_answer& answer, const std::string& url)
{
    const auto count = static_cast<std::int64_t>(answer.contents.records.size());
    progress page{at, answer, url, count, at.records};
    if (!page.seen && at.is_first()) {
        page.seen = 0;
    } else if (!page.seen && at.offset) {
        page.seen = *at.offset - options_.start.value_or(0);
    }
    if (page.seen) {
        *page.seen += count;
    }
    if (at.total && !lowest_total_) {
        lowest_total_ = greatest_total_ = *at.total;
        total_at_ = "of the pages before";
    }
    check_repeated(page);
    if (options_.kind == page_kind::automatic) {
        options_ = choose_pagination(options_, answer);
    }
    page_size_ = page_size_ == 0 ? count : page_size_;
    watch_total(page);
    page_decision made = options_.kind == page_kind::none ? page_decision{}
                         : is_by_number()                 ? by_number(page)
                                                          : by_token(page);
    if (made.what == page_decision::is::end) {
        check_end(page);
    }
    return made;
}

void pagination::check_repeated(const progress& page)
{
    if (page.count > 0 && !pages_.insert(hash_of(page.answer.contents)).second && !options_.allows_repeats) {
        refuse("it has the same records as a page before it",
               "The server does not follow the request for another page, or goes in circles.",
               is_by_number() ? "Look at what it takes, and say so, for example paginate => '{\"type\": \"offset\", "
                                "\"param\": \"skip\"}'; or say that one page is all: '{\"type\": \"none\"}'."
                              : "If pages may be equal, say so: paginate => '{…, \"allow_repeats\": true}'.");
    }
}

// ---- Totals.

void pagination::watch_total(const progress& page)
{
    const auto told = told_total(options_.total, page.answer);
    if (!told) {
        if (options_.total.at && !lowest_total_) {
            refuse("it has no total at " + options_.total.at->shown());
        }
        return;
    }
    if (lowest_total_ && is_by_number() && told->value < *lowest_total_) {
        refuse(
            "its total (" + told->at + ") is " + counted(told->value) + ", after " + counted(*lowest_total_),
            "Records were deleted while pages were read. Those behind them have moved up, and some may stand on pages "
            "that were already read.",
            "Read again, or by a cursor where the server has one.");
    }
    lowest_total_ = lowest_total_ ? std::min(*lowest_total_, told->value) : told->value;
    greatest_total_ = std::max(greatest_total_, told->value);
    total_at_ = told->at;
    if (page.seen && *page.seen > greatest_total_) {
        refuse("its total (" + told->at + ") is " + counted(greatest_total_) + ", but " + counted(*page.seen) +
                   " records have come",
               {}, not_the_total);
    }
}

void pagination::vote_by_total(const progress& page, votes& say) const
{
    if (!lowest_total_ || !page.seen) {
        return;
    }
    const std::string says = "the total (" + total_at_ + ") is " + counted(greatest_total_) + " and " +
                             counted(*page.seen) + " records have come";
    if (*page.seen < *lowest_total_) {
        say.more(says);
    } else if (*page.seen == greatest_total_) {
        say.end(says);
    }
}

void pagination::check_end(const progress& page) const
{
    if (lowest_total_ && page.seen && (*page.seen < *lowest_total_ || *page.seen > greatest_total_)) {
        refuse("it is the last one and the total (" + total_at_ + ") is " + counted(greatest_total_) + ", but " +
                   counted(*page.seen) + " records have come",
               {}, not_the_total);
    }
}

// ---- Pages that are asked for by their number or offset.

void pagination::vote_by_flag(const progress& page, votes& say)
{
    const auto flag = told_has_more(options_.has_more, page.answer);
    if (!flag) {
        if (options_.must_tell_more || options_.has_more.at || had_flag_) {
            refuse("it does not say whether there is more" +
                   (options_.has_more.at ? ", at " + options_.has_more.at->shown()
                                         : std::string{had_flag_ ? ", as pages before it did" : ""}));
        }
        return;
    }
    had_flag_ = true;
    if (flag->value) {
        say.more(flag->at + " is true");
    } else {
        say.end(flag->at + " is false");
    }
}

void pagination::vote_by_pages(const progress& page, votes& say)
{
    const auto pages = told_pages(options_.pages, page.answer);
    if (!pages) {
        if (options_.pages.at || had_pages_) {
            refuse("it does not tell the number of pages" + (options_.pages.at
                                                                 ? ", at " + options_.pages.at->shown()
                                                                 : std::string{", as pages before it did"}));
        }
        return;
    }
    had_pages_ = true;
    page_count_ = pages->value;
    auto number = known_number(page);
    if (!number) {
        const auto told = told_current(options_.current, page.answer);
        number = told ? told->value : base_.value_or(1);
    }
    const std::int64_t index = *number - (page.at.is_first() ? *number : base_.value_or(1)) + 1;
    const std::string says = pages->at + " is " + counted(pages->value) + " and this is number " + counted(index);
    if (index < pages->value) {
        say.more(says);
    } else {
        say.end(says);
    }
}

// The number that the page was asked for by.
std::optional<std::int64_t> pagination::known_number(const progress& page) const
{
    if (page.at.page) {
        return page.at.page;
    }
    return base_ ? base_ : whole_number(param_of(first_.url, options_.param));
}

std::optional<std::int64_t> pagination::read_next_number(const progress& page, votes& say)
{
    if (!options_.at) {
        return std::nullopt;
    }
    const auto value = value_at(*options_.at, page.answer);
    if (!value) {
        refuse("it does not tell the next page at " + options_.at->shown());
    }
    const next_word word = read_next_word(*value, options_.at->shown());
    if (word.what == next_word::is::nothing) {
        say.end(options_.at->shown() + " says that there is no next page");
        return std::nullopt;
    }
    if (word.what != next_word::is::number) {
        refuse("it has no number of a page at " + options_.at->shown());
    }
    say.more(options_.at->shown() + " is " + counted(word.number));
    return word.number;
}

void pagination::check_current(const progress& page) const
{
    const auto number = known_number(page);
    const auto current = told_current(options_.current, page.answer);
    if (number && current && current->value != *number) {
        refuse("it is page " + counted(current->value) + " by its " + current->at + ", and page " + counted(*number) +
                   " was asked for",
               {}, "If that is not the number of the page, say so: paginate => '{…, \"current\": false}'.");
    }
}

page_decision pagination::by_number(const progress& page)
{
    votes say;
    if (options_.kind == page_kind::page) {
        check_current(page);
    }
    const auto told = read_next_number(page, say);
    if (options_.end != page_end::empty) {
        vote_by_flag(page, say);
        if (options_.kind == page_kind::page) {
            vote_by_pages(page, say);
        }
        vote_by_total(page, say);
    }
    if (page.count == 0) {
        say.end("it is empty");
    } else if (options_.end == page_end::short_page && page.count < *options_.size) {
        say.end("it has " + counted(page.count) + " records, less than a full page");
    }
    if (!say.is_more(true)) {
        return {};
    }
    if (options_.kind == page_kind::page) {
        return next_number(page, told);
    }
    page_position next = after_records(page);
    next.offset = page.at.offset.value_or(base_.value_or(0)) + page.count;
    return {page_decision::is::next, next};
}

page_decision pagination::next_number(const progress& page, std::optional<std::int64_t> told)
{
    auto number = known_number(page);
    const auto current = told_current(options_.current, page.answer);
    if (number && told && *told != *number + 1) {
        refuse("it is page " + counted(*number) + ", and its " + options_.at->shown() + " tells page " +
                   counted(*told) + " as the next one",
               {},
               "If that is no number of a page, use it as a cursor: paginate => '{\"type\": \"cursor\", \"at\": \"" +
                   options_.at->shown() + "\", \"param\": …}'.");
    }
    if (!number && told) {
        number = *told - 1;
    } else if (!number && current) {
        number = current->value;
    }
    page_position next = after_records(page);
    if (!number) {
        next.page = 1;
        probed_ = hash_of(page.answer.contents);
        after_probed_ = next;
        after_probed_.page = 2;
        return {page_decision::is::probe, next};
    }
    base_ = base_ || !page.at.is_first() ? base_ : number;
    next.page = *number + 1;
    return {page_decision::is::next, next};
}

page_decision pagination::after_missing(const page_position& at) const
{
    const page_contents nothing;
    check_end({at, {nothing, {}}, first_.url, 0, at.records});
    return {};
}

page_decision pagination::after_probe(const page_answer& answer)
{
    if (answer.contents.records.empty() || hash_of(answer.contents) != probed_) {
        refuse(
            "nothing says what number it has: page 1 is another one",
            "The first page was asked for without a number. Where pages count from 0 it is page 0, and page 1 would be "
            "next; that cannot be told from a list that has changed.",
            "Say it: paginate => '{\"type\": \"page\", \"start\": 0}'.");
    }
    base_ = 1;
    return {page_decision::is::next, after_probed_};
}

page_position pagination::after_records(const progress& page) const
{
    page_position next;
    next.records = page.seen;
    next.total = page.seen ? lowest_total_ : std::nullopt;
    return next;
}

// ---- Pages that are told one by the other.

page_position pagination::position_of(const json& token, const progress& page) const
{
    page_position next = after_records(page);
    if (options_.kind == page_kind::cursor) {
        next.cursor = token;
        return next;
    }
    const http_url from{page.url};
    const http_url link = follow(from, token.get<std::string>());
    if (!is_same_server(from, link)) {
        throw error(http_sqlstate::insufficient_privilege,
                    "its link to the next page leads to another origin, " + link.origin(),
                    "It came from " + from.origin() + ".",
                    "If the server has page numbers, offsets or cursors as well, ask by those, for example paginate => "
                    "'{\"type\": \"page\"}'.");
    }
    next.url = path_of(hidden_.empty() ? link.text() : without_param(link.text(), hidden_));
    return next;
}

json pagination::read_token(const progress& page, votes& say)
{
    if (options_.kind == page_kind::link) {
        const auto links = links_of(page.answer.headers);
        if (links.next) {
            say.more("its Link header has a next page");
            return *links.next;
        }
        if (!links.has_any && !links.has_self && options_.end != page_end::missing && !page.at.is_first()) {
            refuse("it has no Link header of pages, which the page before it had", {},
                   "If that is how the last page looks, say so: paginate => '{\"type\": \"link\", \"end\": "
                   "\"missing\"}'.");
        }
        say.end("its Link header has no next page");
        return nullptr;
    }
    const auto value = value_at(*options_.at, page.answer);
    const std::string place = options_.at->shown();
    if (!value && options_.end != page_end::missing &&
        !(options_.at->in == told_at::where::last_record && page.count == 0)) {
        refuse("it does not tell the next page at " + place, {},
               "If that is how the last page looks, say so: paginate => '{…, \"end\": \"missing\"}'.");
    }
    json token = value ? cursor_or_link(*value, place) : json{};
    if (token.is_null()) {
        say.end(place + " tells no next page");
    } else if (options_.at->in != told_at::where::last_record) {
        say.more(place + " tells a next page");
    }
    return token;
}

// What a place tells, as it is sent: in a body, a cursor that is a number, an array or an object stays one. null says
// that nothing follows.
json pagination::cursor_or_link(const json& value, const std::string& place) const
{
    const bool in_body = options_.kind == page_kind::cursor && options_.in_body;
    if (in_body && (value.is_number_integer() || (value.is_structured() && !value.empty()))) {
        return value;
    }
    const next_word word = read_next_word(value, place);
    return word.what == next_word::is::nothing ? json{} : json(word.text);
}

page_decision pagination::by_token(const progress& page)
{
    votes say;
    votes flag;
    const json token = read_token(page, say);
    const bool by_record = options_.at && options_.at->in == told_at::where::last_record;
    if (options_.end != page_end::empty) {
        vote_by_flag(page, options_.has_more.at || by_record ? flag : say);
    }
    if (by_record && options_.end != page_end::empty && !had_flag_) {
        refuse("it does not say whether there is more", {},
               "Say where it does: paginate => '{…, \"has_more\": \"/…\"}', or that an empty page ends them: \"end\": "
               "\"empty\".");
    }
    // A flag that the user has named decides alone; there may be a token although it says no.
    bool more = flag.is_more(true);
    if (more && had_flag_ && (options_.has_more.at || by_record) && token.is_null()) {
        refuse("it says that there is more, but tells no next page at " + options_.at->shown());
    }
    if (more && page.count == 0 && options_.end == page_end::empty) {
        more = false;
    } else if (more) {
        more = say.is_more(!token.is_null());
    }
    if (!more) {
        return {};
    }
    empty_pages_ = page.count == 0 ? empty_pages_ + 1 : 0;
    if (empty_pages_ > most_empty_pages) {
        refuse("it is the " + counted(empty_pages_) + "th empty page one after the other, and promises more");
    }
    page_position next = position_of(token, page);
    const auto followed = [](const page_position& at) { return at.cursor ? at.cursor->dump() : at.url.value_or(""); };
    tokens_.insert(followed(page.at));
    if (tokens_.contains(followed(next))) {
        refuse("it tells a page as the next one that was read before");
    }
    return {page_decision::is::next, std::move(next)};
}

std::string pagination::chosen() const
{
    return told_in_words(options_);
}

} // namespace etl
