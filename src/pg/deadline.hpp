// A limit of time for a part of a statement, which statement_timeout does not know.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include <utils/timestamp.h>
}

namespace etl::pg {

// For as long as it lives: when the time is up, what runs is cancelled as by pg_cancel_backend(), and again each second
// after, as it may have caught that and gone on. One within another holds beside it.
class deadline {
  public:
    explicit deadline(int milliseconds); // 0: none
    ~deadline();
    deadline(const deadline&) = delete;
    deadline& operator=(const deadline&) = delete;

    bool has_passed() const;

  private:
    bool is_set_;
    const deadline* around_;
    TimestampTz until_ = 0;
    TimestampTz first_ = 0; // the earliest of it and those around it
};

// From now on, what goes on for five seconds after its time ends with the process.
void let_deadlines_end_process();

} // namespace etl::pg
