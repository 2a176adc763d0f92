#include "validate/validation_state.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

// --- layout --------------------------------------------------------------------------------------------------------

struct header {
    std::uint32_t magic;
    std::uint32_t version;
    std::uint64_t rows;
    std::uint32_t plan_bytes;
    std::uint32_t checks;
    std::uint32_t log_capacity; // a multiple of 8
    std::uint32_t log_used;     // a multiple of 8
    std::uint64_t slots;        // 0 or a power of two
    std::uint64_t slots_used;   // always less than slots, so that a probe ends
};
static_assert(sizeof(header) == 48);

struct counter {
    std::uint64_t missing;
    std::uint64_t unexpected;
    std::uint32_t values;        // in the log, at most most_values
    std::uint32_t highest_table; // position of the last of them, where values == most_values
    std::uint32_t highest_block;
    std::uint16_t highest_offset;
    std::uint16_t unused;

    row_position highest() const noexcept { return {highest_table, highest_block, highest_offset}; }
};
static_assert(sizeof(counter) == 32);

struct log_record {      // the value's JSON follows, padded to a multiple of 8
    std::uint32_t check; // or hole
    std::uint32_t bytes;
    std::uint32_t table;
    std::uint32_t block;
    std::uint16_t offset;
    std::uint16_t unused[3];

    row_position position() const noexcept { return {table, block, offset}; }
};
static_assert(sizeof(log_record) == 24);

struct slot_record {
    fingerprint print;
    std::uint32_t rows; // 0: empty
    std::uint32_t table;
    std::uint32_t block;
    std::uint16_t offset;
    std::uint16_t check;

    row_position position() const noexcept { return {table, block, offset}; }
};
static_assert(sizeof(slot_record) == 32);

constexpr std::uint32_t hole = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t most_checks = std::numeric_limits<std::uint16_t>::max();
constexpr std::size_t first_log = 1024;
constexpr std::size_t largest_log = std::size_t{1} << 30;
constexpr std::uint64_t most_rows = std::numeric_limits<std::int64_t>::max(); // a count is a bigint
constexpr std::uint64_t first_slots = 64;

constexpr std::size_t padded(std::size_t bytes) noexcept
{
    return (bytes + 7) & ~std::size_t{7};
}

constexpr std::size_t counters_at(const header& h) noexcept
{
    return sizeof(header) + padded(h.plan_bytes);
}

constexpr std::size_t log_at(const header& h) noexcept
{
    return counters_at(h) + std::size_t{h.checks} * sizeof(counter);
}

constexpr std::size_t slots_at(const header& h) noexcept
{
    return log_at(h) + h.log_capacity;
}

std::size_t record_bytes(const log_record& record) noexcept
{
    return sizeof(log_record) + padded(record.bytes);
}

std::uint64_t home_slot(fingerprint print, std::uint32_t check, std::uint64_t slots) noexcept
{
    return detail::mix64(print.low ^ (print.high + check)) & (slots - 1);
}

// Walks the log; f(record, JSON, byte offset in the state) for every record that is no hole.
template <class F>
void each_value(std::span<const std::byte> state, const header& h, F&& f)
{
    for (std::size_t at = log_at(h), end = at + h.log_used; at < end;) {
        const auto record = load<log_record>(state.data() + at);
        if (record.check != hole) {
            const auto* text = reinterpret_cast<const char*>(state.data() + at + sizeof(log_record));
            f(record, std::string_view{text, record.bytes}, at);
        }
        at += record_bytes(record);
    }
}

// --- what a stranger's bytes must keep -------------------------------------------------------------------------------

[[noreturn]] void refuse(const char* why)
{
    refuse_state(validation_state::type_name, why);
}

void check_sizes(const header& h, std::size_t size)
{
    if (h.rows > most_rows || h.checks > most_checks || h.log_capacity % 8 != 0 || h.log_used % 8 != 0 ||
        h.log_used > h.log_capacity) {
        refuse("The sizes in its header contradict each other.");
    }
    const bool table_fits = h.slots == 0 ? h.slots_used == 0
                                         : (h.slots & (h.slots - 1)) == 0 && h.slots_used < h.slots &&
                                               h.slots <= size / sizeof(slot_record);
    if (!table_fits || slots_at(h) + h.slots * sizeof(slot_record) != size) {
        refuse("Its length is not what its header says.");
    }
}

