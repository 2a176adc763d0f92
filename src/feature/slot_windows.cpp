#include "feature/slot_windows.hpp"

#include "core/bytes.hpp"
#include "feature/sliding_distinct.hpp"
#include "feature/sliding_sums.hpp"
#include "sketch/key_order.hpp"

#include <bit>
#include <cmath>
#include <deque>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::feature {
namespace {

using kind = rolling_value::kind;

std::span<const std::byte> bytes_of(const row_head& row, const row_slot& value)
{
    const auto* start = reinterpret_cast<const std::byte*>(&row);
    return {start + static_cast<std::uint32_t>(value.first), static_cast<std::size_t>(value.first >> 32)};
}

scaled_decimal decimal_of(const row_head& row, const row_slot& value)
{
    const auto digits = bytes_of(row, value);
    return {{static_cast<decimal::sign>(value.second >> 16 & 0xffff),
             static_cast<std::int16_t>(value.second >> 48),
             {reinterpret_cast<const char*>(digits.data()), digits.size()}},
            static_cast<int>(value.second >> 32 & 0xffff)};
}

rolling_value value_of(__int128 whole)
{
    rolling_value made;
    made.is = kind::whole;
    made.low = static_cast<std::uint64_t>(whole);
    made.high = static_cast<std::int64_t>(whole >> 64);
    return made;
}

rolling_value value_of(double real)
{
    rolling_value made;
    made.is = kind::real;
    made.real = real;
    return made;
}

rolling_value value_of(const scaled_decimal& number)
{
    rolling_value made;
    made.is = kind::decimal;
    made.decimal = number.value;
    made.places = static_cast<std::int16_t>(number.places);
    return made;
}

// What is summed, by its form.

struct summed_whole {
    using sum = sliding_whole_sum;
    static sum make() { return {}; }
    static std::int64_t read(const row_head&, const row_slot& from) { return static_cast<std::int64_t>(from.first); }
    static rolling_value answer(const sum& of, rolling_function, std::uint64_t) { return value_of(of.value()); }
};

struct summed_real {
    using sum = sliding_real_sum;
    static sum make() { return {}; }
    static double read(const row_head&, const row_slot& from) { return std::bit_cast<double>(from.first); }
    static rolling_value answer(const sum& of, rolling_function function, std::uint64_t values)
    {
        return value_of(function == rolling_function::avg ? of.mean(values) : of.rounded());
    }
};

struct summed_decimal {
    using sum = sliding_decimal_sum;
    std::pmr::memory_resource* memory;
    std::pmr::vector<std::int16_t> digits;

    sum make() const { return sum{memory}; }
    static scaled_decimal read(const row_head& row, const row_slot& from) { return decimal_of(row, from); }
    rolling_value answer(const sum& of, rolling_function, std::uint64_t) { return value_of(of.value(digits)); }
};

template <class Summed>
class sums final : public slot_window {
  public:
    sums(Summed summed, std::size_t spans) : summed_{std::move(summed)}
    {
        for (std::size_t i = 0; i < spans; ++i) {
            of_.push_back({summed_.make()});
        }
    }

    void add(const row_head& row, const row_slot& value) override
    {
        if (!value.is_null()) {
            const auto read = Summed::read(row, value);
            for (counted& of : of_) {
                of.sum.move(read, step::add);
                ++of.values;
            }
        }
    }
    void take(const row_head& row, const row_slot& value, std::size_t span) override
    {
        if (!value.is_null()) {
            of_[span].sum.move(Summed::read(row, value), step::take);
            --of_[span].values;
        }
    }
    void clear() override
    {
        for (counted& of : of_) {
            of.sum.clear();
            of.values = 0;
        }
    }
    rolling_value answer(rolling_function function, std::size_t span, std::int64_t) override
    {
        const counted& of = of_[span];
        if (of.values == 0) {
            return {};
        }
        rolling_value made = summed_.answer(of.sum, function, of.values);
        made.rows = of.values;
        return made;
    }

