#include "extract/redaction.hpp"

#include "core/json.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "core/cpp_only.hpp"

namespace etl {

namespace {

template <class Keep>
std::string percent_encoded(std::string_view text, const char* digits, Keep keep)
{
    std::string made;
    for (const char each : text) {
        const auto c = static_cast<unsigned char>(each);
        if (keep(c)) {
            made += each;
        } else {
            made += {'%', digits[c >> 4U], digits[c & 15U]};
        }
    }
    return made;
}

bool is_unreserved(unsigned char c) noexcept
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

// As PHP writes JSON.
std::string with_escaped_slashes(std::string_view text)
{
    std::string made;
    for (const char each : text) {
        made += each == '/' ? "\\/" : std::string{each};
    }
    return made;
}

std::string html_escaped(std::string_view text)
{
    std::string made;
    for (const char each : text) {
        switch (each) {
        case '&':
            made += "&amp;";
            break;
        case '<':
            made += "&lt;";
            break;
        case '>':
            made += "&gt;";
            break;
        case '"':
            made += "&quot;";
            break;
        case '\'':
            made += "&#39;";
            break;
        default:
            made += each;
        }
    }
    return made;
}

std::string json_escaped(std::string_view text, bool ascii)
{
    const std::string quoted = json(std::string{text}).dump(-1, ' ', ascii, json::error_handler_t::replace);
    return quoted.substr(1, quoted.size() - 2);
}

// As messages show bytes that are no ASCII.
std::string with_question_marks(std::string_view text)
{
    std::string made{text};
    std::replace_if(
        made.begin(), made.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x7F; }, '?');
    return made;
}

// As forms have it.
std::string with_plus_signs(std::string text)
{
    for (std::size_t at = 0; (at = text.find("%20", at)) != std::string::npos;) {
        text.replace(at, 3, "+");
    }
    return text;
}

constexpr std::string_view mask = "***";
constexpr std::string_view cuts[] = {"…", "..."};
constexpr std::size_t shortest_at_end = 4;

// Whether a text is cut there, by a mark that says so.
bool is_cut_at(std::string_view text, std::size_t at)
{
    return std::any_of(std::begin(cuts), std::end(cuts),
                       [&](std::string_view mark) { return text.substr(at, mark.size()) == mark; });
}

} // namespace

redaction::redaction(const std::vector<std::string>& secrets)
{
    for (const std::string& each : secrets) {
        add(each);
    }
}

void redaction::add(std::string_view secret)
{
    if (secret.empty()) {
        return;
    }
    put(std::string{secret});
    for (const char* digits : {"0123456789ABCDEF", "0123456789abcdef"}) {
        put(percent_encoded(secret, digits, is_unreserved));
        put(with_plus_signs(percent_encoded(secret, digits, is_unreserved)));
        put(percent_encoded(secret, digits, [](unsigned char c) { return c > ' ' && c < 0x7F && c != '%'; }));
    }
    put(json_escaped(secret, false));
    put(json_escaped(secret, true));
    put(with_escaped_slashes(json_escaped(secret, true)));
    put(json_escaped(json_escaped(secret, false), false));
    put(json_escaped(json_escaped(secret, true), true));
    put(with_question_marks(secret));
    put(with_question_marks(json_escaped(secret, false)));
    put(html_escaped(secret));
    put(base64(secret));
    std::sort(forms_.begin(), forms_.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

void redaction::put(std::string form)
{
    if (std::find(forms_.begin(), forms_.end(), form) == forms_.end()) {
        forms_.push_back(std::move(form));
    }
}

std::string redaction::apply(std::string_view text) const
{
    std::string made;
    for (std::size_t at = 0; at < text.size();) {
        const auto found = std::find_if(forms_.begin(), forms_.end(),
                                        [&](const std::string& form) { return text.substr(at, form.size()) == form; });
        if (found != forms_.end()) {
            made += mask;
            at += found->size();
            continue;
        }
        if (is_cut_at(text, at)) {
            hide_beginning(made, 1);
        }
        made += text[at++];
    }
    hide_beginning(made, shortest_at_end);
    return made;
}

// The beginning of a secret at the end of a text that was cut within it.
void redaction::hide_beginning(std::string& text, std::size_t shortest) const
{
    std::size_t most = 0;
    for (const std::string& form : forms_) {
        for (std::size_t size = std::min(form.size() - 1, text.size()); size > most; --size) {
            if (std::string_view{text}.ends_with(std::string_view{form}.substr(0, size))) {
                most = size;
            }
        }
    }
    if (most >= shortest) {
        text.replace(text.size() - most, most, mask);
    }
}

std::string base64(std::string_view bytes)
{
    constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string made;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::string_view group = bytes.substr(at, 3);
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            bits = bits << 8U | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
        }
        for (std::size_t i = 0; i < 4; ++i) {
            made += i <= group.size() ? digits[bits >> (18 - 6 * i) & 63U] : '=';
        }
    }
    return made;
}

} // namespace etl
