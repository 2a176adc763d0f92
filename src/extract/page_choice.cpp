#include "extract/page_choice.hpp"

#include "core/text.hpp"
#include "extract/http_error.hpp"

#include <algorithm>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::size_t longest_name = 60;
constexpr int deepest_clue = 4;

struct found_word {
    told_at at;
    usual_next::kind place;
    next_word word;
};

told_at in_body(const std::string& pointer)
{
    return {told_at::where::body, json_path::parse(pointer, "place"), {}};
}

// What a plain "next" may hold beside links.
bool is_something_else(const json& value)
{
    return (value.is_object() && !value.contains("href")) || value.is_array() || value == true;
}

std::optional<found_word> word_at(const usual_next& place, const page_answer& answer)
{
    const told_at at = in_body(place.pointer);
    const auto value = value_at(at, answer);
    if (!value || (place.is == usual_next::kind::link && is_something_else(*value))) {
        return std::nullopt;
    }
    found_word made{at, place.is, read_next_word(*value, place.pointer)};
    if (made.word.what == next_word::is::nothing) {
        return made;
    }
    if (place.is == usual_next::kind::token) {
        made.word.what = next_word::is::token;
    } else if (place.is == usual_next::kind::link && made.word.what == next_word::is::token) {
        made.word.what = next_word::is::link;
    }
    return made;
}

[[noreturn]] void refuse_contradiction(const std::string& more, const std::string& end)
{
    throw error(http_sqlstate::protocol_violation,
                "its " + more + " tells the next page, its " + end + " says that there is none");
}

// The first word that tells a page, or else the first that says that there is none.
std::optional<found_word> find_word(const page_answer& answer)
{
    std::optional<found_word> more;
    std::optional<found_word> end;
    for (const auto& place : usual_places_of_next()) {
        if (auto found = word_at(place, answer)) {
            auto& to = found->word.what == next_word::is::nothing ? end : more;
            if (!to) {
                to = std::move(found);
            }
        }
    }
    if (more && end) {
        refuse_contradiction(more->at.shown(), end->at.shown());
    }
    return more ? more : end;
}

page_kind kind_of(const found_word& found)
{
    switch (found.word.what) {
    case next_word::is::number:
        return page_kind::page;
    case next_word::is::link:
        return page_kind::next;
    case next_word::is::token:
        return page_kind::cursor;
    case next_word::is::nothing:
        break;
    }
    return found.place == usual_next::kind::page
               ? page_kind::page
               : (found.place == usual_next::kind::link ? page_kind::next : page_kind::cursor);
}

void pin(signal_option& option, const std::string& at)
{
    if (!option.at && at.starts_with('/')) {
        option.at = in_body(at);
    }
}

paginate_options of_kind(const paginate_options& given, page_kind kind)
{
    paginate_options made = given;
    made.kind = kind;
    if (made.param.empty()) {
        made.param = kind == page_kind::offset ? "offset" : (kind == page_kind::cursor ? "cursor" : "page");
    }
    return made;
}

// A page that tells its number and its offset is asked for by number.
bool tells_offset(const paginate_options& given, const page_answer& answer)
{
    return told_offset(answer) && told_limit(answer) && !told_current(given.current, answer);
}

paginate_options by_flag(const paginate_options& given, const page_answer& answer, const told_flag& flag)
{
    auto made = of_kind(given, tells_offset(given, answer) ? page_kind::offset : page_kind::page);
    pin(made.has_more, flag.at);
    made.must_tell_more = true;
    return made;
}

bool is_bare(const page_contents& contents)
{
    return contents.records_at.empty();
}

// Something beside the records whose name speaks of a next page.
struct clue {
    std::string at; // as paginate takes it
    std::string param;
    bool is_link;
};

// What the server names so is put into a statement that the user may copy.
bool can_be_shown(std::string_view name)
{
    return name.size() <= longest_name && std::all_of(name.begin(), name.end(), [](unsigned char c) {
               return c >= 0x20 && c < 0x7F && c != '\'' && c != '"' && c != '\\';
           });
}

