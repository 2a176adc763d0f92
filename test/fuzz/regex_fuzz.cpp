// Any pattern (up to the first zero byte) and any text (what follows): a portable pattern compiles, matching ends, and
// the class matcher answers as RE2 does.
#include "validate/regex.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

using etl::validate::text_predicate;

RE2::Options quiet()
{
    RE2::Options options;
    options.set_log_errors(false);
    return options;
}

bool is_valid_utf8(const std::string& text)
{
    RE2::Options options = quiet();
    options.set_literal(true);
    return RE2{text, options}.ok();
}

// The faults that a portable pattern may have: it wants more than RE2 gives.
bool is_too_large(const RE2& pattern)
{
    return pattern.error_code() == RE2::ErrorPatternTooLarge || pattern.error_code() == RE2::ErrorRepeatSize;
}

// Stands for PostgreSQL's engine: every class is a digit, and whatever else is asked matches nothing.
text_predicate engine(const std::string& /*pattern*/)
{
    return [](std::string_view text) { return text.size() == 1 && text[0] >= '0' && text[0] <= '9'; };
}

void compare(const etl::validate::regex_syntax& syntax, const std::string& text)
{
    const RE2 compiled{syntax.for_re2(), quiet()};
    if (!compiled.ok() && !is_too_large(compiled)) {
        std::abort();
    }
    const auto simple = etl::validate::class_matcher::compile(syntax);
    if (simple && compiled.ok() && is_valid_utf8(text) && simple->matches(text) != RE2::PartialMatch(text, compiled)) {
        std::abort();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::uint8_t* zero = std::find(data, data + size, 0);
    const std::string pattern{data, zero};
    const std::string text{std::min(zero + 1, data + size), data + size};
    if (pattern.size() > 500) {
        return 0;
    }
    if (const auto syntax = etl::validate::read_regex(pattern)) {
        compare(*syntax, text);
    }
    (void)etl::validate::compile_regex(pattern, engine)(text);
    return 0;
}