void check_log(std::span<const std::byte> bytes, const header& h)
{
    std::vector<std::uint32_t> values(h.checks, 0);
    for (std::size_t at = log_at(h), end = at + h.log_used; at < end;) {
        if (end - at < sizeof(log_record)) {
            refuse("Its list of failing values is cut.");
        }
        const auto record = load<log_record>(bytes.data() + at);
        if (record_bytes(record) > end - at || (record.check != hole && record.check >= h.checks)) {
            refuse("Its list of failing values is damaged.");
        }
        if (record.check != hole) {
            ++values[record.check];
        }
        at += record_bytes(record);
    }
    for (std::uint32_t i = 0; i < h.checks; ++i) {
        const auto c = load<counter>(bytes.data() + counters_at(h) + i * sizeof(counter));
        if (c.values != values[i] || c.values > validation_state::most_values || c.values > c.unexpected ||
            c.missing > h.rows || c.unexpected > h.rows - c.missing) {
            refuse("Its counters contradict each other.");
        }
    }
}

void check_slots(std::span<const std::byte> bytes, const header& h)
{
    std::uint64_t used = 0;
    for (std::uint64_t i = 0; i < h.slots; ++i) {
        const auto s = load<slot_record>(bytes.data() + slots_at(h) + i * sizeof(slot_record));
        if (s.rows != 0 && (s.check >= h.checks || s.rows > h.rows)) {
            refuse("Its table of counted values is damaged.");
        }
        used += s.rows != 0 ? 1 : 0;
    }
    if (used != h.slots_used) {
        refuse("Its table of counted values does not hold what its header says.");
    }
}

} // namespace

void validation_state::create(flat_buffer& buffer, std::string_view plan, std::size_t checks)
{
    if (checks > most_checks) {
        throw error(sqlstate::program_limit_exceeded, "a suite can hold at most 65535 expectations",
                    "This one has " + std::to_string(checks) + ".");
    }
    header h{};
    h.magic = magic;
    h.version = version;
    h.plan_bytes = static_cast<std::uint32_t>(plan.size());
    h.checks = static_cast<std::uint32_t>(checks);
    buffer.resize(slots_at(h));
    std::memset(buffer.data(), 0, buffer.size());
    store(buffer.data(), h);
    const auto text = std::as_bytes(std::span{plan});
    std::copy(text.begin(), text.end(), buffer.data() + sizeof(header));
}

void validation_state::check_foreign(std::span<const std::byte> bytes)
{
    check_header(bytes, magic, version, type_name);
    if (bytes.size() < sizeof(header)) {
        refuse("It is shorter than its header.");
    }
    const auto h = load<header>(bytes.data());
    check_sizes(h, bytes.size());
    check_log(bytes, h);
    check_slots(bytes, h);
}

namespace {

counter load_counter(flat_buffer& buffer, std::uint32_t check)
{
    const auto h = load<header>(buffer.data());
    return load<counter>(buffer.data() + counters_at(h) + check * sizeof(counter));
}

void store_counter(flat_buffer& buffer, std::uint32_t check, const counter& value)
{
    const auto h = load<header>(buffer.data());
    store(buffer.data() + counters_at(h) + check * sizeof(counter), value);
}

} // namespace

void validation_state::add_row(const checker& checks, std::span<const field> row, row_position position)
{
    auto h = load<header>(buffer_.data());
    if (h.checks != checks.checks().size()) {
        throw error(sqlstate::invalid_parameter_value, "the validation state belongs to another suite");
    }
    ++h.rows;
    store(buffer_.data(), h);
    std::uint32_t i = 0;
    for (const check& c : checks.checks()) {
        const verdict found = c.test(row);
        if (found != verdict::as_expected) {
            add_verdict(i, c, found, row, position);
        }
        ++i;
    }
}

void validation_state::add_verdict(std::uint32_t i, const check& c, verdict found, std::span<const field> row,
                                   row_position position)
{
    if (found == verdict::undecided) {
        add_fingerprint(i, c.print(row), 1, position);
        return;
    }
    counter counts = load_counter(buffer_, i);
    ++(found == verdict::missing ? counts.missing : counts.unexpected);
    store_counter(buffer_, i, counts);
    if (found == verdict::unexpected && wants_value(i, position)) {
        add_value(i, position, c.json(row));
    }
}

// --- failing values --------------------------------------------------------------------------------------------------

bool validation_state::wants_value(std::uint32_t check, row_position position) const
{
    const counter found = load_counter(buffer_, check);
    return found.values < most_values || position < found.highest();
}

void validation_state::add_value(std::uint32_t check, row_position position, std::string_view json)
{
    if (load_counter(buffer_, check).values == most_values) {
        drop_last_value(check);
    }
    log_record record{};
    record.check = check;
    record.bytes = static_cast<std::uint32_t>(json.size());
    record.table = position.table;
    record.block = position.block;
    record.offset = position.offset;
    reserve_log(record_bytes(record));

    auto h = load<header>(buffer_.data());
    std::byte* at = buffer_.data() + log_at(h) + h.log_used;
    store(at, record);
    std::memcpy(at + sizeof record, json.data(), json.size());
    std::memset(at + sizeof record + json.size(), 0, padded(json.size()) - json.size());
    h.log_used += static_cast<std::uint32_t>(record_bytes(record));
    store(buffer_.data(), h);

    counter found = load_counter(buffer_, check);
    ++found.values;
    if (found.values == 1 || found.highest() < position) {
        found.highest_table = position.table;
        found.highest_block = position.block;
        found.highest_offset = position.offset;
    }
    store_counter(buffer_, check, found);
}

