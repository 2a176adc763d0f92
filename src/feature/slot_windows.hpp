// What a column's values in the windows of a row come to, kept up to date while rows come and go.
#pragma once

#include "feature/rolling.hpp"

#include <memory>

namespace etl::feature {

class slot_window {
  public:
    virtual ~slot_window() = default;

    // A row of a key comes into the windows of all spans; times never fall.
    virtual void add(const row_head& row, const row_slot& value) = 0;
    // A row leaves the window of a span.
    virtual void take(const row_head& row, const row_slot& value, std::size_t span) = 0;
    // Another key begins.
    virtual void clear() = 0;
    // The answer for the window that begins after `start`.
    virtual rolling_value answer(rolling_function function, std::size_t span, std::int64_t start) = 0;

    // Whether take() does anything: some look at times instead.
    virtual bool wants_take() const noexcept { return true; }

    std::size_t slot = 0;
};

std::unique_ptr<slot_window> make_sums(std::pmr::memory_resource* memory, slot_form form, std::size_t spans);
std::unique_ptr<slot_window> make_counts(std::size_t spans);
std::unique_ptr<slot_window> make_distinct(std::pmr::memory_resource* memory, std::size_t spans);
std::unique_ptr<slot_window> make_extreme(std::pmr::memory_resource* memory, rolling_function function, slot_form form,
                                          std::size_t spans, const byte_order& order, std::size_t slot);
std::unique_ptr<slot_window> make_latest(std::pmr::memory_resource* memory, slot_form form, const byte_order& order,
                                         std::size_t slot);

} // namespace etl::feature
