#include "validate/regex.hpp"

#include <re2/re2.h>

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

using compiler = std::function<text_predicate(const std::string&)>;

// The program and the states of one pattern; what needs more goes to PostgreSQL.
constexpr std::int64_t most_memory = std::int64_t{4} << 20U;

RE2::Options options()
{
    RE2::Options made;
    made.set_log_errors(false);
    made.set_never_capture(true);
    made.set_max_mem(most_memory);
    return made;
}

// Empty where RE2 refuses the pattern for its size.
text_predicate compile_re2(const regex_syntax& syntax)
{
    auto compiled = std::make_shared<const RE2>(syntax.for_re2(), options());
    if (!compiled->ok()) {
        return {};
    }
    return [compiled](std::string_view text) {
        return compiled->Match({text.data(), text.size()}, 0, text.size(), RE2::UNANCHORED, nullptr, 0);
    };
}

// What a class holds within ASCII, by trying each character. (PostgreSQL's texts have no character 0.)
std::vector<code_range> try_members(const text_predicate& holds)
{
    std::vector<code_range> members;
    for (char32_t code = 1; code < 0x80; ++code) {
        const char character = static_cast<char>(code);
        if (!holds({&character, 1})) {
            continue;
        }
        if (!members.empty() && members.back().high + 1 == code) {
            members.back().high = code;
        } else {
            members.push_back({code, code});
        }
    }
    return members;
}

// Whether (?i) takes the two cases of each ASCII letter for the same, which it does not in every language.
bool folds_ascii(const compiler& fallback)
{
    constexpr std::string_view lower = "abcdefghijklmnopqrstuvwxyz";
    constexpr std::string_view upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return fallback("(?i)^" + std::string{lower} + "$")(upper) && fallback("(?i)^" + std::string{upper} + "$")(lower);
}

// Asks once about each class of a pattern.
class_members ask_members(const compiler& fallback)
{
    return [&fallback, known = std::map<std::string, std::vector<code_range>>{}](const std::string& one_class) mutable {
        const auto [place, is_new] = known.try_emplace(one_class);
        if (is_new) {
            place->second = try_members(fallback(one_class));
        }
        return place->second;
    };
}

text_predicate within_ascii(text_predicate within, text_predicate beyond)
{
    return [within = std::move(within), beyond = std::move(beyond)](std::string_view text) {
        return is_ascii(text) ? within(text) : beyond(text);
    };
}

} // namespace

bool is_portable(std::string_view pattern)
{
    return read_regex(pattern).has_value();
}

text_matcher compile_regex(const std::string& pattern, const compiler& fallback)
{
    text_predicate beyond_ascii;
    auto syntax = read_regex(pattern);
    if (!syntax) {
        beyond_ascii = fallback(pattern); // or PostgreSQL's complaint about the pattern
        syntax = read_regex(pattern, ask_members(fallback));
        if (!syntax || (syntax->folds_case && !folds_ascii(fallback))) {
            return text_matcher{std::move(beyond_ascii)};
        }
    }
    if (auto classes = class_matcher::compile(*syntax)) {
        return {*std::move(classes), syntax->only_for_ascii, std::move(beyond_ascii)};
    }
    text_predicate matches = compile_re2(*syntax);
    if (!matches) {
        return text_matcher{beyond_ascii ? std::move(beyond_ascii) : fallback(pattern)};
    }
    return text_matcher{syntax->only_for_ascii ? within_ascii(std::move(matches), std::move(beyond_ascii))
                                               : std::move(matches)};
}

} // namespace etl::validate
