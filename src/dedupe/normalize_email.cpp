#include "dedupe/normalize_email.hpp"

#include "core/punycode.hpp"
#include "core/text.hpp"
#include "dedupe/unicode.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

constexpr std::size_t longest_text = 4096; // with a name before the address
constexpr std::size_t longest_local = 64;  // RFC 5321, section 4.5.3.1
constexpr std::size_t longest_domain = 253;
constexpr std::size_t longest_label = 63;

// Who takes several spellings for one mailbox, by their own help pages. Microsoft, Apple, Proton and Fastmail cut what
// begins with "+"; Google also passes over dots, and has two names.
struct provider {
    std::string_view domain;
    std::string_view known_as;
    bool ignores_dots;
};
constexpr provider providers[] = {
    {"gmail.com", "gmail.com", true},
    {"googlemail.com", "gmail.com", true},
    {"outlook.com", "outlook.com", false},
    {"hotmail.com", "hotmail.com", false},
    {"live.com", "live.com", false},
    {"msn.com", "msn.com", false},
    {"icloud.com", "icloud.com", false},
    {"me.com", "me.com", false},
    {"mac.com", "mac.com", false},
    {"proton.me", "proton.me", false},
    {"protonmail.com", "protonmail.com", false},
    {"pm.me", "pm.me", false},
    {"fastmail.com", "fastmail.com", false},
    {"fastmail.fm", "fastmail.fm", false},
};

std::pmr::string folded_ascii(std::string_view text, std::pmr::memory_resource* memory)
{
    std::pmr::string made{memory};
    made.reserve(text.size());
    for (const char c : text) {
        const bool is_seen = c >= ' ' && c != 0x7f;
        if (is_seen || kind_of(static_cast<char32_t>(c)) == character_kind::separator) {
            made += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        }
    }
    return made;
}

// Small letters, compatible forms as the usual ones, composed; what is not seen is gone.
std::pmr::string folded(std::string_view text, std::pmr::memory_resource* memory)
{
    if (is_ascii(text)) [[likely]] {
        return folded_ascii(text, memory);
    }
    std::pmr::vector<std::int32_t> characters{memory};
    for (std::size_t at = 0; at < text.size();) {
        const decoded next = decode_at(text, at);
        at += next.size;
        const character_kind kind = is_character(next.value) ? kind_of(next.value) : character_kind::letter;
        if (!is_character(next.value)) {
            return std::pmr::string{memory}; // no UTF-8, no address
        }
        if (kind == character_kind::control) {
            continue;
        }
        std::array<std::int32_t, longest_folding> parts; // NOLINT(cppcoreguidelines-pro-type-member-init)
        const std::size_t count = fold(next.value, parts);
        characters.insert(characters.end(), parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(count));
    }
    const std::size_t count = compose(characters);
    std::pmr::string made{memory};
    for (std::size_t i = 0; i < count; ++i) {
        append_character(made, static_cast<char32_t>(characters[i]));
    }
    return made;
}

std::string_view trimmed(std::string_view text)
{
    constexpr std::string_view space = " \t\r\n\f\v";
    const std::size_t from = text.find_first_not_of(space);
    return from == std::string_view::npos ? std::string_view{}
                                          : text.substr(from, text.find_last_not_of(space) - from + 1);
}

// What is between the brackets of "Ada Lovelace <ada@example.com>", and what follows "mailto:".
std::string_view without_wrapping(std::string_view text)
{
    constexpr std::string_view scheme = "mailto:";
    if (text.ends_with('>')) {
        const std::size_t from = text.rfind('<');
        text = from == std::string_view::npos ? text : text.substr(from + 1, text.size() - from - 2);
    }
    text = trimmed(text);
    if (text.starts_with(scheme)) {
        text = text.substr(scheme.size());
        text = text.substr(0, text.find('?'));
    }
    return text;
}

constexpr bool is_atom_character(char c)
{
    constexpr std::string_view others = "!#$%&'*+-/=?^_`{|}~";
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80 ||
           others.find(c) != std::string_view::npos;
}

bool is_dotted_atom(std::string_view local)
{
    return !local.empty() && local.front() != '.' && local.back() != '.' &&
           local.find("..") == std::string_view::npos &&
           std::all_of(local.begin(), local.end(), [](char c) { return c == '.' || is_atom_character(c); });
}