// Makes a hole of the check's last value by position, and finds the one that is the last now.
void validation_state::drop_last_value(std::uint32_t check)
{
    const auto h = load<header>(buffer_.data());
    counter found = load_counter(buffer_, check);
    std::size_t last_at = 0;
    row_position last{};
    row_position before{};
    each_value(buffer_.bytes(), h, [&](const log_record& record, std::string_view, std::size_t at) {
        if (record.check != check) {
            return;
        }
        if (last_at == 0 || record.position() >= last) {
            before = last;
            last = record.position();
            last_at = at;
        } else {
            before = std::max(before, record.position());
        }
    });
    auto record = load<log_record>(buffer_.data() + last_at);
    record.check = hole;
    store(buffer_.data() + last_at, record);
    --found.values;
    found.highest_table = before.table;
    found.highest_block = before.block;
    found.highest_offset = before.offset;
    store_counter(buffer_, check, found);
}

// Room for so many bytes more: first by closing the holes, then by doubling.
void validation_state::reserve_log(std::size_t bytes)
{
    auto h = load<header>(buffer_.data());
    if (h.log_capacity - h.log_used >= bytes) {
        return;
    }
    std::pmr::vector<std::byte> kept{scratch_};
    each_value(buffer_.bytes(), h, [&](const log_record& record, std::string_view, std::size_t at) {
        const std::byte* from = buffer_.data() + at;
        kept.insert(kept.end(), from, from + record_bytes(record));
    });
    std::size_t capacity = std::max<std::size_t>(h.log_capacity, first_log);
    while (capacity < 2 * (kept.size() + bytes)) {
        capacity *= 2;
    }
    if (capacity > largest_log) {
        throw error(sqlstate::program_limit_exceeded, "the failing values of a validation take more than 1 GB");
    }
    const std::size_t old_slots = slots_at(h);
    const std::size_t table_bytes = h.slots * sizeof(slot_record);
    h.log_capacity = static_cast<std::uint32_t>(capacity);
    h.log_used = static_cast<std::uint32_t>(kept.size());
    buffer_.resize(slots_at(h) + table_bytes);
    std::memmove(buffer_.data() + slots_at(h), buffer_.data() + old_slots, table_bytes);
    std::memset(buffer_.data() + log_at(h), 0, capacity);
    std::copy(kept.begin(), kept.end(), buffer_.data() + log_at(h));
    store(buffer_.data(), h);
}

// --- uniqueness ------------------------------------------------------------------------------------------------------

void validation_state::add_fingerprint(std::uint32_t check, fingerprint print, std::uint32_t rows, row_position first)
{
    reserve_slots(1);
    auto h = load<header>(buffer_.data());
    std::byte* table = buffer_.data() + slots_at(h);
    for (std::uint64_t i = home_slot(print, check, h.slots);; i = (i + 1) & (h.slots - 1)) {
        std::byte* at = table + i * sizeof(slot_record);
        auto found = load<slot_record>(at);
        if (found.rows == 0) {
            store(at,
                  slot_record{print, rows, first.table, first.block, first.offset, static_cast<std::uint16_t>(check)});
            ++h.slots_used;
            store(buffer_.data(), h);
            return;
        }
        if (found.print == print && found.check == check) {
            found.rows = rows > hole - found.rows ? hole : found.rows + rows;
            if (first < found.position()) {
                found.table = first.table;
                found.block = first.block;
                found.offset = first.offset;
            }
            store(at, found);
            return;
        }
    }
}

// Whether the value is in the table already.
bool validation_state::counts(std::uint32_t check, fingerprint print)
{
    const auto h = load<header>(buffer_.data());
    const std::byte* table = buffer_.data() + slots_at(h);
    for (std::uint64_t i = h.slots == 0 ? 0 : home_slot(print, check, h.slots); h.slots != 0;
         i = (i + 1) & (h.slots - 1)) {
        const auto found = load<slot_record>(table + i * sizeof(slot_record));
        if (found.rows == 0) {
            return false;
        }
        if (found.print == print && found.check == check) {
            return true;
        }
    }
    return false;
}

// Room for so many values more, with a quarter of the slots left empty.
void validation_state::reserve_slots(std::uint64_t more)
{
    const auto h = load<header>(buffer_.data());
    std::uint64_t slots = std::max(h.slots, first_slots);
    while ((h.slots_used + more) * 4 > slots * 3) {
        slots *= 2;
    }
    if (slots != h.slots) {
        rehash(slots);
    }
}

