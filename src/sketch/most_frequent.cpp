#include "sketch/most_frequent.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::uint32_t magic = make_magic("FREQ");
constexpr std::uint32_t version = 1;
constexpr std::size_t least_value = 3 * sizeof(std::uint64_t);
constexpr std::size_t least_table = 8;
constexpr std::uint64_t max_rows = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t alignment = alignof(std::uint64_t);

} // namespace

frequency_table::frequency_table(std::pmr::memory_resource* memory, std::uint32_t counters, std::size_t most_bytes)
    : memory_{memory}, counters_{counters}, most_bytes_{most_bytes}, values_{memory}, table_{memory}, heap_{memory}
{
}

frequency_table::~frequency_table()
{
    std::ranges::for_each(values_, [this](counted_value& value) { release(value); });
}

std::byte* frequency_table::allocate(std::size_t bytes)
{
    constexpr std::size_t of_counter = sizeof(counted_value) + 3 * sizeof(std::uint32_t);
    bytes_ += bytes + of_counter;
    if (counters_ == 0 && bytes_ > most_bytes_) {
        throw error(sqlstate::program_limit_exceeded,
                    "there are more distinct values than memory has room for, after " + std::to_string(values_.size()),
                    "Counting exactly takes one counter for each value, within work_mem * hash_mem_multiplier.",
                    "Count within a bounded number of counters, as in etl.most_frequent(value, k, counters), or raise "
                    "work_mem.");
    }
    return static_cast<std::byte*>(memory_->allocate(bytes, alignment));
}

void frequency_table::release(counted_value& value) noexcept
{
    if (value.bytes != nullptr) {
        memory_->deallocate(value.bytes, value.size, alignment);
        value.bytes = nullptr;
    }
}

// --- the table -----------------------------------------------------------------------------------------------------

std::size_t frequency_table::slot_of(const fingerprint& key) const noexcept
{
    return print_hash{}(key) & (table_.size() - 1);
}

counted_value* frequency_table::find(const fingerprint& key, const same_value& same)
{
    if (table_.empty()) {
        return nullptr;
    }
    const std::size_t mask = table_.size() - 1;
    for (std::size_t slot = slot_of(key); table_[slot] != 0; slot = (slot + 1) & mask) {
        counted_value& found = values_[table_[slot] - 1];
        if (found.key == key && same.is(found)) {
            return &found;
        }
    }
    return nullptr;
}

void frequency_table::enter(std::uint32_t value)
{
    if ((values_.size() + 1) * 2 > table_.size()) {
        rebuild();
        return; // it is among the values
    }
    const std::size_t mask = table_.size() - 1;
    std::size_t slot = slot_of(values_[value].key);
    while (table_[slot] != 0) {
        slot = (slot + 1) & mask;
    }
    table_[slot] = value + 1;
}

// Values behind it are moved into the gap where they were sent further by it.
void frequency_table::forget(std::uint32_t value)
{
    const std::size_t mask = table_.size() - 1;
    std::size_t gap = slot_of(values_[value].key);
    while (table_[gap] != value + 1) {
        gap = (gap + 1) & mask;
    }
    for (std::size_t slot = (gap + 1) & mask; table_[slot] != 0; slot = (slot + 1) & mask) {
        const std::size_t home = slot_of(values_[table_[slot] - 1].key);
        if (((slot - home) & mask) >= ((slot - gap) & mask)) {
            table_[gap] = table_[slot];
            gap = slot;
        }
    }
    table_[gap] = 0;
}

void frequency_table::rebuild()
{
    std::size_t size = least_table;
    while (size < (values_.size() + 1) * 2) {
        size *= 2;
    }
    table_.assign(size * 2, 0);
    const std::size_t mask = table_.size() - 1;
    for (std::uint32_t value = 0; value < values_.size(); ++value) {
        std::size_t slot = slot_of(values_[value].key);
        while (table_[slot] != 0) {
            slot = (slot + 1) & mask;
        }
        table_[slot] = value + 1;
    }
}

// --- the heap ------------------------------------------------------------------------------------------------------

