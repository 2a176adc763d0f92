#include "extract/csv_reader.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::string_view utf8_mark = "\xef\xbb\xbf";
constexpr std::size_t kept_of_long_line = 8192;

// Bytes at which something may happen. Without quotes the line ends stand in for them.
std::array<char, 5> special_of(const csv_dialect& dialect) noexcept
{
    const bool has_quotes = dialect.quote != '\0';
    return {dialect.delimiter, '\n', '\r', has_quotes ? dialect.quote : '\n', has_quotes ? dialect.escape : '\n'};
}

bool is_line_end(char byte) noexcept
{
    return byte == '\n' || byte == '\r';
}

} // namespace

void csv_dialect::require_sound() const
{
    const auto refuse = [](const char* what, const char* why) {
        throw error(sqlstate::invalid_parameter_value, std::string{what} + " cannot be used", why,
                    "Give one byte for each of delimiter, quote and escape, as in delimiter => ';', quote => '\"'.");
    };
    const auto is_usable = [](char byte) { return byte > ' ' || byte == '\t' || byte == ' ' || byte == '\x01'; };
    if (!is_usable(delimiter) || delimiter == quote) {
        refuse("the delimiter", "It must be one byte of ASCII, not a line end, and another one than the quote.");
    }
    if (quote != '\0' && (quote <= ' ' || escape <= ' ' || escape == delimiter)) {
        refuse("the quote or the escape", "They must be printable bytes of ASCII other than the delimiter.");
    }
}

csv_reader::csv_reader(byte_source& from, csv_dialect dialect, csv_limits limits)
    : dialect_{dialect}, limits_{limits}, special_{special_of(dialect)}, window_{
                                                                             from,
                                                                             std::max(limits.buffer, utf8_mark.size()),
                                                                             limits.record}
{
    static_assert(byte_window::padding >= special_bytes<5>::block);
    dialect_.require_sound();
}

void csv_reader::begin()
{
    begun_ = true;
    window_.fill();
    if (window_.text().starts_with(utf8_mark)) {
        window_.pass(window_.begin() + utf8_mark.size());
    }
}

csv_reader::outcome csv_reader::next()
{
    if (!begun_) {
        begin();
    }
    for (;;) {
        line_ = next_line_;
        if (window_.begin() == window_.end() && window_.is_last()) {
            return outcome::end;
        }
        switch (parse()) {
        case parsed::whole:
            finish();
            return outcome::record;
        case parsed::wrong:
            return fail();
        case parsed::unfinished:
            if (window_.size() >= limits_.record) {
                is_wrong("the record is longer than " + std::to_string(limits_.record) + " bytes", line_, 0);
                return fail();
            }
            window_.fill();
        }
    }
}

csv_reader::parsed csv_reader::parse()
{
    values_.clear();
    escaped_.clear();
    inner_lines_ = 0;
    special_.begin(window_.begin(), window_.end());
    const char* at = window_.begin();
    for (;;) {
        if (values_.size() == limits_.values) {
            return is_wrong("the record has more than " + std::to_string(limits_.values) + " values", line_, 0);
        }
        const parsed value = parse_value(at);
        if (value != parsed::whole) {
            return value;
        }
        if (at == window_.end() || *at != dialect_.delimiter) {
            return parse_end(at);
        }
        ++at;
    }
}

// Leaves `at` on the delimiter or line end behind the value, or at the end.
csv_reader::parsed csv_reader::parse_value(const char*& at)
{
    if (at < window_.end() && *at == dialect_.quote && dialect_.quote != '\0') {
        return parse_quoted(at);
    }
    const char* const begin = at;
    do {
        at = special_.next();
    } while (at < window_.end() && *at != dialect_.delimiter && !is_line_end(*at));
    values_.push_back({{begin, static_cast<std::size_t>(at - begin)}, false});
    return parsed::whole;
}

