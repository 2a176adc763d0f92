#include "validate/strptime.hpp"

#include "core/blanks.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/strptime_match.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <memory>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr std::string_view directives = "aAbBdfGHIjmMpSuUVwWyYzZ";

// The directives that stand for several, as strftime writes them in the C locale.
std::string_view expand(char directive) noexcept
{
    switch (directive) {
    case 'c':
        return "%a %b %d %H:%M:%S %Y";
    case 'x':
        return "%m/%d/%y";
    case 'X':
        return "%H:%M:%S";
    default:
        return {};
    }
}

// Unicode's case folding, for texts beyond ASCII.
std::function<std::size_t(std::string_view)> folded_length(const std::string& literal)
{
    RE2::Options options;
    options.set_literal(true);
    options.set_case_sensitive(false);
    options.set_log_errors(false);
    auto compiled = std::make_shared<const RE2>(literal, options);
    return [compiled](std::string_view text) {
        re2::StringPiece found;
        const bool fits = compiled->Match({text.data(), text.size()}, 0, text.size(), RE2::ANCHOR_START, &found, 1);
        return fits ? found.size() : std::string_view::npos;
    };
}

} // namespace

strptime_format::strptime_format(std::string_view format) : format_{format}
{
    add_all(format);
    finish_literals();
    refuse_incomplete();
}

bool strptime_format::matches(std::string_view text) const
{
    strptime_match match{items_, text};
    return match.reaches_end() && match.makes_moment();
}

void strptime_format::add_all(std::string_view format)
{
    while (!format.empty()) {
        const std::size_t blanks = blanks_length(format);
        if (blanks > 0) {
            items_.push_back({.directive = item::blanks});
            format.remove_prefix(blanks);
        } else if (format.front() != '%') {
            add_literal(format.substr(0, 1));
            format.remove_prefix(1);
        } else if (format.size() == 1) {
            refuse("a stray %", "stray % in format '" + format_ + "'");
        } else {
            add_directive(format[1]);
            format.remove_prefix(2);
        }
    }
}

void strptime_format::add_literal(std::string_view text)
{
    if (items_.empty() || items_.back().directive != item::literal) {
        items_.emplace_back();
    }
    items_.back().text += text;
}

void strptime_format::add_directive(char directive)
{
    if (directive == '%') {
        add_literal("%");
    } else if (const std::string_view several = expand(directive); !several.empty()) {
        add_all(several);
    } else if (directives.find(directive) == std::string_view::npos) {
        const std::string name = static_cast<unsigned char>(directive) < 0x80 ? std::string(1, directive) : "%";
        refuse("the unknown directive %" + name, "'" + name + "' is a bad directive in format '" + format_ + "'");
    } else if (has({&directive, 1})) {
        const std::string name(1, directive);
        refuse("the directive %" + name + " twice", "redefinition of group name '" + name + "'");
    } else {
        items_.push_back({.directive = directive});
    }
}

void strptime_format::finish_literals()
{
    for (item& each : items_) {
        if (each.directive != item::literal) {
            continue;
        }
        if (is_ascii(each.text)) {
            std::ranges::transform(each.text, each.text.begin(), to_lower);
        } else {
            each.length = folded_length(each.text);
        }
    }
}

bool strptime_format::has(std::string_view any_of) const
{
    return std::ranges::any_of(items_, [&](const item& each) {
        return each.directive != item::literal && any_of.find(each.directive) != std::string_view::npos;
    });
}

// An ISO week counts within an ISO year and needs the weekday; neither goes with the days of a calendar year.
void strptime_format::refuse_incomplete() const
{
    const bool has_year = has("yY");
    if (!has_year && has("G") && (!has("V") || !has("aAwu"))) {
        refuse("%G without %V and a weekday",
               "ISO year directive '%G' must be used with the ISO week directive '%V' and "
               "a weekday directive ('%A', '%a', '%w', or '%u').");
    }
    if (!has_year && has("G") && has("j")) {
        refuse("%G with %j", "Day of the year directive '%j' is not compatible with ISO year directive '%G'. Use '%Y' "
                             "instead.");
    }
    if ((has_year || !has("G")) && has("V") && !has("UW")) {
        refuse("%V without %G", "ISO week directive '%V' must be used with the ISO year directive '%G' and a weekday "
                                "directive ('%A', '%a', '%w', or '%u').");
    }
}

// The detail is in the words of Great Expectations and Python.
void strptime_format::refuse(const std::string& message, const std::string& detail) const
{
    throw error(sqlstate::invalid_parameter_value, "strftime_format " + in_quotes(format_) + " has " + message,
                "Unable to use provided strftime_format. " + detail + (detail.ends_with('.') ? "" : "."),
                "Use the format codes of Python's datetime.strptime.");
}

} // namespace etl::validate