  private:
    struct counted {
        typename Summed::sum sum;
        std::uint64_t values = 0;
    };

    Summed summed_;
    std::vector<counted> of_;
};

// How many values are not NULL.
class value_counts final : public slot_window {
  public:
    explicit value_counts(std::size_t spans) : values_(spans) {}

    void add(const row_head&, const row_slot& value) override
    {
        for (std::int64_t& values : values_) {
            values += value.is_null() ? 0 : 1;
        }
    }
    void take(const row_head&, const row_slot& value, std::size_t span) override
    {
        values_[span] -= value.is_null() ? 0 : 1;
    }
    void clear() override { values_.assign(values_.size(), 0); }
    rolling_value answer(rolling_function, std::size_t span, std::int64_t) override { return value_of(values_[span]); }

  private:
    static rolling_value value_of(std::int64_t values) { return feature::value_of(static_cast<__int128>(values)); }
    std::vector<std::int64_t> values_;
};

class distinct_values final : public slot_window {
  public:
    distinct_values(std::pmr::memory_resource* memory, std::size_t spans) : of_{memory, spans} {}

    void add(const row_head&, const row_slot& value) override
    {
        if (!value.is_null()) {
            of_.add({value.first, value.second});
        }
    }
    void take(const row_head&, const row_slot& value, std::size_t span) override
    {
        if (!value.is_null()) {
            of_.take({value.first, value.second}, span);
        }
    }
    void clear() override { of_.clear(); }
    rolling_value answer(rolling_function, std::size_t span, std::int64_t) override
    {
        return value_of(static_cast<__int128>(of_.count(span)));
    }

  private:
    sliding_distinct of_;
};

// Values as they are kept, by their form: what they are compared by, and what they are answered as.

struct kept_whole {
    using value = std::int64_t;
    value read(const row_head&, const row_slot& from) const { return static_cast<value>(from.first); }
    int compare(value a, value b) const { return a < b ? -1 : static_cast<int>(a > b); }
    static rolling_value answer(value of) { return value_of(static_cast<__int128>(of)); }
};

struct kept_real {
    using value = double;
    value read(const row_head&, const row_slot& from) const { return std::bit_cast<double>(from.first); }
    int compare(value a, value b) const // NaN is the greatest, and -0 less than 0
    {
        const std::uint64_t left = key_of(a);
        const std::uint64_t right = key_of(b);
        if (left != right) {
            return left < right ? -1 : 1;
        }
        return static_cast<int>(std::signbit(b)) - static_cast<int>(std::signbit(a));
    }
    static rolling_value answer(value of) { return value_of(of); }
};

struct kept_bytes {
    using value = std::pmr::vector<std::byte>;
    std::pmr::memory_resource* memory;
    const byte_order* order;
    std::size_t slot;

    value read(const row_head& row, const row_slot& from) const
    {
        const auto bytes = bytes_of(row, from);
        return {bytes.begin(), bytes.end(), memory};
    }
    int compare(const value& a, const value& b) const { return order->compare(slot, a, b); }
    static rolling_value answer(const value& of)
    {
        rolling_value made;
        made.is = kind::bytes;
        made.bytes = of;
        return made;
    }
};

// The least or greatest value: of the values in the window those are kept, in their order, that no later one beats
// (the monotonic queue, as in D. Lemire, "Streaming maximum-minimum filter using no more than three comparisons per
// element", 2006). Of equal ones the first is the answer.
template <class Kept>
class extremes final : public slot_window {
  public:
    extremes(Kept kept, std::pmr::memory_resource* memory, bool greatest, std::size_t spans)
        : kept_{kept}, sign_{greatest ? 1 : -1}
    {
        for (std::size_t i = 0; i < spans; ++i) {
            queues_.emplace_back(memory);
        }
    }

