#include "sketch/moments.hpp"

#include "sketch/power_sums.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::uint32_t magic = make_magic("MOMT");
constexpr std::uint32_t version = 1;
using namespace powers_in_digits;
using enum moments::special;
constexpr double infinite = std::numeric_limits<double>::infinity();

constexpr std::uint64_t most_values = std::uint64_t{1} << 62;

struct header {
    state_header head;
    std::uint64_t count;
    double least;
    double greatest;
    std::uint32_t added;
    std::uint8_t low;
    std::uint8_t digits;
    std::uint8_t specials;
    std::uint8_t form;
};
static_assert(sizeof(header) == 40);

enum form : std::uint8_t { growing_sums, stored_sums, list };

// Lists have room for 2, 10 or 26 values: with headers these fill the chunks of a memory context.
constexpr std::size_t first_room = 2;
constexpr std::size_t most_listed = 26;

constexpr std::size_t list_size(std::size_t values)
{
    return sizeof(header) + values * sizeof(double);
}

constexpr std::size_t more_room(std::size_t values)
{
    return std::min<std::size_t>(values < first_room ? first_room : 2 * values + 6, most_listed);
}

constexpr std::size_t sums_size(const header& head)
{
    return sizeof(header) + (head.form == stored_sums ? packed_size(head.digits) : growing_size(head.digits));
}

bool is_size_of(const header& head, std::size_t size)
{
    if (head.form == list) {
        return head.low == 0 && head.digits <= most_listed && size >= list_size(head.digits) &&
               size <= list_size(most_listed);
    }
    return head.form <= stored_sums && head.low + head.digits <= most_digits && (head.digits != 0 || head.low == 0) &&
           size == sums_size(head);
}

// Reads the header and checks it against the length: after this no digit that it names lies outside.
header read_header(std::span<const std::byte> bytes)
{
    check_header(bytes, magic, version, moments::type_name);
    if (bytes.size() < sizeof(header)) {
        refuse_state(moments::type_name, "The value ends within its header.");
    }
    const auto head = load<header>(bytes.data());
    if (!is_size_of(head, bytes.size())) {
        refuse_state(moments::type_name,
                     "What its header says does not have " + std::to_string(bytes.size()) + " bytes.");
    }
    if (head.count > most_values || head.specials > moments::any_special ||
        head.added > (head.form == growing_sums ? most_added : 0)) {
        refuse_state(moments::type_name, "A number in its header is out of range.");
    }
    return head;
}

digits_of digits_in(std::span<const std::byte> state, const header& head)
{
    return {state.data() + sizeof(header), head.digits, head.form == stored_sums};
}

// The values of a list.
struct few_values {
    std::array<double, most_listed> values;
    std::size_t count;

    double* begin() noexcept { return values.data(); }
    double* end() noexcept { return values.data() + count; }
    const double* begin() const noexcept { return values.data(); }
    const double* end() const noexcept { return values.data() + count; }
};

few_values listed(std::span<const std::byte> state, const header& head)
{
    few_values result{{}, head.digits};
    std::memcpy(result.begin(), state.data() + list_size(0), result.count * sizeof(double));
    return result;
}

// A state that is needed for a moment.
class scratch_buffer final : public flat_buffer { // NOLINT(cppcoreguidelines-virtual-class-destructor): final
  public:
    void assign(std::span<const std::byte> state) { bytes_.assign(state.begin(), state.end()); }

    std::byte* data() noexcept override { return bytes_.data(); }
    std::size_t size() const noexcept override { return bytes_.size(); }
    void resize(std::size_t size) override { bytes_.resize(size); }

  private:
    std::vector<std::byte> bytes_;
};

[[noreturn]] void refuse_count()
{
    throw error(sqlstate::program_limit_exceeded,
                "moments cannot be of more than " + std::to_string(most_values) + " values");
}

// The extremes of no values are the wrong way round.
bool has_extremes(const header& head)
{
    return head.least <= head.greatest;
}

// What the header says of the values must be possible together.
bool is_possible(const header& head)
{
    const auto has = [&head](moments::special what) { return (head.specials & what) != 0; };
    if (head.count == 0 && (head.specials != 0 || head.digits != 0)) {
        return false;
    }
    if (!has_extremes(head)) {
        return head.digits == 0 && head.least == infinite && head.greatest == -infinite &&
               head.specials == (head.count == 0 ? 0 : is_nan);
    }
    return head.count > 0 && (head.least == -infinite) == has(is_negative_infinity) &&
           (head.greatest == infinite) == has(is_infinity) && !std::signbit(head.least == 0 ? head.least : 1.0) &&
           !std::signbit(head.greatest == 0 ? head.greatest : 1.0);
}

// Whether every value of a list is one of those that the header tells of.
void check_list(std::span<const std::byte> bytes, const header& head)
{
    const few_values values = listed(bytes, head);
    if (values.count > head.count || std::any_of(values.begin(), values.end(), [&head](double value) {
            return !std::isfinite(value) || value == 0 || value < head.least || value > head.greatest;
        })) {
        refuse_state(moments::type_name, "A value in it is out of range.");
    }
}

