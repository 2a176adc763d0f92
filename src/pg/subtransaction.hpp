// A subtransaction that C++ opens, so that it can go on after an error of PostgreSQL.
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include <utils/resowner.h>
}

#include <string>

namespace etl::pg {

// An error of PostgreSQL that has been taken off its stack.
struct caught_error {
    std::string message;
    std::string detail;
    std::string sqlstate;
    std::string column{}; // empty where it is about none
};

// Begun with the object. Exactly one of its functions ends it; where neither is called, the transaction's abort does.
class subtransaction {
  public:
    subtransaction();
    subtransaction(const subtransaction&) = delete;
    subtransaction& operator=(const subtransaction&) = delete;

    void commit();

    // Rolls back what was done without an error: its locks go, and settings and roles are as before.
    void discard();

    // After an error_in_flight has been caught, outside of the catch clause: rolls back and tells what it was. Errors
    // that are nobody's fault (cancellation, shutdown, a full disk, lost memory, what should never happen) go on.
    caught_error roll_back();

  private:
    void restore() const noexcept;

    MemoryContext memory_;
    ResourceOwner owner_;
};

} // namespace etl::pg
