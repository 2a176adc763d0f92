// How many requests in a time, counted over all processes that have the same file mapped.
//
// Each slot holds one number: the theoretical arrival time of the generic cell rate algorithm (ITU-T recommendation
// I.371, annex A, virtual scheduling). Who wants to send takes the next time that is free and moves the number on by one
// interval, in one atomic step; requests so are evenly spaced, and nobody ever holds a lock.
//
// Times are those of the clock that no one sets (CLOCK_MONOTONIC), which begins anew with each boot of the machine: the
// file remembers the boot that its times are of. A time further ahead than any queue can be is taken for rubbish.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace etl {

class rate_limiter {
  public:
    using nanoseconds = std::chrono::nanoseconds;

    // Maps the file, and makes it when it is not there. Throws etl::error when that cannot be done.
    explicit rate_limiter(const std::string& file);
    ~rate_limiter();
    rate_limiter(const rate_limiter&) = delete;
    rate_limiter& operator=(const rate_limiter&) = delete;

    static nanoseconds now() noexcept;

    // When the caller may send, now or later: a moment of now(). What a key stands for never changes; 0 is none.
    nanoseconds take(std::uint64_t key, nanoseconds interval, nanoseconds now = rate_limiter::now()) noexcept;
    // Gives back what was taken and not used, unless somebody has come after it.
    void give_back(std::uint64_t key, nanoseconds interval, nanoseconds taken) noexcept;

  private:
    struct slot {
        std::uint64_t key;
        std::int64_t next; // the theoretical arrival time
    };
    struct table;

    slot& slot_of(std::uint64_t key) noexcept;

    table* table_ = nullptr;
};

} // namespace etl