void frequency_table::place(std::uint32_t value, std::size_t at) noexcept
{
    heap_[at] = value;
    values_[value].place = static_cast<std::uint32_t>(at);
}

void frequency_table::sink(std::size_t at) noexcept
{
    const std::uint32_t value = heap_[at];
    for (std::size_t child = 2 * at + 1; child < heap_.size(); child = 2 * at + 1) {
        if (child + 1 < heap_.size() && is_lower(heap_[child + 1], heap_[child])) {
            ++child;
        }
        if (!is_lower(heap_[child], value)) {
            break;
        }
        place(heap_[child], at);
        at = child;
    }
    place(value, at);
}

void frequency_table::rise(std::size_t at) noexcept
{
    const std::uint32_t value = heap_[at];
    while (at > 0 && is_lower(value, heap_[(at - 1) / 2])) {
        place(heap_[(at - 1) / 2], at);
        at = (at - 1) / 2;
    }
    place(value, at);
}

// --- counting ------------------------------------------------------------------------------------------------------

void frequency_table::add_rows(std::uint64_t rows)
{
    if (rows > max_rows - rows_) {
        throw error(sqlstate::numeric_value_out_of_range, "a state counts more rows than a bigint holds");
    }
    rows_ += rows;
}

void frequency_table::count(counted_value& value)
{
    add_rows(1);
    ++value.count;
    if (counters_ > 0) {
        sink(value.place);
    }
}

counted_value& frequency_table::insert(const fingerprint& key, std::size_t bytes, std::uint64_t count,
                                       std::uint64_t error)
{
    std::byte* room = allocate(bytes);
    const auto number = static_cast<std::uint32_t>(values_.size());
    values_.push_back({key, count, error, room, static_cast<std::uint32_t>(bytes), 0});
    enter(number);
    if (counters_ > 0) {
        heap_.push_back(number);
        rise(heap_.size() - 1);
    }
    return values_.back();
}

counted_value& frequency_table::add(const fingerprint& key, std::size_t bytes)
{
    add_rows(1);
    if (!is_full()) {
        return insert(key, bytes, 1, 0);
    }
    const std::uint32_t number = heap_[0];
    forget(number);
    counted_value& taken = values_[number];
    replace_bytes(taken, bytes);
    taken.key = key;
    taken.error = taken.count;
    ++taken.count;
    enter(number);
    sink(0);
    return values_[number];
}

counted_value& frequency_table::add_stored(const fingerprint& key, std::size_t bytes, std::uint64_t count,
                                           std::uint64_t error)
{
    return insert(key, bytes, count, error);
}

std::byte* frequency_table::replace_bytes(counted_value& value, std::size_t bytes)
{
    auto* room = static_cast<std::byte*>(memory_->allocate(bytes, alignment));
    release(value);
    value.bytes = room;
    value.size = static_cast<std::uint32_t>(bytes);
    return room;
}

// --- merging -------------------------------------------------------------------------------------------------------

namespace {

class equal_to final : public same_value {
  public:
    equal_to(const counted_value& sought, const value_rules& rules) noexcept : sought_{sought}, rules_{rules} {}
    bool is(const counted_value& found) const override { return rules_.are_equal(found, sought_); }

  private:
    const counted_value& sought_;
    const value_rules& rules_;
};

} // namespace

// Leaves as many values as there are counters, those with the greatest counts. Of equal counts any may stay.
void frequency_table::keep_greatest()
{
    if (values_.size() > counters_) {
        const auto end = values_.begin() + counters_;
        std::nth_element(values_.begin(), end, values_.end(),
                         [](const counted_value& a, const counted_value& b) { return a.count > b.count; });
        std::for_each(end, values_.end(), [this](counted_value& value) { release(value); });
        values_.erase(end, values_.end());
    }
    rebuild();
    heap_.resize(values_.size());
    for (std::uint32_t i = 0; i < values_.size(); ++i) {
        place(i, i);
    }
    for (std::size_t at = heap_.size() / 2; at-- > 0;) {
        sink(at);
    }
}