bool speaks_of_next(std::string_view name)
{
    constexpr std::string_view words[] = {"next", "cursor", "continu", "token", "after", "bookmark", "marker"};
    std::string small{name};
    std::transform(small.begin(), small.end(), small.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return std::any_of(std::begin(words), std::end(words),
                       [&small](auto each) { return small.find(each) != std::string::npos; });
}

void add_clues(const json& value, const std::string& pointer, bool is_named, int depth, std::vector<clue>& found)
{
    if (value.is_object() && depth < deepest_clue) {
        for (const auto& [key, each] : value.items()) {
            if (can_be_shown(key)) {
                add_clues(each, below(pointer, key), is_named || speaks_of_next(key), depth + 1, found);
            }
        }
    } else if (is_named && value.is_string() && !value.get_ref<const std::string&>().empty()) {
        const bool is_link = read_next_word(value, pointer).what == next_word::is::link;
        found.push_back({pointer, pointer.substr(pointer.rfind('/') + 1), is_link});
    }
}

// Links first: what they ask for is whole.
std::vector<clue> clues_of(const page_answer& answer)
{
    std::vector<clue> found;
    add_clues(answer.contents.envelope, "", false, 0, found);
    for (const auto& header : answer.headers) {
        if (can_be_shown(header.name) && speaks_of_next(header.name) && !header.value.empty()) {
            found.push_back({"header:" + header.name, header.name, false});
        }
    }
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.is_link && !b.is_link; });
    return found;
}

std::string hint_by(const clue& from)
{
    const std::string kind = from.is_link ? "next" : "cursor";
    const std::string param = from.is_link ? "" : "\"param\": " + json(from.param).dump() + ", ";
    return "It has " + in_quotes(from.at) +
           ". If that tells the next page, and the last page has none, say so: "
           "paginate => '{\"type\": \"" +
           kind + "\", \"at\": " + json(from.at).dump() + ", " + param + "\"end\": \"missing\"}'" +
           (from.is_link ? "." : ", where \"param\" is the parameter that asks for it.");
}

[[noreturn]] void refuse_silence(const page_answer& answer)
{
    const auto clues = clues_of(answer);
    throw error(
        http_sqlstate::protocol_violation, "it does not say whether another page follows",
        "None of the signals is there that paginate of type \"auto\" knows, and a page that says nothing is not "
        "taken for the last one.",
        clues.empty() ? "Say how the pages follow each other, for example paginate => '{\"type\": \"page\"}', or that "
                        "this one is all: paginate => '{\"type\": \"none\"}'."
                      : hint_by(clues.front()));
}

} // namespace

paginate_options choose_pagination(const paginate_options& given, const page_answer& answer)
{
    const auto word = find_word(answer);
    const auto links = links_of(answer.headers);
    if (word && word->word.what == next_word::is::nothing && links.next) {
        refuse_contradiction("Link header", word->at.shown());
    }
    if (word) {
        auto made = of_kind(given, kind_of(*word));
        made.at = word->at;
        return made;
    }
    if (links.has_any) {
        return of_kind(given, page_kind::link);
    }
    if (const auto flag = told_has_more(given.has_more, answer)) {
        return by_flag(given, answer, *flag);
    }
    const auto pages = told_pages(given.pages, answer);
    if (pages) {
        auto made = of_kind(given, page_kind::page);
        pin(made.pages, pages->at);
        return made;
    }
    const auto total = told_total(given.total, answer);
    if (total && tells_offset(given, answer)) {
        auto made = of_kind(given, page_kind::offset);
        pin(made.total, total->at);
        return made;
    }
    if (is_bare(answer.contents)) {
        return of_kind(given, page_kind::page);
    }
    if (total && total->value == static_cast<std::int64_t>(answer.contents.records.size())) {
        return of_kind(given, page_kind::none);
    }
    refuse_silence(answer);
}

std::string told_in_words(const paginate_options& options)
{
    const std::string param = in_quotes(options.param);
    const std::string at = options.at ? options.at->shown() : std::string{};
    switch (options.kind) {
    case page_kind::automatic:
        return "not chosen yet";
    case page_kind::none:
        return "one page";
    case page_kind::page:
    case page_kind::offset: {
        std::string made = options.kind == page_kind::page ? "page numbers in " : "offsets in ";
        made += param;
        if (options.at) {
            return made + ", told at " + at;
        }
        if (options.must_tell_more) {
            return made + (options.has_more.at ? ", as long as " + options.has_more.at->shown() + " is true"
                                               : ", as long as has_more is true");
        }
        if (options.pages.at || options.total.at) {
            return made + ", up to " + (options.pages.at ? options.pages.at->shown() : options.total.at->shown());
        }
        return made + ", up to an empty page or another sign of the end";
    }
    case page_kind::cursor:
        return "cursors in " + param + ", told at " + at;
    case page_kind::next:
        return "links, told at " + at;
    case page_kind::link:
        return "links, told in Link headers";
    }
    return {};
}

} // namespace etl
