#include "sketch/quantiles.hpp"

#include "sketch/double_order.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::uint32_t magic = make_magic("QNTL");
constexpr std::uint32_t version = 1;
constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr std::size_t most_levels = 57; // so many halvings of 2^63 values leave 64
constexpr std::uint64_t most_values = std::uint64_t{1} << 62;
constexpr std::uint32_t first_room = 4;

struct header {
    state_header head;
    std::uint64_t count;
    std::uint64_t nans;
    double least;
    double greatest;
    std::uint32_t kept;
    std::uint32_t level_0;
    std::uint32_t upper;
    std::uint16_t levels;
    std::uint16_t packed;
};
static_assert(sizeof(header) == 56);

struct errors {
    std::uint64_t above;
    std::uint64_t below;
};

constexpr std::size_t directory_size(std::size_t levels)
{
    return levels == 0 ? 0 : sizeof(errors) + levels * sizeof(std::uint32_t);
}

// Where the values at level 0 begin.
std::size_t level_0_at(const header& head)
{
    return sizeof(header) + directory_size(head.levels) + std::size_t{head.upper} * sizeof(double);
}

bool is_kept_number(std::int64_t kept)
{
    return kept >= quantiles::least_kept && kept <= quantiles::most_kept && kept % 2 == 0;
}

// Reads the header and checks it against the length: after this no value that it names lies outside.
header read_header(std::span<const std::byte> bytes)
{
    check_header(bytes, magic, version, quantiles::type_name);
    if (bytes.size() < sizeof(header)) {
        refuse_state(quantiles::type_name, "The value ends within its header.");
    }
    const auto head = load<header>(bytes.data());
    if (!is_kept_number(head.kept) || head.level_0 > head.kept || head.levels > most_levels || head.packed > 1 ||
        head.count > most_values || head.nans > most_values) {
        refuse_state(quantiles::type_name, "A number in its header is out of range.");
    }
    const std::size_t end = level_0_at(head) + std::size_t{head.level_0} * sizeof(double);
    if (head.packed != 0 ? bytes.size() != end : bytes.size() < end) {
        refuse_state(quantiles::type_name, std::to_string(head.level_0) + " and " + std::to_string(head.upper) +
                                               " values at " + std::to_string(head.levels) + " levels do not have " +
                                               std::to_string(bytes.size()) + " bytes.");
    }
    return head;
}

std::vector<double> read_values(std::span<const std::byte> bytes, std::size_t at, std::size_t count)
{
    std::vector<double> values(count);
    if (count > 0) {
        std::memcpy(values.data(), bytes.subspan(at, count * sizeof(double)).data(), count * sizeof(double));
    }
    return values;
}

// Adds b, sorted, to a, sorted.
void merge_sorted(std::vector<double>& a, const std::vector<double>& b)
{
    const auto middle = static_cast<std::ptrdiff_t>(a.size());
    a.insert(a.end(), b.begin(), b.end());
    std::inplace_merge(a.begin(), a.begin() + middle, a.end());
}

// Takes an even number of values off a level and returns every other one of them.
std::vector<double> halve(std::vector<double>& level, std::uint64_t weight, quantiles::contents& state)
{
    const bool raises = state.above <= state.below;
    (raises ? state.above : state.below) += weight;
    std::vector<double> up;
    up.reserve(level.size() / 2);
    for (std::size_t i = raises ? 0 : 1; i < level.size() / 2 * 2; i += 2) {
        up.push_back(level[i]);
    }
    level.erase(level.begin(), level.end() - static_cast<std::ptrdiff_t>(level.size() % 2));
    return up;
}

// Halves every full level. All but level 0 are sorted.
void halve_full_levels(quantiles::contents& state)
{
    for (std::size_t h = 0; h < state.levels.size(); ++h) {
        if (state.levels[h].size() < state.kept) {
            continue;
        }
        if (h == 0) {
            sort_doubles(state.levels[h]);
        }
        const std::vector<double> up = halve(state.levels[h], std::uint64_t{1} << h, state);
        if (h + 1 == state.levels.size()) {
            state.levels.emplace_back();
        }
        merge_sorted(state.levels[h + 1], up);
    }
}

