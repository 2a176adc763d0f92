#include "sketch/distinct_set.hpp"

#include <bit>
#include <string>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr char type_name[] = "etl.distinct_set";
constexpr std::uint32_t magic = make_magic("DSET");
constexpr std::uint32_t version = 1;
constexpr std::uint32_t first_slots = 6;

struct header {
    state_header head;
    std::uint64_t count;
    std::uint32_t slots;
    std::uint32_t holds_zero;
};
static_assert(sizeof(header) == 24);

constexpr std::size_t size_of(std::uint64_t slots)
{
    return sizeof(header) + slots * sizeof(fingerprint);
}

// How many values may lie in so many slots.
constexpr std::uint64_t room_in(std::uint64_t slots)
{
    return slots / 4 * 3;
}

constexpr bool is_table_size(std::uint32_t slots)
{
    return slots >= first_slots && slots <= distinct_set::max_slots && slots % 3 == 0 && std::has_single_bit(slots / 3);
}
static_assert(is_table_size(first_slots) && is_table_size(distinct_set::max_slots));

// The slots of a set, at any alignment.
template <class Byte>
class table {
  public:
    table(Byte* state, std::uint32_t slots) noexcept
        : first_{state + sizeof(header)}, slots_{slots}, shift_{std::countr_zero(slots)}
    {
    }

    std::uint32_t size() const noexcept { return slots_; }
    fingerprint at(std::uint32_t i) const noexcept { return load<fingerprint>(first_ + i * sizeof(fingerprint)); }
    void put(std::uint32_t i, fingerprint value) const noexcept { store(first_ + i * sizeof(fingerprint), value); }

    // The lowest 32 bits modulo 3 * 2^shift, by a division by 3, which is a multiplication.
    std::uint32_t home(fingerprint value) const noexcept
    {
        const auto bits = static_cast<std::uint32_t>(value.low);
        return (bits >> shift_) % 3 << shift_ | (bits & ((1u << shift_) - 1));
    }
    std::uint32_t next(std::uint32_t i) const noexcept { return i + 1 == slots_ ? 0 : i + 1; }

    // The slot where the value lies or, when it does not, the free slot where it would.
    std::uint32_t find(fingerprint value) const noexcept
    {
        std::uint32_t i = home(value);
        for (fingerprint found = at(i); !found.is_zero() && found != value; found = at(i)) {
            i = next(i);
        }
        return i;
    }

    // Some free slot; there always is one.
    std::uint32_t free_slot() const noexcept
    {
        std::uint32_t i = 0;
        while (!at(i).is_zero()) {
            ++i;
        }
        return i;
    }

  private:
    Byte* first_;
    std::uint32_t slots_;
    int shift_;
};

// Reads the header and checks it against the length: after this no slot that the header names lies outside.
header read_header(std::span<const std::byte> bytes)
{
    check_header(bytes, magic, version, type_name);
    if (bytes.size() < sizeof(header)) {
        refuse_state(type_name, "The value ends within its header.");
    }
    const auto head = load<header>(bytes.data());
    if (!is_table_size(head.slots) || bytes.size() != size_of(head.slots)) {
        refuse_state(type_name, "A set of " + std::to_string(head.slots) + " slots does not have " +
                                    std::to_string(bytes.size()) + " bytes.");
    }
    if (head.holds_zero > 1 || head.count < head.holds_zero || head.count - head.holds_zero > room_in(head.slots)) {
        refuse_state(type_name, "A set of " + std::to_string(head.slots) + " slots does not hold " +
                                    std::to_string(head.count) + " values.");
    }
    return head;
}

[[noreturn]] void refuse_growth()
{
    throw error(sqlstate::program_limit_exceeded,
                "a distinct set cannot hold more than " + std::to_string(distinct_set::max_count) + " values",
                "A set is one value, and PostgreSQL's values end at 1 GB.",
                "Count parts of the values and add the counts: SELECT sum(n) FROM (SELECT etl.count_distinct(x) AS n "
                "FROM t GROUP BY hashtext(x::text) & 15) AS parts.");
}

// How many values of one table are not in the other.
std::uint64_t count_missing(table<const std::byte> from, table<const std::byte> in, poller& stop)
{
    std::uint64_t missing = 0;
    for (std::uint32_t i = 0; i < from.size(); ++i) {
        const fingerprint value = from.at(i);
        missing += !value.is_zero() && in.at(in.find(value)).is_zero();
        stop.tick();
    }
    return missing;
}

} // namespace

distinct_set::distinct_set(flat_buffer& buffer) : buffer_{buffer}
{
    if (buffer_.size() != 0) {
        read_header(buffer_.bytes());
        return;
    }
    buffer_.resize(size_of(first_slots));
    std::memset(buffer_.data(), 0, buffer_.size());
    store(buffer_.data(), header{{magic, version}, 0, first_slots, 0});
}

