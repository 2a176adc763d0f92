// Which texts Python's datetime.strptime(text, format) accepts, in the C locale and the time zone UTC.
//
// Semantics are CPython 3.11's (documentation of datetime, "strftime() and strptime() Format Codes"; Lib/_strptime.py):
// a format is a regular expression in all but name. Each directive takes one of several forms, the longer ones first,
// and gives way to a shorter one where the rest of the format would not fit otherwise; a run of blanks takes one or
// more blanks; everything else stands for itself, in either case. The first match found this way must reach the end of
// the text, and its fields must make a date and time that datetime can hold.
//
// Great Expectations refuses a format that does not read back what strftime made of the present moment. Such are
// formats with an unknown directive, one directive twice, or an ISO year or week without what belongs to it; they are
// refused here, on any day. (The moment is one in UTC, as in 1.x: 0.18 refused %z and %Z too.)
//
// Digits are ASCII's (Python takes those of other scripts as well).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace etl::validate {

class strptime_format {
  public:
    // Throws where the format is one that no text can match.
    explicit strptime_format(std::string_view format);

    bool matches(std::string_view text) const;

    // A directive, a run of blanks, or a text.
    struct item {
        static constexpr char literal = '\0';
        static constexpr char blanks = ' ';

        char directive = literal;
        std::string text{}; // of a literal, in lower case
        // Of a literal beyond ASCII: the bytes that it takes at the start of a text in either case, or npos.
        std::function<std::size_t(std::string_view)> length{};
    };

  private:
    void add_all(std::string_view format);
    void add_literal(std::string_view text);
    void add_directive(char directive);
    void finish_literals();
    void refuse_incomplete() const;
    bool has(std::string_view any_of) const;
    [[noreturn]] void refuse(const std::string& message, const std::string& detail) const;

    std::string format_;
    std::vector<item> items_;
};

} // namespace etl::validate
