// The rows of a moving frame that lie within a span before the newest of them.
#pragma once

#include "feature/rolling.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory_resource>

namespace etl::feature {

class recent_rows {
  public:
    explicit recent_rows(std::pmr::memory_resource* memory, std::int64_t span = 0) : span_{span}, times_{memory} {}

    // 0 until it is known, which is before the first row.
    std::int64_t span() const noexcept { return span_; }
    void set_span(std::int64_t span) noexcept { span_ = span; }

    // Times that rise cost nothing; one that is older than the newest finds its place among them.
    void add(std::int64_t time)
    {
        if (!times_.empty() && time <= window_start(times_.back(), span_)) {
            return;
        }
        times_.insert(std::upper_bound(times_.begin(), times_.end(), time), time);
        const std::int64_t start = window_start(times_.back(), span_);
        while (times_.front() <= start) {
            times_.pop_front();
        }
    }

    // Takes away a time that was added. False where the newest goes with it: rows that it had put out of sight may come
    // back, and all of them have to be added anew.
    bool take(std::int64_t time)
    {
        if (times_.empty() || (time == times_.back() && (times_.size() < 2 || times_[times_.size() - 2] != time))) {
            return false;
        }
        if (time > window_start(times_.back(), span_)) {
            times_.erase(std::lower_bound(times_.begin(), times_.end(), time));
        }
        return true;
    }

    std::int64_t count() const noexcept { return static_cast<std::int64_t>(times_.size()); }

  private:
    std::int64_t span_;
    std::pmr::deque<std::int64_t> times_; // ascending, those within the span
};

} // namespace etl::feature
