// Any pattern (up to the first zero byte) and any text (what follows): a portable pattern compiles, and matching ends.
#include "validate/regex.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

bool is_valid_utf8(const std::string& text)
{
    RE2::Options options;
    options.set_literal(true);
    options.set_log_errors(false);
    return RE2{text, options}.ok();
}

// The faults that a portable pattern may have: it wants more than RE2 gives.
bool is_too_large(const RE2& pattern)
{
    return pattern.error_code() == RE2::ErrorPatternTooLarge || pattern.error_code() == RE2::ErrorRepeatSize;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::uint8_t* zero = std::find(data, data + size, 0);
    const std::string pattern{data, zero};
    const std::string text{std::min(zero + 1, data + size), data + size};
    if (!etl::validate::is_portable(pattern) || !is_valid_utf8(pattern) || pattern.size() > 500) {
        return 0;
    }
    RE2::Options quiet;
    quiet.set_log_errors(false);
    const RE2 compiled{pattern, quiet};
    if (!compiled.ok() && !is_too_large(compiled)) {
        std::abort();
    }
    const auto matches = etl::validate::compile_regex(pattern, [](const std::string&) -> etl::validate::text_predicate {
        return [](std::string_view) { return false; };
    });
    (void)matches(text);
    return 0;
}