void validation_state::rehash(std::uint64_t slots)
{
    poller poll_now_and_then{poll_};
    auto h = load<header>(buffer_.data());
    const std::byte* old = buffer_.data() + slots_at(h);
    const std::pmr::vector<std::byte> records(old, old + h.slots * sizeof(slot_record), scratch_);
    h.slots = slots;
    buffer_.resize(slots_at(h) + h.slots * sizeof(slot_record));
    std::byte* table = buffer_.data() + slots_at(h);
    std::memset(table, 0, h.slots * sizeof(slot_record));
    for (std::size_t at = 0; at < records.size(); at += sizeof(slot_record)) {
        const auto record = load<slot_record>(records.data() + at);
        poll_now_and_then.tick();
        if (record.rows == 0) {
            continue;
        }
        std::uint64_t i = home_slot(record.print, record.check, h.slots);
        while (load<slot_record>(table + i * sizeof(slot_record)).rows != 0) {
            i = (i + 1) & (h.slots - 1);
        }
        store(table + i * sizeof(slot_record), record);
    }
    store(buffer_.data(), h);
}

// --- merging ---------------------------------------------------------------------------------------------------------

void validation_state::merge(std::span<const std::byte> other)
{
    const state_reader from{other};
    const state_reader into{buffer_.bytes()};
    if (from.plan() != into.plan() || from.checks() != into.checks()) {
        throw error(sqlstate::invalid_parameter_value,
                    "validation states of different suites or columns cannot be merged", {},
                    "Merge states that were made with the same suite, unchanged, over the same columns.");
    }
    auto h = load<header>(buffer_.data());
    if (from.rows() > most_rows - h.rows) {
        throw error(sqlstate::numeric_value_out_of_range, "the rows of the merged validation states are too many");
    }
    h.rows += from.rows();
    store(buffer_.data(), h);
    for (std::uint32_t i = 0; i < h.checks; ++i) {
        counter found = load_counter(buffer_, i);
        found.missing += from.missing(i);
        found.unexpected += from.unexpected(i);
        store_counter(buffer_, i, found);
    }
    for (const auto& value : from.values()) {
        if (wants_value(value.check, value.position)) {
            add_value(value.check, value.position, value.json);
        }
    }
    // Room first: values that come in the order of one table into another that is still too small would pile up in
    // runs, and each insertion walk a whole run.
    poller poll_now_and_then{poll_};
    std::uint64_t missing = 0;
    from.each_counted([&](const state_reader::duplicate& counted) {
        missing += counts(counted.check, counted.print) ? 0 : 1;
        poll_now_and_then.tick();
    });
    reserve_slots(missing);
    from.each_counted([&](const state_reader::duplicate& counted) {
        add_fingerprint(counted.check, counted.print, counted.rows, counted.first);
        poll_now_and_then.tick();
    });
}

// --- reading ---------------------------------------------------------------------------------------------------------

state_reader::state_reader(std::span<const std::byte> bytes) : bytes_{bytes}
{
    check_header(bytes, validation_state::magic, validation_state::version, validation_state::type_name);
}

std::uint64_t state_reader::rows() const noexcept
{
    return load<header>(bytes_.data()).rows;
}

std::uint32_t state_reader::checks() const noexcept
{
    return load<header>(bytes_.data()).checks;
}

std::string_view state_reader::plan() const noexcept
{
    return {reinterpret_cast<const char*>(bytes_.data()) + sizeof(header), load<header>(bytes_.data()).plan_bytes};
}

std::uint64_t state_reader::missing(std::uint32_t check) const noexcept
{
    return load<counter>(bytes_.data() + counters_at(load<header>(bytes_.data())) + check * sizeof(counter)).missing;
}

std::uint64_t state_reader::unexpected(std::uint32_t check) const noexcept
{
    return load<counter>(bytes_.data() + counters_at(load<header>(bytes_.data())) + check * sizeof(counter)).unexpected;
}

std::vector<state_reader::value> state_reader::values() const
{
    std::vector<value> found;
    each_value(bytes_, load<header>(bytes_.data()), [&](const log_record& record, std::string_view json, std::size_t) {
        found.push_back({record.check, record.position(), json});
    });
    std::stable_sort(found.begin(), found.end(), [](const value& a, const value& b) {
        return a.check != b.check ? a.check < b.check : a.position < b.position;
    });
    return found;
}

std::uint64_t state_reader::slots() const noexcept
{
    return load<header>(bytes_.data()).slots;
}

state_reader::duplicate state_reader::slot(std::uint64_t i) const noexcept
{
    const auto h = load<header>(bytes_.data());
    const auto found = load<slot_record>(bytes_.data() + slots_at(h) + i * sizeof(slot_record));
    return {found.check, found.print, found.rows, found.position()};
}

} // namespace etl::validate