// In quotation marks any character may stand; a backslash goes before a mark or another one.
bool is_quoted(std::string_view local)
{
    if (local.size() < 3 || local.front() != '"' || local.back() != '"') {
        return false;
    }
    const std::string_view inside = local.substr(1, local.size() - 2);
    for (std::size_t i = 0; i < inside.size(); ++i) {
        if (inside[i] == '\\') {
            ++i;
        } else if (inside[i] == '"') {
            return false;
        }
        if (i >= inside.size() || static_cast<unsigned char>(inside[i]) < ' ') {
            return false;
        }
    }
    return true;
}

// Quotation marks that are not needed go.
std::string_view local_part(std::string_view local)
{
    if (is_quoted(local)) {
        const std::string_view inside = local.substr(1, local.size() - 2);
        return is_dotted_atom(inside) ? inside : local;
    }
    return is_dotted_atom(local) ? local : std::string_view{};
}

// Letters, digits and hyphens in the places where host names have them (RFC 1123).
bool is_plain_label(std::string_view label)
{
    return !label.empty() && label.size() <= longest_label && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-'; });
}

// The characters of a label with other letters; empty where one is neither a letter, mark or number nor a hyphen.
std::u32string international_label(std::string_view label)
{
    std::u32string characters;
    for (std::size_t at = 0; at < label.size();) {
        const decoded next = decode_at(label, at);
        at += next.size;
        const character_kind kind = kind_of(next.value);
        const bool is_word = kind == character_kind::letter || kind == character_kind::mark ||
                             kind == character_kind::digit || kind == character_kind::number;
        if (!is_word && next.value != '-') {
            return {};
        }
        characters += next.value;
    }
    return characters;
}

// A label in ASCII, or empty.
std::pmr::string plain_label(std::string_view label, std::pmr::memory_resource* memory)
{
    std::pmr::string made{label, memory};
    if (!is_ascii(label)) {
        const std::u32string characters =
            label.size() <= 4 * longest_label ? international_label(label) : std::u32string{};
        made = characters.empty() ? std::string{} : "xn--" + encode_punycode(characters);
    }
    if (!is_plain_label(made)) {
        made.clear();
    }
    return made;
}

bool is_number(std::string_view text)
{
    return text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::pmr::string domain_part(std::string_view domain, std::pmr::memory_resource* memory)
{
    domain = domain.ends_with('.') ? domain.substr(0, domain.size() - 1) : domain;
    const std::size_t last_dot = domain.rfind('.');
    if (domain.size() > 4 * longest_domain || last_dot == std::string_view::npos ||
        is_number(domain.substr(last_dot + 1))) {
        return std::pmr::string{memory};
    }
    std::pmr::string made{memory};
    for (std::size_t from = 0; from <= domain.size();) {
        const std::size_t to = std::min(domain.find('.', from), domain.size());
        const auto label = plain_label(domain.substr(from, to - from), memory);
        if (label.empty()) {
            return std::pmr::string{memory};
        }
        made += from == 0 ? "" : ".";
        made += label;
        from = to + 1;
    }
    if (made.size() > longest_domain) {
        made.clear();
    }
    return made;
}

void apply_provider_rules(std::pmr::string& local, std::pmr::string& domain)
{
    const auto* found =
        std::find_if(std::begin(providers), std::end(providers), [&](const provider& p) { return p.domain == domain; });
    if (found == std::end(providers) || local.front() == '"') {
        return;
    }
    domain = found->known_as;
    if (const std::size_t tag = local.find('+'); tag != std::pmr::string::npos && tag > 0) {
        local.resize(tag);
    }
    if (found->ignores_dots) {
        std::erase(local, '.');
    }
}

} // namespace

std::pmr::string normalize_email(std::string_view text, bool provider_rules, std::pmr::memory_resource* memory)
{
    std::pmr::string made{memory};
    if (text.size() > longest_text) {
        return made;
    }
    const std::pmr::string small = folded(text, memory);
    const std::string_view address = without_wrapping(trimmed(small));
    const std::size_t at = address.rfind('@');
    if (at == std::string_view::npos) {
        return made;
    }
    std::pmr::string local{local_part(address.substr(0, at)), memory};
    std::pmr::string domain = domain_part(address.substr(at + 1), memory);
    if (local.empty() || local.size() > longest_local || domain.empty()) {
        return made;
    }
    if (provider_rules) {
        apply_provider_rules(local, domain);
    }
    made += local;
    made += '@';
    made += domain;
    return made;
}

} // namespace etl::dedupe