// `room` values may be added to level 0 after this without moving anything.
void write(const quantiles::contents& state, flat_buffer& to, std::size_t room, bool packed)
{
    const std::size_t levels = state.levels.size() - 1;
    header head{{magic, version},
                state.count,
                state.nans,
                state.least,
                state.greatest,
                state.kept,
                static_cast<std::uint32_t>(state.levels[0].size()),
                0,
                static_cast<std::uint16_t>(levels),
                static_cast<std::uint16_t>(packed)};
    for (std::size_t h = levels; h > 0; --h) {
        head.upper += static_cast<std::uint32_t>(state.levels[h].size());
    }
    const std::size_t size = level_0_at(head) + (state.levels[0].size() + room) * sizeof(double);
    if (packed || to.size() < size) {
        to.resize(size);
    }
    store(to.data(), head);
    std::byte* at = to.data() + sizeof(header);
    if (levels > 0) {
        store(at, errors{state.above, state.below});
        at += sizeof(errors);
    }
    for (std::size_t h = levels; h > 0; --h, at += sizeof(std::uint32_t)) {
        store(at, static_cast<std::uint32_t>(state.levels[h].size()));
    }
    for (std::size_t h = levels + 1; h-- > 0;) {
        const std::vector<double>& level = state.levels[h];
        if (!level.empty()) {
            std::memcpy(at, level.data(), level.size() * sizeof(double));
            at += level.size() * sizeof(double);
        }
    }
}

[[noreturn]] void refuse_kept(std::int64_t kept)
{
    throw error(sqlstate::invalid_parameter_value,
                "kept must be an even number from " + std::to_string(quantiles::least_kept) + " to " +
                    std::to_string(quantiles::most_kept) + ", not " + std::to_string(kept),
                {},
                "Quantiles are exact up to so many values; leave it out for " +
                    std::to_string(quantiles::default_kept) + ".");
}

[[noreturn]] void refuse_mixture(std::int64_t a, std::int64_t b)
{
    throw error(sqlstate::invalid_parameter_value,
                "quantiles that keep " + std::to_string(a) + " values and quantiles that keep " + std::to_string(b) +
                    " cannot be merged",
                {}, "Make all of them with the same second argument of etl.quantiles.");
}

[[noreturn]] void refuse_count()
{
    throw error(sqlstate::program_limit_exceeded,
                "quantiles cannot be of more than " + std::to_string(most_values) + " values");
}

// Which levels a state claims is true of its values.
void check_levels(const quantiles::contents& state)
{
    std::uint64_t count = 0;
    for (std::size_t h = 0; h < state.levels.size(); ++h) {
        const std::vector<double>& level = state.levels[h];
        if (level.size() > most_values >> h || (h > 0 && level.size() >= state.kept)) {
            refuse_state(quantiles::type_name, "A level has more values than it may have.");
        }
        count += level.size() << h;
        if (count > most_values) { // before it could begin again at zero
            refuse_state(quantiles::type_name, "Its levels stand for more values than there may be.");
        }
        if (h > 0 && !std::is_sorted(level.begin(), level.end())) {
            refuse_state(quantiles::type_name, "A level is not in order.");
        }
        if (std::any_of(level.begin(), level.end(),
                        [&state](double value) { return !(value >= state.least && value <= state.greatest); })) {
            refuse_state(quantiles::type_name, "A value lies outside of the extremes.");
        }
    }
    if (count != state.count) {
        refuse_state(quantiles::type_name, "The header counts " + std::to_string(state.count) +
                                               " values, and the levels stand for " + std::to_string(count) + ".");
    }
}

} // namespace

quantiles::quantiles(flat_buffer& buffer, int kept) : buffer_{buffer}
{
    if (buffer_.size() == 0) {
        if (!is_kept_number(kept)) {
            refuse_kept(kept);
        }
        contents none;
        none.least = infinite;
        none.greatest = -infinite;
        none.kept = static_cast<std::uint32_t>(kept);
        none.levels.resize(1);
        write(none, buffer_, first_room, false);
        return;
    }
    header head = read_header(buffer_.bytes());
    if (head.kept != static_cast<std::uint32_t>(kept)) {
        refuse_mixture(head.kept, kept);
    }
    head.packed = 0;
    store(buffer_.data(), head);
}