// Whether no digit could overflow by being added to or carried on, and no sum is larger than so many values make it.
void check_sums(std::span<const std::byte> bytes, const header& head)
{
    const digits_of present = digits_in(bytes, head);
    const std::int64_t most = (std::int64_t{head.added} + 1) << digit_bits;
    const auto count = static_cast<std::int64_t>(head.count);
    for (unsigned power = 1; power <= powers && head.digits != 0; ++power) {
        const std::size_t end = std::size_t{power} * head.digits;
        const std::int64_t above = present.at(power, end);
        bool fits = above <= count && above >= (power % 2 == 0 ? 0 : -count);
        for (std::size_t i = 0; i < end; ++i) {
            fits = fits && present.at(power, i) <= most && present.at(power, i) >= -most;
        }
        if (!fits) {
            refuse_state(moments::type_name, "A sum in it is out of range.");
        }
    }
    if (head.form == growing_sums && head.digits != 0 &&
        load<std::int64_t>(bytes.data() + bytes.size() - sizeof(std::int64_t)) != 0) {
        refuse_state(moments::type_name, "The word after its sums is not zero.");
    }
}

} // namespace

moments::summary moments::read_summary(std::span<const std::byte> state)
{
    const header head = read_header(state);
    return {head.count, head.least, head.greatest, head.specials};
}

moments::power_sums moments::read_sums(std::span<const std::byte> state)
{
    header head = read_header(state);
    scratch_buffer copy;
    if (head.form == list) {
        copy.assign(state);
        moments{copy}.list_to_sums();
        state = copy.bytes();
        head = load<header>(state.data());
    }
    power_sums result{head.low * int{digit_bits} - int{bits_below_one}, {}};
    const digits_of present = digits_in(state, head);
    for (unsigned power = 1; power <= powers && head.digits != 0; ++power) {
        result.digits[power - 1] = present.carried(power);
    }
    return result;
}

moments::moments(flat_buffer& buffer) : buffer_{buffer}
{
    if (buffer_.size() == 0) {
        buffer_.resize(list_size(first_room));
        store(buffer_.data(), header{{magic, version}, 0, infinite, -infinite, 0, 0, 0, 0, list});
        return;
    }
    header head = read_header(buffer_.bytes());
    if (head.form != stored_sums) {
        return;
    }
    scratch_buffer packed;
    packed.assign(buffer_.bytes());
    const digits_of stored = digits_in(packed.bytes(), head);
    buffer_.resize(sizeof(header) + growing_size(head.digits));
    std::memset(buffer_.data() + sizeof(header), 0, buffer_.size() - sizeof(header));
    const words sums{buffer_.data() + sizeof(header)};
    for (unsigned power = 1; power <= powers && head.digits != 0; ++power) {
        for (std::size_t i = 0; i <= power * head.digits; ++i) {
            sums.put(first_word(power, head.digits) + i, stored.at(power, i));
        }
    }
    head.form = growing_sums;
    store(buffer_.data(), head);
}

void moments::add(double value)
{
    auto head = load<header>(buffer_.data());
    if (head.count == most_values) [[unlikely]] {
        refuse_count();
    }
    ++head.count;
    value += 0.0; // -0 is 0
    if (std::isnan(value)) {
        head.specials |= is_nan;
    } else {
        head.least = std::min(head.least, value);
        head.greatest = std::max(head.greatest, value);
        if (std::isinf(value)) {
            head.specials |= value < 0 ? is_negative_infinity : is_infinity;
        }
    }
    store(buffer_.data(), head);
    if (std::isfinite(value) && value != 0) {
        include(value);
    }
}

// A finite value other than 0, which the header has counted.
void moments::include(double value)
{
    auto head = load<header>(buffer_.data());
    if (head.form == list && head.digits == most_listed) {
        list_to_sums();
    } else if (head.form == list) {
        if (list_size(head.digits + std::size_t{1}) > buffer_.size()) {
            buffer_.resize(list_size(more_room(head.digits)));
        }
        store(buffer_.data() + list_size(head.digits), value);
        ++head.digits;
        store(buffer_.data(), head);
        return;
    }
    add_to_sums(value);
}

void moments::list_to_sums()
{
    auto head = load<header>(buffer_.data());
    const few_values values = listed(buffer_.bytes(), head);
    unsigned low = most_digits;
    unsigned end = 0;
    for (const double value : values) {
        const binary_form number{value};
        low = std::min(low, number.low());
        end = std::max(end, number.high() + 1);
    }
    head.form = growing_sums;
    head.digits = 0;
    store(buffer_.data(), head);
    widen(values.count == 0 ? 0 : low, values.count == 0 ? 0 : end - low);
    for (const double value : values) {
        add_to_sums(value);
    }
}

