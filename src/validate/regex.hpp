// Regular expressions for validation, with PostgreSQL's meaning at RE2's speed or better.
//
// PostgreSQL's regex engine spends microseconds a row on counted repeats, RE2 a tenth of one, and the simplest patterns
// need no engine at all. So a pattern goes to the class matcher, else to RE2, when it is made of constructs on which
// they provably agree with PostgreSQL (regex_syntax.hpp). All others, and all faulty ones, go to PostgreSQL's own
// engine, which is the reference. Whether a text contains a match is all that is asked: greedy or lazy is the same.
//
// Suites for Great Expectations often carry patterns written for Python's re. On PostgreSQL, Great Expectations itself
// applies the operator ~, so PostgreSQL's meaning is the suite's meaning there, and it is kept. Where the two differ:
//   .  [^a]     match a newline (Python's '.' does not);
//   $  \Z       match at the very end alone (Python's $ also before a last newline);
//   \b  \B      are a backspace and a backslash (in Python a word's boundary and its opposite; here \y and \Y);
//   \m \M \y    are boundaries of words (Python refuses them), [[:alpha:]] a class (in Python an ordinary set);
//   {,n}        are ordinary characters (in Python a count);
//   (?P<n>…) (?P=n) (?<n>…) (?s) \uXXXX and back references: PostgreSQL's engine answers or refuses them.
#pragma once

#include "core/text.hpp"
#include "validate/class_matcher.hpp"
#include "validate/regex_syntax.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace etl::validate {

// Says whether a text contains a match.
using text_predicate = std::function<bool(std::string_view)>;

// The same for a compiled pattern; texts of simple patterns take a direct call.
class text_matcher {
  public:
    text_matcher() = default;
    explicit text_matcher(text_predicate predicate) : predicate_{std::move(predicate)} {}

    // `predicate` answers for texts beyond ASCII when the matcher is only for those within.
    text_matcher(class_matcher classes, bool only_for_ascii, text_predicate predicate)
        : classes_{std::make_shared<const class_matcher>(std::move(classes))}, only_for_ascii_{only_for_ascii},
          predicate_{std::move(predicate)}
    {
    }

    bool operator()(std::string_view text) const
    {
        if (classes_ && (!only_for_ascii_ || is_ascii(text))) {
            return classes_->matches(text);
        }
        return predicate_(text);
    }

  private:
    std::shared_ptr<const class_matcher> classes_;
    bool only_for_ascii_ = false;
    text_predicate predicate_;
};

// Made of constructs that mean the same to PostgreSQL and RE2 over any text in UTF-8, whatever the collation.
bool is_portable(std::string_view pattern);

// Compiles a pattern for texts in UTF-8. `fallback` compiles one for PostgreSQL's engine. It is also asked what the
// classes of the collation hold.
text_matcher compile_regex(const std::string& pattern,
                           const std::function<text_predicate(const std::string&)>& fallback);

} // namespace etl::validate
