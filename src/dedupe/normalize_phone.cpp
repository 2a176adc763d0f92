#include "dedupe/normalize_phone.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "dedupe/unicode.hpp"

#include <array>
#include <optional>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

constexpr std::size_t longest_text = 4096;
constexpr std::size_t most_digits = 15; // E.164, section 6
constexpr std::size_t most_dialled = 32;

// What is dialled: digits, and whether a "+" stands before them.
struct dialled {
    std::array<char, most_dialled> digits;
    std::size_t count = 0;
    bool has_plus = false;
    bool is_too_long = false;

    std::string_view view() const { return {digits.data(), count}; }
};

constexpr bool is_plus(char32_t c)
{
    return c == '+' || c == 0xff0b || c == 0xfe62;
}

// What begins an extension, or a second number.
constexpr bool ends_number(char32_t c, character_kind kind)
{
    return kind == character_kind::letter || c == ',' || c == ';' || c == '#' || c == '*' || c == ':' || is_plus(c);
}

// The zero of "+49 (0) 30 …", dialled within the country only, with its brackets: its size there.
std::size_t optional_zero_at(std::string_view text, std::size_t at)
{
    constexpr std::string_view forms[] = {"(0)", "( 0 )", "[0]"};
    for (const std::string_view form : forms) {
        if (text.substr(at).starts_with(form)) {
            return form.size();
        }
    }
    return 0;
}

bool is_abroad(const dialled& number)
{
    return number.has_plus || number.view().starts_with("00");
}

dialled read_digits(std::string_view text)
{
    dialled number;
    for (std::size_t at = 0; at < text.size();) {
        if (const std::size_t size = optional_zero_at(text, at); size > 0 && number.count > 0 && is_abroad(number)) {
            at += size;
            continue;
        }
        const decoded next = decode_at(text, at);
        at += next.size;
        const int digit = is_character(next.value) ? digit_value(next.value) : -1;
        if (digit >= 0) {
            if (number.count == number.digits.size()) {
                number.is_too_long = true;
                return number;
            }
            number.digits[number.count++] = static_cast<char>('0' + digit);
        } else if (number.count == 0) {
            number.has_plus = number.has_plus || is_plus(next.value);
        } else if (!is_character(next.value) || ends_number(next.value, kind_of(next.value))) {
            break;
        }
    }
    return number;
}

struct parts {
    std::uint32_t code;
    std::string_view national;
};

// Where a zero is dialled before national numbers, none begins with one.
std::optional<parts> of_plan(std::uint32_t code, std::string_view national, unsigned fewest, unsigned most)
{
    const bool begins_with_trunk = facts_of_code(code)->has_trunk_zero && national.starts_with('0');
    if (begins_with_trunk || national.size() < fewest || national.size() > most) {
        return std::nullopt;
    }
    return parts{code, national};
}

// Calling codes have one to three digits, and none begins with another.
std::optional<parts> international(std::string_view digits)
{
    std::uint32_t code = 0;
    for (std::size_t size = 1; size <= 3 && size < digits.size(); ++size) {
        code = code * 10 + static_cast<std::uint32_t>(digits[size - 1] - '0');
        if (const code_facts* facts = facts_of_code(code); facts != nullptr) {
            std::string_view national = digits.substr(size);
            if (facts->has_trunk_zero && national.starts_with('0')) {
                national.remove_prefix(1);
            }
            return of_plan(code, national, facts->fewest, facts->most);
        }
    }
    return std::nullopt;
}

// The digits after one of the home country's prefixes for calls abroad.
std::optional<std::string_view> after_prefix(std::string_view digits, std::string_view prefixes)
{
    for (std::size_t from = 0; from < prefixes.size();) {
        const std::size_t to = std::min(prefixes.find(' ', from), prefixes.size());
        const std::string_view prefix = prefixes.substr(from, to - from);
        if (digits.starts_with(prefix)) {
            return digits.substr(prefix.size());
        }
        from = to + 1;
    }
    return std::nullopt;
}

// The home country's calling code may stand there without a sign of it. A number that is longer than usual tells so.
std::optional<parts> with_home_code(std::string_view digits, const dialling& home)
{
    const auto found = digits.size() > home.usual ? international(digits) : std::nullopt;
    return found && found->code == home.code ? found : std::nullopt;
}

std::optional<parts> at_home(std::string_view digits, const dialling& home)
{
    if (const auto rest = after_prefix(digits, home.abroad)) {
        if (const auto found = international(*rest)) {
            return found;
        }
    }
    if (!home.trunk.empty() && digits.starts_with(home.trunk)) {
        const auto rest = digits.substr(home.trunk.size());
        if (const auto found = of_plan(home.code, rest, home.fewest, home.most)) {
            return found;
        }
    }
    const auto found = with_home_code(digits, home);
    return found ? found : of_plan(home.code, digits, home.fewest, home.most);
}

std::optional<parts> parts_of(const dialled& number, const dialling* home)
{
    const std::string_view digits = number.view();
    if (number.has_plus) {
        return international(digits);
    }
    if (home != nullptr) {
        if (const auto found = at_home(digits, *home)) {
            return found;
        }
    }
    return digits.starts_with("00") ? international(digits.substr(2)) : std::nullopt;
}

} // namespace

const dialling* home_country(std::string_view name)
{
    constexpr std::string_view unknown = "ZZ";
    std::array<char, 2> capitals = {};
    if (name.size() == capitals.size()) {
        for (std::size_t i = 0; i < capitals.size(); ++i) {
            capitals[i] = name[i] >= 'a' && name[i] <= 'z' ? static_cast<char>(name[i] - 'a' + 'A') : name[i];
        }
    }
    const std::string_view country{capitals.data(), capitals.size()};
    const dialling* found = dialling_of(country);
    if (found == nullptr && country != unknown) {
        throw error(sqlstate::invalid_parameter_value, "unknown country " + in_quotes(name),
                    "Countries are named by their two letters in ISO 3166-1.",
                    "Call etl.normalize_phone(phone, 'GB'), or leave the country out where it is not known.");
    }
    return found;
}

std::pmr::string normalize_phone(std::string_view text, const dialling* home, std::pmr::memory_resource* memory)
{
    std::pmr::string made{memory};
    if (text.size() > longest_text) {
        return made;
    }
    const dialled number = read_digits(text);
    const auto found = number.is_too_long ? std::nullopt : parts_of(number, home);
    if (!found) {
        return made;
    }
    made += '+';
    made += std::to_string(found->code);
    made += found->national;
    if (made.size() > most_digits + 1) {
        made.clear();
    }
    return made;
}

} // namespace etl::dedupe