void quantiles::add(double value)
{
    auto head = load<header>(buffer_.data());
    if (head.count >= most_values || head.nans >= most_values) [[unlikely]] {
        refuse_count();
    }
    value += 0.0; // -0 is 0
    if (std::isnan(value)) {
        ++head.nans;
        store(buffer_.data(), head);
        return;
    }
    std::size_t at = level_0_at(head) + std::size_t{head.level_0} * sizeof(double);
    if (head.level_0 == head.kept || at + sizeof(double) > buffer_.size()) [[unlikely]] {
        make_room();
        head = load<header>(buffer_.data());
        at = level_0_at(head) + std::size_t{head.level_0} * sizeof(double);
    }
    store(buffer_.data() + at, value);
    ++head.level_0;
    ++head.count;
    head.least = std::min(head.least, value);
    head.greatest = std::max(head.greatest, value);
    store(buffer_.data(), head);
}

// A state of few values doubles; one that has levels has room for all of level 0.
void quantiles::make_room()
{
    const auto head = load<header>(buffer_.data());
    if (head.level_0 < head.kept) {
        const std::size_t room = std::min<std::size_t>(std::max(2 * head.level_0, first_room), head.kept);
        buffer_.resize(level_0_at(head) + room * sizeof(double));
        return;
    }
    contents state = read(buffer_.bytes());
    halve_full_levels(state);
    write(state, buffer_, state.kept, false);
}

void quantiles::merge(flat_buffer& buffer, std::span<const std::byte> other)
{
    contents added = read(other);
    if (buffer.size() == 0) {
        write(added, buffer, 0, false);
        return;
    }
    contents state = read(buffer.bytes());
    if (state.kept != added.kept) {
        refuse_mixture(state.kept, added.kept);
    }
    if (added.count > most_values - state.count || added.nans > most_values - state.nans) {
        refuse_count();
    }
    state.count += added.count;
    state.nans += added.nans;
    state.least = std::min(state.least, added.least);
    state.greatest = std::max(state.greatest, added.greatest);
    state.above += added.above;
    state.below += added.below;
    state.levels.resize(std::max(state.levels.size(), added.levels.size()));
    state.levels[0].insert(state.levels[0].end(), added.levels[0].begin(), added.levels[0].end());
    for (std::size_t h = 1; h < added.levels.size(); ++h) {
        merge_sorted(state.levels[h], added.levels[h]);
    }
    if (state.levels.size() > 1 || state.levels[0].size() > state.kept) {
        halve_full_levels(state);
    }
    write(state, buffer, 0, false);
}

void quantiles::pack(std::span<const std::byte> state, flat_buffer& to)
{
    contents stored = read(state);
    sort_doubles(stored.levels[0]);
    write(stored, to, 0, true);
}

quantiles::contents quantiles::read(std::span<const std::byte> state)
{
    const header head = read_header(state);
    contents result{head.count, head.nans, head.least, head.greatest, head.kept, 0, 0, {}};
    result.levels.resize(head.levels + std::size_t{1});
    result.levels[0] = read_values(state, level_0_at(head), head.level_0);
    if (head.levels == 0) {
        return result;
    }
    const auto known = load<errors>(state.data() + sizeof(header));
    result.above = known.above;
    result.below = known.below;
    std::size_t entry = sizeof(header) + sizeof(errors);
    std::size_t at = sizeof(header) + directory_size(head.levels);
    for (std::size_t h = head.levels; h > 0; --h, entry += sizeof(std::uint32_t)) {
        const std::size_t count = load<std::uint32_t>(state.data() + entry);
        if (count > (level_0_at(head) - at) / sizeof(double)) {
            refuse_state(type_name, "Its levels have more values than there are.");
        }
        result.levels[h] = read_values(state, at, count);
        at += count * sizeof(double);
    }
    if (at != level_0_at(head)) {
        refuse_state(type_name, "Its levels have fewer values than there are.");
    }
    return result;
}

void quantiles::check(std::span<const std::byte> bytes)
{
    const contents state = read(bytes);
    if (state.count == 0 ? state.least != infinite || state.greatest != -infinite || state.levels.size() != 1
                         : !(state.least <= state.greatest)) {
        refuse_state(type_name, "Its count and its extremes cannot be of the same values.");
    }
    check_levels(state);
    if (state.above > state.count || state.below > state.count) {
        refuse_state(type_name, "Its error is larger than its number of values.");
    }
    if (load<header>(bytes.data()).packed != 0 && !std::is_sorted(state.levels[0].begin(), state.levels[0].end())) {
        refuse_state(type_name, "A level is not in order.");
    }
}

} // namespace etl