    void add(const row_head& row, const row_slot& value) override
    {
        if (!value.is_null()) {
            for (queue& in : queues_) {
                push(in, {row.at, kept_.read(row, value)});
            }
        }
    }
    void take(const row_head&, const row_slot&, std::size_t) override {}
    bool wants_take() const noexcept override { return false; }
    void clear() override
    {
        for (queue& in : queues_) {
            in.clear();
        }
    }
    rolling_value answer(rolling_function, std::size_t span, std::int64_t start) override
    {
        queue& in = queues_[span];
        while (!in.empty() && in.front().at <= start) {
            in.pop_front();
        }
        return in.empty() ? rolling_value{} : Kept::answer(in.front().value);
    }

  private:
    struct entry {
        std::int64_t at;
        typename Kept::value value;
    };
    using queue = std::pmr::deque<entry>;

    void push(queue& in, entry added)
    {
        while (!in.empty() && sign_ * kept_.compare(added.value, in.back().value) > 0) {
            in.pop_back();
        }
        in.push_back(std::move(added));
    }

    Kept kept_;
    int sign_;
    std::vector<queue> queues_;
};

// The newest value that is not NULL; of several of one time the greatest.
template <class Kept>
class latest_values final : public slot_window {
  public:
    explicit latest_values(Kept kept) : kept_{kept} {}

    void add(const row_head& row, const row_slot& value) override
    {
        if (value.is_null()) {
            return;
        }
        auto read = kept_.read(row, value);
        if (!is_known_ || at_ != row.at || kept_.compare(read, newest_) > 0) {
            is_known_ = true;
            at_ = row.at;
            newest_ = std::move(read);
        }
    }
    void take(const row_head&, const row_slot&, std::size_t) override {}
    bool wants_take() const noexcept override { return false; }
    void clear() override { is_known_ = false; }
    rolling_value answer(rolling_function, std::size_t, std::int64_t start) override
    {
        return is_known_ && at_ > start ? Kept::answer(newest_) : rolling_value{};
    }

  private:
    Kept kept_;
    bool is_known_ = false;
    std::int64_t at_ = 0;
    typename Kept::value newest_{};
};

// Calls make() with what keeps values of the form.
template <class Make>
std::unique_ptr<slot_window> for_form(std::pmr::memory_resource* memory, slot_form form, const byte_order& order,
                                      std::size_t slot, Make&& make)
{
    switch (form) {
    case slot_form::whole:
        return make(kept_whole{});
    case slot_form::real:
        return make(kept_real{});
    default:
        return make(kept_bytes{memory, &order, slot});
    }
}

} // namespace

std::unique_ptr<slot_window> make_sums(std::pmr::memory_resource* memory, slot_form form, std::size_t spans)
{
    switch (form) {
    case slot_form::whole:
        return std::make_unique<sums<summed_whole>>(summed_whole{}, spans);
    case slot_form::real:
        return std::make_unique<sums<summed_real>>(summed_real{}, spans);
    default:
        return std::make_unique<sums<summed_decimal>>(summed_decimal{memory, std::pmr::vector<std::int16_t>{memory}},
                                                      spans);
    }
}

std::unique_ptr<slot_window> make_counts(std::size_t spans)
{
    return std::make_unique<value_counts>(spans);
}

std::unique_ptr<slot_window> make_distinct(std::pmr::memory_resource* memory, std::size_t spans)
{
    return std::make_unique<distinct_values>(memory, spans);
}

std::unique_ptr<slot_window> make_extreme(std::pmr::memory_resource* memory, rolling_function function, slot_form form,
                                          std::size_t spans, const byte_order& order, std::size_t slot)
{
    return for_form(memory, form, order, slot, [&](auto kept) -> std::unique_ptr<slot_window> {
        return std::make_unique<extremes<decltype(kept)>>(kept, memory, function == rolling_function::max, spans);
    });
}

std::unique_ptr<slot_window> make_latest(std::pmr::memory_resource* memory, slot_form form, const byte_order& order,
                                         std::size_t slot)
{
    return for_form(memory, form, order, slot, [](auto kept) -> std::unique_ptr<slot_window> {
        return std::make_unique<latest_values<decltype(kept)>>(kept);
    });
}

} // namespace etl::feature