void frequency_table::merge(const frequency_table& other, const value_rules& rules, poll_fn poll)
{
    poller polls{poll};
    const std::uint64_t missed_here = floor();
    const std::uint64_t missed_there = other.floor();
    add_rows(other.rows_);
    for (counted_value& value : values_) {
        value.count += missed_there;
        value.error += missed_there;
    }
    for (const counted_value& from : other.values_) {
        counted_value* found = find(from.key, equal_to{from, rules});
        if (found == nullptr) {
            found = &insert(from.key, from.size, from.count + missed_here, from.error + missed_here);
            std::memcpy(found->bytes, from.bytes, from.size);
        } else {
            found->count = found->count - missed_there + from.count;
            found->error = found->error - missed_there + from.error;
            if (rules.is_shown_before(from, *found)) {
                std::memcpy(replace_bytes(*found, from.size), from.bytes, from.size);
            }
        }
        polls.tick();
    }
    if (counters_ > 0) {
        keep_greatest();
    }
}

// --- the stored form -----------------------------------------------------------------------------------------------

void write_frequencies_header(byte_writer& to, const frequencies_header& header, std::size_t values)
{
    to.value(magic);
    to.value(version);
    to.value(header.encoding);
    to.value(header.k);
    to.value(header.counters);
    to.value(header.rows);
    for (const auto name : {header.value_schema, header.value_type, header.collation_schema, header.collation}) {
        to.string(name);
    }
    to.value(header.value_shape);
    to.count(values);
}

void write_frequency(byte_writer& to, const stored_frequency& of)
{
    to.value(of.count);
    to.value(of.error);
    to.string(of.value);
}

frequencies_reader::frequencies_reader(std::span<const std::byte> bytes) : from_{bytes, frequencies_type}
{
    check_header(bytes, magic, version, frequencies_type);
    from_.bytes(sizeof(state_header));
    header_.encoding = from_.value<std::int32_t>();
    header_.k = from_.value<std::uint32_t>();
    header_.counters = from_.value<std::uint32_t>();
    header_.rows = from_.value<std::uint64_t>();
    for (auto* name : {&header_.value_schema, &header_.value_type, &header_.collation_schema, &header_.collation}) {
        *name = from_.string();
        if (name->find('\0') != std::string_view::npos) {
            from_.refuse("A name in it holds a zero byte.");
        }
    }
    header_.value_shape = from_.value<std::uint64_t>();
    values_ = from_.count(least_value);
    const bool has_too_many = header_.counters > 0 && values_ > header_.counters;
    if (has_too_many || header_.counters > frequency_table::max_counters || header_.rows > max_rows) {
        from_.refuse("It has " + std::to_string(values_) + " values of " + std::to_string(header_.rows) + " rows in " +
                     std::to_string(header_.counters) + " counters.");
    }
}

stored_frequency frequencies_reader::next()
{
    stored_frequency made{};
    made.count = from_.value<std::uint64_t>();
    made.error = from_.value<std::uint64_t>();
    made.value = from_.string();
    const bool is_inexact = made.error > 0 && header_.counters == 0;
    if (made.count == 0 || made.error >= made.count || is_inexact || made.count > header_.rows - counted_) {
        from_.refuse("A count of " + std::to_string(made.count) + " with an error of " + std::to_string(made.error) +
                     " cannot be.");
    }
    counted_ += made.count;
    return made;
}

void frequencies_reader::finish() const
{
    from_.expect_end();
    const bool is_exact = header_.counters == 0 || values_ < header_.counters;
    if (is_exact && counted_ != header_.rows) {
        from_.refuse("The counts add up to " + std::to_string(counted_) + ", not to " + std::to_string(header_.rows) +
                     " rows.");
    }
}

void check_frequencies(std::span<const std::byte> bytes, poll_fn poll)
{
    frequencies_reader from{bytes};
    poller polls{poll};
    for (std::size_t i = 0; i < from.values(); ++i) {
        from.next();
        polls.tick();
    }
    from.finish();
}

} // namespace etl
