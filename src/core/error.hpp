// The one exception type of the core: what PostgreSQL's error report needs, without knowing PostgreSQL.
//
// A core function that refuses its input throws etl::error; the boundary (src/pg/boundary.hpp) turns it into an
// ERROR with the same SQLSTATE, message, detail and hint. Messages follow PostgreSQL's style: a lower-case primary
// message without a full stop, DETAIL and HINT full sentences, the values at fault named.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace etl {

// Five characters, as in PostgreSQL's appendix A ("PostgreSQL Error Codes").
namespace sqlstate {
inline constexpr char feature_not_supported[] = "0A000";
inline constexpr char numeric_value_out_of_range[] = "22003";
inline constexpr char null_value_not_allowed[] = "22004";
inline constexpr char invalid_parameter_value[] = "22023";
inline constexpr char unique_violation[] = "23505";
inline constexpr char invalid_transaction_termination[] = "2D000";
inline constexpr char invalid_text_representation[] = "22P02";
inline constexpr char invalid_binary_representation[] = "22P03";
inline constexpr char invalid_regular_expression[] = "2201B";
inline constexpr char undefined_column[] = "42703";
inline constexpr char undefined_object[] = "42704";
inline constexpr char datatype_mismatch[] = "42804";
inline constexpr char undefined_function[] = "42883";
inline constexpr char undefined_table[] = "42P01";
inline constexpr char out_of_memory[] = "53200";
inline constexpr char program_limit_exceeded[] = "54000";
inline constexpr char internal_error[] = "XX000";
} // namespace sqlstate

class error : public std::exception {
  public:
    error(const char* sqlstate, std::string message, std::string detail = {}, std::string hint = {})
        : sqlstate_{sqlstate}, message_{std::move(message)}, detail_{std::move(detail)}, hint_{std::move(hint)}
    {
    }

    const char* what() const noexcept override { return message_.c_str(); }
    const char* sqlstate() const noexcept { return sqlstate_; }
    const std::string& detail() const noexcept { return detail_; }
    const std::string& hint() const noexcept { return hint_; }

  private:
    const char* sqlstate_; // one of the constants above: it outlives every exception
    std::string message_;
    std::string detail_;
    std::string hint_;
};

// What a long core loop calls every few thousand rows. It throws when the user has cancelled the statement or its
// time is up; nullptr-free by contract: never_poll serves the tests.
using poll_fn = void (*)();
inline void never_poll() {}

// Calls poll once in every `interval` ticks, so that a loop's body stays one line longer and no slower.
class poller {
  public:
    explicit poller(poll_fn poll) : poll_{poll} {}
    void tick()
    {
        if ((++ticks_ & (interval - 1)) == 0) {
            poll_();
        }
    }

  private:
    static constexpr unsigned interval = 4096;
    poll_fn poll_;
    unsigned ticks_ = 0;
};

} // namespace etl
