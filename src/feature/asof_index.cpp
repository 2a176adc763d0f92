#include "feature/asof_index.hpp"

#include <array>
#include <bit>
#include <string>
#include <tuple>

#include "core/cpp_only.hpp"

namespace etl::feature {
namespace {

constexpr char type[] = "labels of a point-in-time join";
constexpr std::uint32_t magic = make_magic("EALi");
constexpr std::uint32_t version = 1;
constexpr unsigned most_bits = 28;
constexpr std::size_t polled = 65536;

struct flat_header {
    state_header is;
    std::uint64_t seed;
    std::uint32_t flags;
    std::uint32_t labels;
    std::uint32_t groups;
    std::uint32_t directory_bits;
    std::uint32_t filter_bits;
    std::uint32_t zero;
};
static_assert(sizeof(flat_header) == 40);

unsigned directory_bits_for(std::uint64_t groups) noexcept
{
    return static_cast<unsigned>(std::bit_width(groups));
}

std::size_t flat_size(std::uint64_t labels, std::uint64_t groups, unsigned directory_bits,
                      unsigned filter_bits) noexcept
{
    return sizeof(flat_header) + (std::size_t{8} << filter_bits) + groups * sizeof(label_group) +
           labels * sizeof(std::int64_t) + ((std::size_t{1} << directory_bits) + 1) * sizeof(std::uint32_t);
}

bool is_before(const asof_label& a, const asof_label& b) noexcept
{
    return std::tie(a.key.high, a.key.low, a.time) < std::tie(b.key.high, b.key.low, b.time);
}

// Into buckets by the upper bits of the keys, where the labels lie (American flag sort: P. M. McIlroy, K. Bostic, M. D.
// McIlroy, "Engineering radix sort", 1993), and each bucket by comparing.
void sort_labels(std::span<asof_label> labels, poll_fn poll)
{
    constexpr unsigned bits = 12;
    constexpr std::size_t buckets = std::size_t{1} << bits;
    const auto bucket_of = [](const asof_label& of) { return static_cast<std::size_t>(of.key.high >> (64 - bits)); };
    std::array<std::uint32_t, buckets + 1> ends{};
    for (const asof_label& of : labels) {
        ++ends[bucket_of(of) + 1];
    }
    for (std::size_t i = 0; i < buckets; ++i) {
        ends[i + 1] += ends[i];
    }
    std::array<std::uint32_t, buckets> next{};
    std::copy_n(ends.begin(), buckets, next.begin());
    for (std::size_t i = 0; i < buckets; ++i) {
        poll();
        while (next[i] < ends[i + 1]) {
            const std::size_t to = bucket_of(labels[next[i]]);
            if (to == i) {
                ++next[i];
            } else {
                std::swap(labels[next[i]], labels[next[to]++]);
            }
        }
    }
    for (std::size_t i = 0; i < buckets; ++i) {
        poll();
        std::ranges::sort(labels.subspan(ends[i], ends[i + 1] - ends[i]), is_before);
    }
}

// The first of a range for which a condition holds, which holds for all after it too.
template <class Condition>
std::uint32_t first_that(label_range in, Condition&& holds)
{
    while (in.first < in.last) {
        const std::uint32_t middle = in.first + (in.last - in.first) / 2;
        if (holds(middle)) {
            in.last = middle;
        } else {
            in.first = middle + 1;
        }
    }
    return in.first;
}

template <class T>
std::byte* put(std::byte* to, const T& value) noexcept
{
    store(to, value);
    return to + sizeof value;
}

} // namespace

key_filter::key_filter(std::pmr::memory_resource* memory, std::uint64_t keys)
    : bits_{std::min(static_cast<unsigned>(std::bit_width(keys / 4)), 19U)}, words_(std::size_t{1} << bits_, 0, memory)
{
}

asof_index_maker::asof_index_maker(std::pmr::memory_resource* memory, std::span<asof_label> labels, poll_fn poll)
    : labels_{labels}, poll_{poll}, memory_{memory}
{
    sort_labels(labels, poll);
    for (std::size_t i = 0; i < labels.size(); ++i) {
        groups_ += i == 0 || labels[i].key != labels[i - 1].key ? 1 : 0;
    }
}

std::size_t asof_index_maker::size() const noexcept
{
    return flat_size(labels_.size(), groups_, directory_bits_for(groups_), key_filter{memory_, groups_}.bits());
}

void asof_index_maker::write(std::byte* to, std::uint64_t seed, asof_rules rules) const
{
    key_filter filter{memory_, groups_};
    const unsigned bits = directory_bits_for(groups_);
    const auto labels = static_cast<std::uint32_t>(labels_.size());
    std::pmr::vector<std::uint32_t> directory((std::size_t{1} << bits) + 1, groups_, memory_);
    to = put(to, flat_header{{magic, version}, seed, rules.flags(), labels, groups_, bits, filter.bits(), 0});
    std::byte* words = to;
    std::byte* groups = words + (std::size_t{8} << filter.bits());
    std::byte* times = groups + groups_ * sizeof(label_group);
    std::uint32_t number = 0;
    std::size_t next = 0; // place of the directory
    for (std::uint32_t first = 0; first < labels;) {
        const fingerprint& key = labels_[first].key;
        std::uint32_t last = first;
        for (; last < labels && labels_[last].key == key; ++last) {
            times = put(times, labels_[last].time);
        }
        filter.add(key);
        groups = put(groups, label_group{key, {first, last}});
        while (next <= directory_place(key, bits)) {
            directory[next++] = number;
        }
        if (++number % polled == 0) {
            poll_();
        }
        first = last;
    }
    std::memcpy(times, directory.data(), directory.size() * sizeof(std::uint32_t));
    std::memcpy(words, filter.words().data(), filter.words().size_bytes());
}

std::size_t asof_index_maker::size(const key_filter& filter) noexcept
{
    return flat_size(0, 0, 0, filter.bits());
}

void asof_index_maker::write(std::byte* to, std::uint64_t seed, asof_rules rules, const key_filter& filter) noexcept
{
    std::memset(to, 0, size(filter));
    to = put(to, flat_header{{magic, version}, seed, rules.flags(), 0, 0, 0, filter.bits(), 0});
    std::memcpy(to, filter.words().data(), filter.words().size_bytes());
}

asof_index asof_index::read(std::span<const std::byte> bytes)
{
    check_header(bytes, magic, version, type);
    if (bytes.size() < sizeof(flat_header)) {
        refuse_state(type, "The value is " + std::to_string(bytes.size()) + " bytes long, which is too short.");
    }
    const auto header = load<flat_header>(bytes.data());
    if (header.directory_bits > most_bits || header.filter_bits > most_bits || header.groups > header.labels ||
        bytes.size() != flat_size(header.labels, header.groups, header.directory_bits, header.filter_bits)) {
        refuse_state(type, "Its length of " + std::to_string(bytes.size()) + " bytes is not that of " +
                               std::to_string(header.labels) + " labels.");
    }
    asof_index made;
    made.seed_ = header.seed;
    made.rules_ = asof_rules::from_flags(header.flags);
    made.labels_ = header.labels;
    made.groups_ = header.groups;
    made.directory_bits_ = header.directory_bits;
    made.filter_bits_ = header.filter_bits;
    made.filter_ = bytes.data() + sizeof header;
    made.stored_groups_ = made.filter_ + (std::size_t{8} << header.filter_bits);
    made.times_ = made.stored_groups_ + header.groups * sizeof(label_group);
    made.directory_ = made.times_ + header.labels * sizeof(std::int64_t);
    return made;
}

label_range asof_index::group(std::uint32_t number) const noexcept
{
    const label_range stored = load_group(number).labels;
    const std::uint32_t last = std::min(stored.last, labels_);
    return {std::min(stored.first, last), last};
}

std::uint32_t asof_index::group_of(std::uint32_t label) const noexcept
{
    return first_that({0, groups_}, [&](std::uint32_t number) { return group(number).last > label; });
}

label_range asof_index::find(const fingerprint& key) const noexcept
{
    const std::size_t at = place_of(key);
    for (std::uint32_t number = place(at), end = place(at + 1); number < end; ++number) {
        if (this->key(number) == key) {
            return group(number);
        }
    }
    return {0, 0};
}

label_range asof_index::backward(label_range of, std::int64_t at, std::int64_t known) const noexcept
{
    const bool is_known_later = rules_.has_known && known > at;
    const std::int64_t from = is_known_later ? known : at;
    const bool inclusive = is_known_later || rules_.exact;
    return {first_that(of, [&](std::uint32_t i) { return inclusive ? time(i) >= from : time(i) > from; }), of.last};
}

label_range asof_index::forward(label_range of, std::int64_t at, std::int64_t known) const noexcept
{
    of.last = first_that(of, [&](std::uint32_t i) { return rules_.exact ? time(i) > at : time(i) >= at; });
    return {rules_.has_known ? first_that(of, [&](std::uint32_t i) { return time(i) >= known; }) : of.first, of.last};
}

} // namespace etl::feature