csv_reader::parsed csv_reader::parse_quoted(const char*& at)
{
    const char* const begin = at + 1;
    inner_before_ = inner_lines_;
    special_.next(); // the quote itself
    for (bool has_escapes = false;;) {
        const char* const found = special_.next();
        // What the next byte is decides; it may come later.
        const bool is_cut = found == window_.end() || (found + 1 == window_.end() && !window_.is_last());
        if (is_cut) {
            return ends_without("the quoted value has no end");
        }
        const char next = found + 1 < window_.end() ? found[1] : '\0';
        if (*found == dialect_.escape && (next == dialect_.quote || next == dialect_.escape)) {
            special_.next();
            has_escapes = true;
        } else if (*found == dialect_.quote) {
            if (has_escapes) {
                escaped_.push_back(values_.size());
            }
            values_.push_back({{begin, static_cast<std::size_t>(found - begin)}, true});
            at = found + 1;
            break;
        } else if (*found == '\n' || (*found == '\r' && next != '\n')) {
            ++inner_lines_;
        }
    }
    if (at < window_.end() && *at != dialect_.delimiter && !is_line_end(*at)) {
        return is_wrong("the value goes on behind its closing quote", line_ + inner_lines_, values_.size());
    }
    if (at < window_.end()) {
        special_.next(); // the delimiter or the line end
    }
    return parsed::whole;
}

csv_reader::parsed csv_reader::ends_without(const char* what)
{
    return window_.is_last() ? is_wrong(what, line_ + inner_before_, values_.size() + 1) : parsed::unfinished;
}

// At a line end, or the end.
csv_reader::parsed csv_reader::parse_end(const char* at)
{
    if (!window_.is_last() && (at == window_.end() || (*at == '\r' && at + 1 == window_.end()))) {
        return parsed::unfinished;
    }
    text_ = {window_.begin(), static_cast<std::size_t>(at - window_.begin())};
    behind_ = at == window_.end()                                      ? window_.end()
              : *at == '\r' && at + 1 < window_.end() && at[1] == '\n' ? at + 2
                                                                       : at + 1;
    return parsed::whole;
}

csv_reader::parsed csv_reader::is_wrong(std::string what, std::uint64_t line, std::size_t value)
{
    fault_ = {std::move(what), line, value};
    return parsed::wrong;
}

void csv_reader::finish()
{
    if (!escaped_.empty()) {
        unescape();
    }
    window_.pass(behind_);
    next_line_ += inner_lines_ + 1;
}

// Into memory of its own: the record stays as it stands.
void csv_reader::unescape()
{
    unescaped_.resize(text_.size());
    char* to = unescaped_.data();
    for (const std::size_t i : escaped_) {
        const char* const begin = to;
        const std::string_view from = values_[i].text;
        for (std::size_t at = 0; at < from.size(); ++at) {
            const bool is_escape = from[at] == dialect_.escape && at + 1 < from.size() &&
                                   (from[at + 1] == dialect_.quote || from[at + 1] == dialect_.escape);
            at += is_escape ? 1 : 0;
            *to++ = from[at];
        }
        values_[i].text = {begin, static_cast<std::size_t>(to - begin)};
    }
}

csv_reader::outcome csv_reader::fail()
{
    const char* end = line_end();
    while (!window_.is_last() && window_.end() - end <= 1) { // not there yet, or a CR whose LF may come
        if (window_.size() >= limits_.record) {
            pass_long_line();
            return outcome::fault;
        }
        window_.fill();
        end = line_end();
    }
    parse_end(end);
    window_.pass(behind_);
    ++next_line_;
    return outcome::fault;
}

const char* csv_reader::line_end() const noexcept
{
    return std::find_if(window_.begin(), window_.end(), is_line_end);
}

void csv_reader::pass_long_line()
{
    cut_.assign(window_.begin(), std::min(kept_of_long_line, window_.size()));
    const char* end = line_end();
    while (!window_.is_last() && window_.end() - end <= 1) {
        window_.pass(end); // with a CR that may be half of an end
        window_.fill();
        end = line_end();
    }
    parse_end(end);
    window_.pass(behind_);
    ++next_line_;
    text_ = cut_;
}

} // namespace etl
