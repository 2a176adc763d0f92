#include "validate/json_schema_regex.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/json_schema_value.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::validate::schema {
namespace {

RE2::Options options()
{
    RE2::Options made;
    made.set_log_errors(false);
    made.set_never_capture(true);
    return made;
}

std::string complaint(const RE2& compiled)
{
    switch (compiled.error_code()) {
    case RE2::ErrorRepeatSize:
        return "A repeat count, or the product of nested ones, is larger than 1000.";
    case RE2::ErrorPatternTooLarge:
        return "It is too large.";
    default:
        return "The regular expression library says: " + printable(compiled.error()) + ".";
    }
}

[[noreturn]] void refuse(const char* state, std::string_view pattern, std::string detail)
{
    throw error(state,
                "invalid or unsupported regular expression in a JSON Schema: " + in_quotes(pattern_excerpt(pattern)),
                std::move(detail));
}

std::shared_ptr<const RE2> compiled(const std::string& translated, const std::string& original)
{
    auto made = std::make_shared<const RE2>(translated, options());
    if (!made->ok()) {
        const bool too_large =
            made->error_code() == RE2::ErrorRepeatSize || made->error_code() == RE2::ErrorPatternTooLarge;
        refuse(too_large ? sqlstate::feature_not_supported : sqlstate::invalid_regular_expression, original,
               complaint(*made));
    }
    return made;
}

} // namespace

std::string pattern_excerpt(std::string_view pattern)
{
    constexpr std::size_t readable = 200;
    return printable(shortened(pattern, readable));
}

regex::regex(std::string_view pattern) : pattern_{pattern}
{
    if (pattern.size() > longest) {
        refuse(sqlstate::feature_not_supported, pattern, "It is longer than " + std::to_string(longest) + " bytes.");
    }
    const translated_pattern translated = translate_pattern(pattern);
    if (translated.is_prefix) {
        prefix_ = translated.parts[0].pattern;
        return;
    }
    for (const auto& part : translated.parts) {
        conditions_.push_back({compiled(part.pattern, pattern_), part.wanted});
    }
}

std::size_t regex::program_size() const
{
    std::size_t made = 0;
    for (const condition& each : conditions_) {
        made += static_cast<std::size_t>(each.compiled->ProgramSize());
    }
    return made;
}

bool regex::matches(std::string_view text) const
{
    const re2::StringPiece piece{text.data(), text.size()};
    return text.starts_with(prefix_) &&
           std::all_of(conditions_.begin(), conditions_.end(), [&piece](const condition& each) {
               return RE2::PartialMatch(piece, *each.compiled) == each.wanted;
           });
}

} // namespace etl::validate::schema
