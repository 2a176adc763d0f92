#include "sketch/distinct_per_key.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::size_t least_table = 1024;
constexpr std::size_t most_waiting_words = 64; // of a key
constexpr unsigned most_share_bits = 24;
constexpr unsigned share_shift = 40; // tables are found by the lower bits

std::uint64_t hash_of(const std::uint64_t* entry) noexcept
{
    return print_hash{}({entry[0] + entry[1], entry[2]});
}

} // namespace

// --- setting aside -------------------------------------------------------------------------------------------------

recent_keys::recent_keys(std::pmr::memory_resource* memory, std::size_t most_bytes)
    : pairs_(least_table, memory), most_{std::bit_floor(std::max(most_bytes / sizeof(pair), least_table))}
{
}

bool recent_keys::met(const fingerprint& key)
{
    const pair& found = pairs_[place(key)];
    if ((found.newer == key || found.older == key) && !key.is_zero()) { // zeros are free places
        return true;
    }
    if (entered_ > pairs_.size() && pairs_.size() < most_) {
        grow();
    }
    enter(key);
    ++entered_;
    return false;
}

void recent_keys::enter(const fingerprint& key) noexcept
{
    pair& to = pairs_[place(key)];
    to = {key, to.newer};
}

void recent_keys::grow()
{
    std::pmr::vector<pair> old(pairs_.size() * 4 < most_ ? pairs_.size() * 4 : most_, pairs_.get_allocator());
    std::swap(old, pairs_);
    for (const pair& from : old) {
        enter(from.older);
        enter(from.newer);
    }
}

key_parts::key_parts(std::pmr::memory_resource* memory, part_writer& to, std::size_t remembered_bytes, bool look_alike)
    : rows_{to}, recent_{memory, remembered_bytes}, look_alike_{look_alike},
      words_(most_waiting * most_waiting_words, memory), large_{memory}
{
    for (std::size_t i = 0; i < most_waiting; ++i) {
        waiting_[i].at = &words_[i * most_waiting_words];
    }
}

std::uint64_t* key_parts::room(std::size_t words)
{
    waiting_key& place = waiting_[next_];
    let_in(place);
    place.words = words;
    if (words <= most_waiting_words) {
        return place.at;
    }
    large_.resize(words);
    return large_.data();
}

void key_parts::add(const fingerprint& key)
{
    waiting_key& place = waiting_[next_];
    const bool is_large = place.words > most_waiting_words;
    const auto words = std::span{is_large ? large_.data() : place.at, place.words};
    place.key = key;
    place.look = look_alike_ ? key : fingerprint_of(std::as_bytes(words));
    recent_.expect(place.look);
    if (is_large) {
        let_in(place);
    }
    next_ = (next_ + 1) % most_waiting;
}

void key_parts::let_in(waiting_key& from)
{
    const std::size_t words = std::exchange(from.words, 0);
    if (words > 0 && !recent_.met(from.look)) {
        std::copy_n(words > most_waiting_words ? large_.data() : from.at, words, add_row(rows_, from.key, words));
    }
}

void key_parts::finish()
{
    std::ranges::for_each(waiting_, [this](waiting_key& key) { let_in(key); });
}

// --- counting ------------------------------------------------------------------------------------------------------

distinct_counts::distinct_counts(std::pmr::memory_resource* memory, run_store& store, parted_values from,
                                 std::size_t columns, std::size_t budget, poll_fn poll)
    : store_{store}, from_{std::move(from)}, columns_{columns}, entry_words_{2 + from_.value_words},
      most_values_{std::clamp<std::size_t>(budget / (sizeof(std::uint64_t) * (entry_words_ + 2)), least_table / 2,
                                           std::size_t{1} << 30)},
      polls_{poll}, block_{memory}, key_words_{memory}, groups_{memory},
      group_table_{memory}, counts_{memory}, values_{memory}, value_table_{memory}, shares_{memory}
{
    sort_by_part(from_.keys);
    sort_by_part(from_.values);
}

std::optional<distinct_counts::counted> distinct_counts::next()
{
    while (group_ == groups_.size()) {
        if (!next_part()) {
            return std::nullopt;
        }
    }
    const std::size_t at = group_++;
    return counted{&key_words_[groups_[at].at], std::span{counts_}.subspan(at * columns_, columns_)};
}

bool distinct_counts::next_part()
{
    if (key_at_ == from_.keys.size()) {
        return false;
    }
    part_ = from_.keys[key_at_].part;
    const auto keys = part_from(from_.keys, key_at_, part_);
    const auto values = part_from(from_.values, value_at_, part_);
    read_keys(keys);
    counts_.assign(groups_.size() * columns_, 0);
    count_values(values);
    key_at_ += keys.size();
    value_at_ += values.size();
    return true;
}

std::span<const std::uint64_t> distinct_counts::read(const part_chunk& from)
{
    const std::size_t size = from.bytes / sizeof(std::uint64_t);
    if (block_.size() < size) {
        block_.resize(size);
    }
    const auto words = std::span{block_}.first(size);
    store_.read(from.from, from.offset, std::as_writable_bytes(words));
    return words;
}

void distinct_counts::read_keys(std::span<const part_chunk> part)
{
    key_words_.clear();
    groups_.clear();
    group_ = 0;
    group_table_.assign(std::max(group_table_.size(), least_table), 0);
    for (const part_chunk& chunk : part) {
        const auto words = read(chunk);
        for (std::size_t at = 0; at < words.size(); at += words[at]) {
            add_key(*reinterpret_cast<const parted_row*>(&words[at]));
            polls_.tick();
        }
    }
}