// Sees to it that the sums have digits from one up to another one.
void moments::cover(unsigned low, unsigned end)
{
    const auto head = load<header>(buffer_.data());
    if (head.digits == 0) {
        widen(low, end - low);
    } else if (low < head.low || end > head.low + unsigned{head.digits}) {
        const unsigned lowest = std::min<unsigned>(low, head.low);
        widen(lowest, std::max<unsigned>(end, head.low + head.digits) - lowest);
    }
}

void moments::add_to_sums(double value)
{
    const binary_form number{value};
    cover(number.low(), number.high() + 1);
    auto head = load<header>(buffer_.data());
    const words sums{buffer_.data() + sizeof(header)};
    const std::size_t d = head.digits;
    const unsigned at = number.bit - head.low * digit_bits;
    const std::array<std::uint64_t, 1> significand{number.significand};
    const auto square = times(significand, number.significand);
    const auto cube = times(square, number.significand);
    add_power(sums, first_word(1, d), significand, at, number.sign);
    add_power(sums, first_word(2, d), square, 2 * at, 0);
    add_power(sums, first_word(3, d), cube, 3 * at, number.sign);
    add_power(sums, first_word(4, d), times(cube, number.significand), 4 * at, 0);
    if (++head.added == most_added) {
        carry(sums, d);
        head.added = 0;
    }
    store(buffer_.data(), head);
}

// Gives the sums these digits, the present ones among them. Carries are passed on, for what was above all digits may
// be a digit now.
void moments::widen(unsigned low, unsigned digits)
{
    auto head = load<header>(buffer_.data());
    std::array<std::vector<std::int64_t>, powers + 1> before;
    const digits_of present = digits_in(buffer_.bytes(), head);
    for (unsigned power = 1; power <= powers && head.digits != 0; ++power) {
        before[power] = present.carried(power);
    }
    buffer_.resize(sizeof(header) + growing_size(digits));
    std::memset(buffer_.data() + sizeof(header), 0, buffer_.size() - sizeof(header));
    const words sums{buffer_.data() + sizeof(header)};
    for (unsigned power = 1; power <= powers; ++power) {
        std::size_t to = first_word(power, digits) + (before[power].empty() ? 0 : power * (head.low - low));
        for (const std::int64_t word : before[power]) {
            sums.put(to++, word);
        }
    }
    carry(sums, digits);
    head.added = 0;
    head.low = static_cast<std::uint8_t>(low);
    head.digits = static_cast<std::uint8_t>(digits);
    store(buffer_.data(), head);
}

void moments::merge(std::span<const std::byte> other)
{
    const header from = read_header(other);
    auto head = load<header>(buffer_.data());
    if (from.count > most_values - head.count) {
        refuse_count();
    }
    head.count += from.count;
    head.least = std::min(head.least, from.least);
    head.greatest = std::max(head.greatest, from.greatest);
    head.specials |= from.specials;
    store(buffer_.data(), head);
    if (from.form != list) {
        merge_sums(other);
        return;
    }
    for (const double value : listed(other, from)) {
        include(value);
    }
}

void moments::merge_sums(std::span<const std::byte> other)
{
    if (load<header>(buffer_.data()).form == list) {
        list_to_sums();
    }
    const header from = read_header(other);
    if (from.digits == 0) {
        return;
    }
    cover(from.low, from.low + from.digits);
    auto head = load<header>(buffer_.data());
    const std::size_t d = head.digits;
    const words sums{buffer_.data() + sizeof(header)};
    const digits_of added = digits_in(other, from);
    carry(sums, d);
    for (unsigned power = 1; power <= powers; ++power) {
        const std::size_t to = first_word(power, d) + power * (from.low - head.low);
        for (std::size_t i = 0; i <= power * from.digits; ++i) {
            sums.increase(to + i, added.at(power, i));
        }
    }
    carry(sums, d);
    head.added = 0;
    store(buffer_.data(), head);
}

void moments::pack(std::span<const std::byte> state, flat_buffer& to)
{
    header head = read_header(state);
    if (head.form == list) {
        few_values values = listed(state, head);
        std::sort(values.begin(), values.end());
        to.resize(list_size(values.count));
        store(to.data(), head);
        std::memcpy(to.data() + list_size(0), values.begin(), values.count * sizeof(double));
        return;
    }
    const digits_of present = digits_in(state, head);
    to.resize(sizeof(header) + packed_size(head.digits));
    std::byte* at = to.data() + sizeof(header);
    for (unsigned power = powers; power >= 1 && head.digits != 0; --power) {
        const auto sum = present.carried(power);
        for (std::size_t i = 0; i + 1 < sum.size(); ++i) {
            store(at, static_cast<std::uint32_t>(sum[i]));
            at += sizeof(std::uint32_t);
        }
        store(at, sum.back());
        at += sizeof(std::int64_t);
    }
    head.form = stored_sums;
    head.added = 0;
    store(to.data(), head);
}

void moments::check(std::span<const std::byte> bytes)
{
    const header head = read_header(bytes);
    if (!is_possible(head)) {
        refuse_state(type_name, "Its count, its extremes and its sums cannot be of the same values.");
    }
    head.form == list ? check_list(bytes, head) : check_sums(bytes, head);
}

} // namespace etl
