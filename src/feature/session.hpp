// Sessions: the rows of a key, parted wherever the time from one to the next is longer than a gap.
#pragma once

#include <cstdint>
#include <optional>

namespace etl::feature {

class sessions {
  public:
    // The number, from 1, of the session that a row is in. Rows come in the order of their times; nullopt for one that
    // does not, which is left out.
    std::optional<std::int64_t> next(std::int64_t time, std::int64_t gap) noexcept
    {
        if (number_ > 0 && time < last_) {
            return std::nullopt;
        }
        std::int64_t pause = 0;
        if (number_ == 0 || __builtin_sub_overflow(time, last_, &pause) || pause > gap) {
            ++number_;
        }
        last_ = time;
        return number_;
    }

    // The time of the last row.
    std::int64_t last() const noexcept { return last_; }

  private:
    std::int64_t last_ = 0;
    std::int64_t number_ = 0;
};

} // namespace etl::feature
