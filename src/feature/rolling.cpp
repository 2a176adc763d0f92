#include "feature/rolling.hpp"

#include "feature/slot_windows.hpp"

#include <algorithm>
#include <limits>

#include "core/cpp_only.hpp"

namespace etl::feature {
namespace {

const row_slot& slot_of(const row_head* row, std::size_t slot)
{
    return *(reinterpret_cast<const row_slot*>(row + 1) + slot);
}

} // namespace

std::int64_t window_start(std::int64_t time, std::int64_t span) noexcept
{
    if (time == past_infinity || time == future_infinity) {
        return time - 1;
    }
    std::int64_t start = 0;
    return __builtin_sub_overflow(time, span, &start) ? past_infinity : std::max(start, past_infinity);
}

// Where the readers stand, and how many rows of the key they have passed.
struct rolling::walk {
    walk(std::pmr::memory_resource* memory, sorted_rows& part, std::size_t spans, poll_fn poll)
        : here{part}, ahead{part}, behind{memory}, left(spans, memory), stop{poll}
    {
        behind.reserve(spans);
        for (std::size_t i = 0; i < spans; ++i) {
            behind.emplace_back(part);
        }
    }

    row_reader here;
    row_reader ahead;
    std::pmr::vector<row_reader> behind;
    fingerprint key{};
    std::int64_t came = 0;
    std::pmr::vector<std::int64_t> left;
    poller stop;

    bool is_of_key(const row_reader& reader) const { return reader->row != nullptr && reader->key == key; }
};

rolling::rolling(std::pmr::memory_resource* memory, std::span<const slot_form> slots,
                 std::span<const rolling_call> calls, std::span<const std::int64_t> spans, const byte_order& order)
    : memory_{memory}, spans_(spans.begin(), spans.end(), memory), calls_{memory}
{
    for (const rolling_call& call : calls) {
        const bool counts_rows = call.function == rolling_function::rows;
        calls_.push_back(
            {call.function, counts_rows ? nullptr : window_for(call.function, call.slot, slots[call.slot], order)});
    }
}

rolling::~rolling() = default;

// Sum and average of a column share what they are made of.
slot_window* rolling::window_for(rolling_function function, std::size_t slot, slot_form form, const byte_order& order)
{
    std::unique_ptr<slot_window> made;
    switch (function) {
    case rolling_function::sum:
    case rolling_function::avg:
        for (const served_call& other : calls_) {
            const bool is_sum = other.function == rolling_function::sum || other.function == rolling_function::avg;
            if (is_sum && other.from->slot == slot) {
                return other.from;
            }
        }
        made = make_sums(memory_, form, spans_.size());
        break;
    case rolling_function::min:
    case rolling_function::max:
        made = make_extreme(memory_, function, form, spans_.size(), order, slot);
        break;
    case rolling_function::distinct:
        made = make_distinct(memory_, spans_.size());
        break;
    case rolling_function::latest:
        made = make_latest(memory_, form, order, slot);
        break;
    default:
        made = make_counts(spans_.size());
    }
    made->slot = slot;
    windows_.push_back(std::move(made));
    return windows_.back().get();
}

void rolling::run(sorted_rows& part, rolling_sink& to, poll_fn poll)
{
    walk at{memory_, part, spans_.size(), poll};
    while (at.here->row != nullptr) {
        at.key = at.here->key;
        const bool has_times = (at.here->row->flags & no_time) == 0;
        if (!has_times) {
            tell_nothing(to);
        }
        while (at.is_of_key(at.here)) {
            const std::int64_t time = at.here->at;
            if (has_times) {
                tell(at, to, time);
            }
            do {
                at.here.prefetch();
                to.row(at.here->row);
                at.here.next();
                at.stop.tick();
            } while (at.is_of_key(at.here) && at.here->at == time);
        }
        finish_key(at);
    }
}

void rolling::tell(walk& at, rolling_sink& to, std::int64_t time)
{
    for (; at.is_of_key(at.ahead) && at.ahead->at == time; at.ahead.next()) {
        ++at.came;
        for (const auto& window : windows_) {
            window->add(*at.ahead->row, slot_of(at.ahead->row, window->slot));
            at.stop.tick();
        }
    }
    for (std::size_t i = 0; i < spans_.size(); ++i) {
        const std::int64_t start = window_start(time, spans_[i]);
        for (row_reader& last = at.behind[i]; last->at <= start; last.next()) {
            ++at.left[i];
            for (const auto& window : windows_) {
                if (window->wants_take()) {
                    window->take(*last->row, slot_of(last->row, window->slot), i);
                    at.stop.tick();
                }
            }
        }
        for (std::size_t c = 0; c < calls_.size(); ++c) {
            if (calls_[c].from != nullptr) {
                to.value(c, i, calls_[c].from->answer(calls_[c].function, i, start));
                at.stop.tick();
            } else {
                rolling_value rows;
                rows.is = rolling_value::kind::whole;
                rows.low = static_cast<std::uint64_t>(at.came - at.left[i]);
                to.value(c, i, rows);
            }
        }
    }
}

void rolling::tell_nothing(rolling_sink& to)
{
    for (std::size_t i = 0; i < spans_.size(); ++i) {
        for (std::size_t c = 0; c < calls_.size(); ++c) {
            to.value(c, i, {});
        }
    }
}

// All readers go on to the next key.
void rolling::finish_key(walk& at)
{
    const auto pass = [&at](row_reader& reader) {
        while (at.is_of_key(reader)) {
            reader.next();
        }
    };
    pass(at.ahead);
    std::ranges::for_each(at.behind, pass);
    for (const auto& window : windows_) {
        window->clear();
    }
    at.came = 0;
    std::ranges::fill(at.left, 0);
}

} // namespace etl::feature
