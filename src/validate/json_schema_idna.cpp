// The rules are regular expressions over a label. Normal forms are not looked at: a name in any of them is one.
#include "validate/json_schema_idna.hpp"

#include "validate/json_schema_idna_tables.hpp"
#include "validate/json_schema_punycode.hpp"
#include "validate/json_schema_value.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::validate::schema {
namespace {

using namespace idna;

constexpr std::size_t longest_label = 63; // in ASCII, as everywhere in the internet
constexpr std::size_t longest_name = 253;
constexpr std::string_view punycode_prefix = "xn--";

std::string pattern(std::initializer_list<std::string_view> parts)
{
    std::string made;
    for (const std::string_view each : parts) {
        made += each;
    }
    return made;
}

struct label_patterns {
    // RFC 5891, section 4.2.3: what labels consist of and how they begin and end.
    RE2 letters{pattern({R"(^[\p{Ll}\p{Lo}\p{Lm}\p{Mn}\p{Mc}\p{Nd})", exceptions, "]+$"})};
    RE2 convertible{pattern({R"(^[\p{L}\p{N}\p{Mn}\p{Mc})", exceptions, "]+$"})};
    RE2 wrong_letters{pattern({"[", disallowed, "]"})};
    RE2 other_forms{pattern({"[", compatible, "]"})};
    RE2 wrong_ends{R"(^\p{M}|^-|-$|^..--)"};
    // RFC 5892, appendices A.3 to A.9: characters without the neighbours that they need.
    RE2 lonely{R"((?:^|[^l])\x{b7}|\x{b7}(?:[^l]|$)|\x{375}(?:[^\p{Greek}]|$)|(?:^|[^\p{Hebrew}])[\x{5f3}\x{5f4}])"};
    RE2 middle_dot{R"(\x{30fb})"};
    RE2 has_japanese{R"([\p{Hiragana}\p{Katakana}\p{Han}])"};
    RE2 mixed_digits{R"([\x{660}-\x{669}].*[\x{6f0}-\x{6f9}]|[\x{6f0}-\x{6f9}].*[\x{660}-\x{669}])"};
    // Appendices A.1 and A.2: what stands on both sides of an invisible joiner.
    RE2 virama_before{pattern({"[", viramas, "]$"})};
    RE2 joining_before{pattern({"[", joins_next, "][", joins_through, "]*$"})};
    RE2 joining_after{pattern({"^[", joins_through, "]*[", joins_previous, "]"})};
    // RFC 5893, section 2: the directions of writing.
    RE2 right_to_left_part{pattern({"[", right_to_left, arabic_digits, "]"})};
    RE2 right_to_left_label{
        pattern({"^[", right_to_left, "](?:[", right_to_left, arabic_digits, european_digits,
                 R"(\-\x{200c}\x{200d}\p{Mn}]*[)", right_to_left, arabic_digits, european_digits, R"(])?\p{Mn}*$)"})};
    RE2 both_digits{
        pattern({"[", arabic_digits, "].*[", european_digits, "]|[", european_digits, "].*[", arabic_digits, "]"})};
    RE2 left_to_right_label{pattern(
        {"^[^", right_to_left, arabic_digits, european_digits, R"(\-][^)", right_to_left, arabic_digits, "]*$"})};
};

const label_patterns& patterns()
{
    static const label_patterns made;
    return made;
}

bool has(std::string_view text, const RE2& what)
{
    return RE2::PartialMatch(re2::StringPiece{text.data(), text.size()}, what);
}

bool is_ascii(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// The zero-width non-joiner and joiner stand behind a virama; the former also between letters that would join.
bool has_lonely_joiner(std::string_view label)
{
    constexpr std::string_view joiner = "\u200d";
    constexpr std::string_view non_joiner = "\u200c";
    for (std::size_t at = 0; at < label.size(); ++at) {
        const std::string_view rest = label.substr(at);
        if (!rest.starts_with(joiner) && !rest.starts_with(non_joiner)) {
            continue;
        }
        const std::string_view before = label.substr(0, at);
        const bool joins = rest.starts_with(non_joiner) && has(before, patterns().joining_before) &&
                           has(rest.substr(non_joiner.size()), patterns().joining_after);
        if (!joins && !has(before, patterns().virama_before)) {
            return true;
        }
    }
    return false;
}

// `exact`: without characters that only stand for others.
bool is_unicode_label(std::string_view label, bool exact)
{
    const label_patterns& by = patterns();
    return has(label, exact ? by.letters : by.convertible) && !has(label, by.wrong_letters) &&
           !(exact && has(label, by.other_forms)) && !has(label, by.wrong_ends) && !has(label, by.lonely) &&
           (!has(label, by.middle_dot) || has(label, by.has_japanese)) && !has(label, by.mixed_digits) &&
           !has_lonely_joiner(label);
}

// Of a label in Punycode: what it stands for, where it is written as that is to be written.
std::optional<std::string> decoded(std::string_view label)
{
    label.remove_prefix(punycode_prefix.size());
    auto made = decode_punycode(label);
    const bool good = made && !is_ascii(*made) && encode_punycode(*made) == label && is_unicode_label(*made, true);
    return good ? made : std::nullopt;
}

// A label as one reads it, and its length in ASCII; nullopt where it is none.
std::optional<std::string> read_label(std::string_view label, std::size_t& length)
{
    length = label.size();
    if (is_ascii(label)) {
        const bool coded = label.starts_with(punycode_prefix);
        const bool reserved = !coded && label.size() > 2 && label.substr(2).starts_with("--");
        if (reserved || !is_plain_label(label)) {
            return std::nullopt;
        }
        return coded ? decoded(label) : std::optional{std::string{label}};
    }
    if (label.size() > 4 * longest_label || !is_unicode_label(label, false)) {
        return std::nullopt;
    }
    length = punycode_prefix.size() + encode_punycode(label).size();
    return length <= longest_label ? std::optional{std::string{label}} : std::nullopt;
}

// Where a name has anything that is written from right to left, each of its labels has one direction.
bool have_directions(const std::vector<std::string>& labels)
{
    const label_patterns& by = patterns();
    const bool concerned = std::any_of(labels.begin(), labels.end(),
                                       [&by](const std::string& each) { return has(each, by.right_to_left_part); });
    return !concerned || std::all_of(labels.begin(), labels.end(), [&by](const std::string& each) {
        return (has(each, by.right_to_left_label) && !has(each, by.both_digits)) || has(each, by.left_to_right_label);
    });
}

bool are_labels(std::string_view name)
{
    std::vector<std::string> labels;
    std::size_t total = 0;
    bool special = false;
    for (bool more = true; more;) {
        const std::size_t dot = name.find('.');
        std::size_t length = 0;
        auto label = read_label(name.substr(0, dot), length);
        total += length + (labels.empty() ? 0 : 1);
        if (!label || total > longest_name) {
            return false;
        }
        special = special || !is_ascii(*label);
        labels.push_back(std::move(*label));
        more = dot != std::string_view::npos;
        name.remove_prefix(more ? dot + 1 : name.size());
    }
    return !special || have_directions(labels);
}

// A name as it is looked up: in small letters and the usual width, without what is not seen.
std::string mapped(std::string_view text)
{
    std::string made;
    while (!text.empty()) {
        std::uint32_t character = take_character(text);
        if (character == 0xad || character == 0x200b || character == 0x2060 || character == 0xfeff ||
            (character >= 0xfe00 && character <= 0xfe0f)) {
            continue;
        }
        if (character > 0xff00 && character < 0xff5f) {
            character -= 0xff00 - 0x20;
        } else if (character == 0x3002 || character == 0xff61) {
            character = '.';
        }
        const bool capital = character >= 'A' && character <= 'Z';
        append_utf8(made, capital ? character - 'A' + 'a' : character);
    }
    return made;
}

} // namespace

bool is_plain_label(std::string_view label)
{
    return !label.empty() && label.size() <= longest_label && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
           });
}

bool is_internet_name(std::string_view text)
{
    return is_ascii(text) && are_labels(mapped(text));
}

bool is_international_name(std::string_view text)
{
    return are_labels(mapped(text));
}

} // namespace etl::validate::schema