bool distinct_set::insert(fingerprint value)
{
    auto head = load<header>(buffer_.data());
    if (value.is_zero()) {
        const bool is_new = head.holds_zero == 0;
        head.count += is_new;
        head.holds_zero = 1;
        store(buffer_.data(), head);
        return is_new;
    }
    table<std::byte> slots{buffer_.data(), head.slots};
    std::uint32_t slot = slots.find(value);
    if (!slots.at(slot).is_zero()) {
        return false;
    }
    if (head.count - head.holds_zero == room_in(head.slots)) {
        grow(head.slots * 2);
        head = load<header>(buffer_.data());
        slots = {buffer_.data(), head.slots};
        slot = slots.find(value);
    }
    slots.put(slot, value);
    ++head.count;
    store(buffer_.data(), head);
    return true;
}

// The other set's slots are walked in order, which is the order of homes. Into a set with too little room that would
// be quadratic: the first half of the homes fills up and spills far beyond before the set doubles. So the new values
// are counted first, and the set grows once, to the size that it needs.
void distinct_set::merge(std::span<const std::byte> other, poll_fn poll)
{
    const auto from_head = read_header(other);
    const table<const std::byte> from{other.data(), from_head.slots};
    poller stop{poll};

    auto head = load<header>(buffer_.data());
    const std::uint64_t missing = count_missing(from, {buffer_.data(), head.slots}, stop);
    reserve(head.count - head.holds_zero + missing);
    for (std::uint32_t i = 0; missing > 0 && i < from.size(); ++i) {
        const fingerprint value = from.at(i);
        if (!value.is_zero()) {
            insert(value);
        }
        stop.tick();
    }
    if (from_head.holds_zero != 0) {
        insert(fingerprint{0, 0});
    }
}

void distinct_set::reserve(std::uint64_t count)
{
    const auto slots = load<header>(buffer_.data()).slots;
    std::uint64_t wanted = slots;
    while (count > room_in(wanted)) {
        wanted *= 2;
    }
    if (wanted > max_slots) {
        refuse_growth();
    }
    if (wanted > slots) {
        grow(static_cast<std::uint32_t>(wanted));
    }
}

// Rehashes in place. The old slots are the first part of the new table. They are walked in probe order from just
// after a free slot, and each value is taken out and put in anew. A value's new home is its old home plus a multiple
// of the old number of slots, for both are remainders of one number, and what lay before it keeps its order; so in its
// new neighbourhood it comes to lie no further behind than it lay, and the slots that its probe passes hold only
// values that have been moved already and stay. No value is met twice, and none ends up cut off from its home.
void distinct_set::grow(std::uint32_t slots)
{
    if (slots > max_slots) {
        refuse_growth();
    }
    auto head = load<header>(buffer_.data());
    const std::uint32_t before = head.slots;
    buffer_.resize(size_of(slots));
    std::memset(buffer_.data() + size_of(before), 0, size_of(slots) - size_of(before));

    const table<std::byte> old{buffer_.data(), before};
    const table<std::byte> grown{buffer_.data(), slots};
    const std::uint32_t start = old.free_slot();
    for (std::uint32_t i = old.next(start); i != start; i = old.next(i)) {
        const fingerprint value = old.at(i);
        if (!value.is_zero()) {
            old.put(i, fingerprint{0, 0});
            grown.put(grown.find(value), value);
        }
    }
    head.slots = slots;
    store(buffer_.data(), head);
}

std::uint64_t distinct_set::count() const noexcept
{
    return load<header>(buffer_.data()).count;
}

std::uint64_t distinct_set::count(std::span<const std::byte> bytes)
{
    return read_header(bytes).count;
}

bool distinct_set::contains(std::span<const std::byte> bytes, fingerprint value)
{
    const auto head = read_header(bytes);
    if (value.is_zero()) {
        return head.holds_zero != 0;
    }
    const table<const std::byte> slots{bytes.data(), head.slots};
    return !slots.at(slots.find(value)).is_zero();
}

// Counts the slots first, for a probe ends only where some slot is free. Then every value is looked for from its home:
// it must be met, and not before its own slot.
void distinct_set::check(std::span<const std::byte> bytes, poll_fn poll)
{
    const auto head = read_header(bytes);
    const table<const std::byte> slots{bytes.data(), head.slots};
    poller stop{poll};
    std::uint64_t taken = head.holds_zero;
    for (std::uint32_t i = 0; i < head.slots; ++i) {
        taken += !slots.at(i).is_zero();
        stop.tick();
    }
    if (taken != head.count) {
        refuse_state(type_name, "The header counts " + std::to_string(head.count) + " values, and there are " +
                                    std::to_string(taken) + ".");
    }
    for (std::uint32_t i = 0; i < head.slots; ++i) {
        const fingerprint value = slots.at(i);
        for (std::uint32_t at = slots.home(value); !value.is_zero() && at != i; at = slots.next(at)) {
            if (slots.at(at).is_zero() || slots.at(at) == value) {
                refuse_state(type_name, "A value lies twice in the set, or where no search would find it.");
            }
            stop.tick();
        }
    }
}

} // namespace etl