// Of equal keys that look different, the one stays whose words come first.
void distinct_counts::add_key(const parted_row& row)
{
    const auto* begin = reinterpret_cast<const std::uint64_t*>(&row + 1);
    const auto* end = reinterpret_cast<const std::uint64_t*>(&row) + row.words;
    std::uint32_t* place = find_group(row.key);
    if (*place != 0) {
        const group& of = groups_[*place - 1];
        const auto* held = &key_words_[of.at];
        if (!std::lexicographical_compare(begin, end, held, held + of.words)) {
            return;
        }
    } else {
        groups_.push_back({row.key, 0, 0});
        *place = static_cast<std::uint32_t>(groups_.size());
    }
    group& of = groups_[*place - 1];
    of.at = key_words_.size();
    of.words = static_cast<std::size_t>(end - begin);
    key_words_.insert(key_words_.end(), begin, end);
    if (groups_.size() > group_table_.size() / 2) {
        grow_groups();
    }
}

// The place of a key's group, or a free one.
std::uint32_t* distinct_counts::find_group(const fingerprint& key) noexcept
{
    const std::size_t mask = group_table_.size() - 1;
    std::size_t at = print_hash{}(key)&mask;
    while (group_table_[at] != 0 && groups_[group_table_[at] - 1].key != key) {
        at = (at + 1) & mask;
    }
    return &group_table_[at];
}

void distinct_counts::grow_groups()
{
    group_table_.assign(group_table_.size() * 2, 0);
    for (std::size_t i = 0; i < groups_.size(); ++i) {
        *find_group(groups_[i].key) = static_cast<std::uint32_t>(i + 1);
        polls_.tick();
    }
}

// All at first; what there is no room for comes in further shares.
void distinct_counts::count_values(std::span<const part_chunk> part)
{
    const std::size_t expected = bytes_in(part) / (entry_words_ * sizeof(std::uint64_t));
    shares_.assign(1, share{});
    while (!shares_.empty()) {
        share_ = shares_.back();
        shares_.pop_back();
        clear_values(expected);
        std::ranges::for_each(part, [this](const part_chunk& chunk) { count_chunk(chunk); });
    }
}

void distinct_counts::count_chunk(const part_chunk& from)
{
    const auto words = read(from);
    for (std::size_t at = 0; at < words.size(); at += entry_words_) {
        const std::uint64_t* entry = &words[at];
        const std::uint64_t hash = hash_of(entry);
        polls_.tick();
        if (!is_in_share(hash)) {
            continue;
        }
        std::uint32_t* place = find_value(entry, hash);
        if (*place == 0) {
            values_.insert(values_.end(), entry, entry + entry_words_);
            *place = static_cast<std::uint32_t>(values_.size() / entry_words_);
            ++count_of(entry);
            grow_values();
        }
    }
}

std::uint64_t& distinct_counts::count_of(const std::uint64_t* entry)
{
    const std::uint64_t column = entry[1] >> value_parts::part_shift;
    const fingerprint key{entry[0], (entry[1] & value_parts::key_bits) | part_ << value_parts::part_shift};
    const std::uint32_t found = *find_group(key);
    if (found == 0 || column == 0 || column > columns_) {
        throw error(sqlstate::internal_error, "a value was set aside without its key");
    }
    return counts_[(found - 1) * columns_ + column - 1];
}

bool distinct_counts::is_in_share(std::uint64_t hash) const noexcept
{
    return (hash >> share_shift & ((std::uint64_t{1} << share_.bits) - 1)) == share_.which;
}

// The place of an entry, or a free one.
std::uint32_t* distinct_counts::find_value(const std::uint64_t* entry, std::uint64_t hash) noexcept
{
    const std::size_t mask = value_table_.size() - 1;
    const std::size_t last = entry_words_ - 1;
    for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
        if (value_table_[at] == 0) {
            return &value_table_[at];
        }
        const std::uint64_t* held = &values_[(value_table_[at] - 1) * entry_words_];
        if (held[0] == entry[0] && held[1] == entry[1] && held[2] == entry[2] && held[last] == entry[last]) {
            return &value_table_[at];
        }
    }
}

void distinct_counts::clear_values(std::size_t expected)
{
    const std::size_t most = std::min(expected, most_values_ + 1);
    values_.clear();
    values_.reserve(most * entry_words_);
    value_table_.assign(std::bit_ceil(std::max(2 * most, least_table)), 0); // up to four places for a value
}

void distinct_counts::grow_values()
{
    const std::size_t held = values_.size() / entry_words_;
    if (held > most_values_ && share_.bits < most_share_bits) {
        split();
    } else if (held > value_table_.size() / 2) {
        value_table_.assign(value_table_.size() * 2, 0);
        for (std::size_t i = 0; i < held; ++i) {
            const std::uint64_t* entry = &values_[i * entry_words_];
            *find_value(entry, hash_of(entry)) = static_cast<std::uint32_t>(i + 1);
            polls_.tick();
        }
    }
}

// Puts off one half of the share. What was counted of it is counted later.
void distinct_counts::split()
{
    shares_.push_back({share_.bits + 1, share_.which | std::uint64_t{1} << share_.bits});
    ++share_.bits;
    std::ranges::fill(value_table_, 0);
    std::size_t kept = 0;
    for (std::size_t at = 0; at < values_.size(); at += entry_words_) {
        const std::uint64_t* entry = &values_[at];
        const std::uint64_t hash = hash_of(entry);
        polls_.tick();
        if (!is_in_share(hash)) {
            --count_of(entry);
            continue;
        }
        std::copy_n(entry, entry_words_, &values_[kept]);
        kept += entry_words_;
        *find_value(&values_[kept - entry_words_], hash) = static_cast<std::uint32_t>(kept / entry_words_);
    }
    values_.resize(kept);
}

} // namespace etl
