#include "sketch/moments.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::uint32_t magic = make_magic("MOMT");
constexpr std::uint32_t version = 1;
constexpr int powers = 4;
constexpr unsigned digit_bits = 32;
constexpr std::int64_t digit_mask = 0xffffffff;
using enum moments::special;
constexpr double infinite = std::numeric_limits<double>::infinity();

// The lowest bit of a double is 2^-1074; 14 more below it put 2^0 at the beginning of a digit, so that most whole
// numbers have one digit.
constexpr unsigned bits_below_one = 1088;
constexpr unsigned bits_below_double = bits_below_one - 1074;
constexpr unsigned most_digits = 66;
// A digit grows by less than 2^32 with each addition.
constexpr std::uint32_t most_added = std::uint32_t{1} << 30;
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
    std::uint8_t packed;
};
static_assert(sizeof(header) == 40);

// Where the sums lie among d digits: the fourth powers first, each with one word above its digits.
constexpr std::size_t first_word(unsigned power, std::size_t d)
{
    constexpr std::size_t digits_before[powers + 1] = {10, 9, 7, 4, 0};
    return digits_before[power] * d + (powers - power);
}

constexpr std::size_t wide_size(std::size_t d)
{
    return sizeof(header) + (d == 0 ? 0 : first_word(0, d) + 1) * sizeof(std::int64_t);
}

constexpr std::size_t packed_size(std::size_t d)
{
    constexpr std::size_t digits_of_all = 10;
    return sizeof(header) + (d == 0 ? 0 : digits_of_all * d * sizeof(std::uint32_t) + powers * sizeof(std::int64_t));
}

// Reads the header and checks it against the length: after this no digit that it names lies outside.
header read_header(std::span<const std::byte> bytes)
{
    check_header(bytes, magic, version, moments::type_name);
    if (bytes.size() < sizeof(header)) {
        refuse_state(moments::type_name, "The value ends within its header.");
    }
    const auto head = load<header>(bytes.data());
    if (head.packed > 1 || head.low + head.digits > most_digits || (head.digits == 0 && head.low != 0) ||
        bytes.size() != (head.packed != 0 ? packed_size(head.digits) : wide_size(head.digits))) {
        refuse_state(moments::type_name, "Sums of " + std::to_string(head.digits) + " digits from the " +
                                             std::to_string(head.low) + "th on do not have " +
                                             std::to_string(bytes.size()) + " bytes.");
    }
    if (head.count > most_values || head.specials > (is_nan | is_infinity | is_negative_infinity) ||
        head.added > (head.packed != 0 ? 0 : most_added)) {
        refuse_state(moments::type_name, "A number in its header is out of range.");
    }
    return head;
}

// The words of a growing state, at any alignment.
class words {
  public:
    explicit words(std::byte* state) noexcept : first_{state + sizeof(header)} {}

    std::int64_t at(std::size_t i) const noexcept { return load<std::int64_t>(first_ + i * sizeof(std::int64_t)); }
    void put(std::size_t i, std::int64_t value) const noexcept { store(first_ + i * sizeof(std::int64_t), value); }
    void increase(std::size_t i, std::int64_t by) const noexcept { put(i, at(i) + by); }

  private:
    std::byte* first_;
};

// The digits of a state in either form: at(power, i) is digit i, or with i = power × d what is above all digits.
class digits_of {
  public:
    digits_of(std::span<const std::byte> state, const header& head) noexcept
        : first_{state.data() + sizeof(header)}, d_{head.digits}, packed_{head.packed != 0}
    {
    }

    std::int64_t at(unsigned power, std::size_t i) const noexcept
    {
        if (!packed_) {
            return load<std::int64_t>(first_ + (first_word(power, d_) + i) * sizeof(std::int64_t));
        }
        // Before this sum lie words above digits, as many as sums, and twice the bytes of a digit each.
        const std::size_t before = (first_word(power, d_) + (powers - power)) * sizeof(std::uint32_t);
        const std::byte* digit = first_ + before + i * sizeof(std::uint32_t);
        return i < power * d_ ? load<std::uint32_t>(digit) : load<std::int64_t>(digit);
    }

    // The sum's digits without carries to pass on; the last is what is above them.
    std::vector<std::int64_t> carried(unsigned power) const
    {
        std::vector<std::int64_t> result(power * d_ + 1);
        for (std::size_t i = 0; i < result.size(); ++i) {
            result[i] += at(power, i);
            if (i + 1 < result.size()) {
                result[i + 1] = result[i] >> digit_bits;
                result[i] &= digit_mask;
            }
        }
        return result;
    }

  private:
    const std::byte* first_;
    std::size_t d_;
    bool packed_;
};

// Passes on the carries of all sums.
void carry(const words& sums, std::size_t d)
{
    for (unsigned power = 1; power <= powers; ++power) {
        const std::size_t first = first_word(power, d);
        for (std::size_t i = first; i < first + power * d; ++i) {
            const std::int64_t digit = sums.at(i);
            sums.increase(i + 1, digit >> digit_bits);
            sums.put(i, digit & digit_mask);
        }
    }
}

// Adds a power of 64 × limbs bits that begins at a bit. sign is 0 or -1: (x ^ sign) - sign is x or -x.
template <std::size_t limbs>
void add_power(const words& sums, std::size_t first, const std::array<std::uint64_t, limbs>& power, unsigned bit,
               std::int64_t sign)
{
    const auto signed_of = [sign](std::uint64_t part) { return (static_cast<std::int64_t>(part) ^ sign) - sign; };
    const unsigned shift = bit % digit_bits;
    std::size_t at = first + bit / digit_bits;
    std::uint64_t above = 0;
    for (const std::uint64_t limb : power) {
        const std::uint64_t shifted = limb << shift | above;
        above = limb >> 1 >> (63 - shift);
        sums.increase(at, signed_of(static_cast<std::uint32_t>(shifted)));
        sums.increase(at + 1, signed_of(shifted >> digit_bits));
        at += 2;
    }
    sums.increase(at, signed_of(above));
}

// A number times one of 64 bits.
template <std::size_t limbs>
std::array<std::uint64_t, limbs + 1> times(const std::array<std::uint64_t, limbs>& number, std::uint64_t factor)
{
    std::array<std::uint64_t, limbs + 1> result;
    std::uint64_t above = 0;
    for (std::size_t i = 0; i < limbs; ++i) {
        const auto part = static_cast<unsigned __int128>(number[i]) * factor + above;
        result[i] = static_cast<std::uint64_t>(part);
        above = static_cast<std::uint64_t>(part >> 64);
    }
    result[limbs] = above;
    return result;
}

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

} // namespace

moments::contents moments::read(std::span<const std::byte> state)
{
    const header head = read_header(state);
    contents result{
        head.count, head.least, head.greatest, head.specials, head.low * int{digit_bits} - int{bits_below_one}, {}};
    const digits_of present{state, head};
    for (unsigned power = 1; power <= powers && head.digits != 0; ++power) {
        result.sums[power - 1] = present.carried(power);
    }
    return result;
}

moments::moments(flat_buffer& buffer) : buffer_{buffer}
{
    if (buffer_.size() == 0) {
        buffer_.resize(wide_size(0));
        store(buffer_.data(), header{{magic, version}, 0, infinite, -infinite, 0, 0, 0, 0, 0});
        return;
    }
    header head = read_header(buffer_.bytes());
    if (head.packed == 0) {
        return;
    }
    const std::vector<std::byte> packed{buffer_.data(), buffer_.data() + buffer_.size()};
    const digits_of stored{packed, head};
    buffer_.resize(wide_size(head.digits));
    const words sums{buffer_.data()};
    for (unsigned power = 1; power <= powers && head.digits != 0; ++power) {
        for (std::size_t i = 0; i <= power * head.digits; ++i) {
            sums.put(first_word(power, head.digits) + i, stored.at(power, i));
        }
    }
    if (head.digits != 0) {
        sums.put(first_word(0, head.digits), 0);
    }
    head.packed = 0;
    store(buffer_.data(), head);
}

void moments::add(double value)
{
    header head = load<header>(buffer_.data());
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
        add_finite(value);
    }
}

void moments::add_finite(double value)
{
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const auto raised = static_cast<unsigned>(bits >> 52 & 0x7ff);
    const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1);
    const std::uint64_t significand = raised == 0 ? fraction : fraction | std::uint64_t{1} << 52;
    const auto zeros = static_cast<unsigned>(std::countr_zero(significand));
    const std::array<std::uint64_t, 1> number{significand >> zeros};
    const unsigned bit = (raised == 0 ? 0 : raised - 1) + zeros + bits_below_double;
    const unsigned low = bit / digit_bits;
    const unsigned high = (bit + static_cast<unsigned>(std::bit_width(number[0])) - 1) / digit_bits;

    auto head = load<header>(buffer_.data());
    if (head.digits == 0) {
        widen(low, high - low + 1);
    } else if (low < head.low || high >= head.low + unsigned{head.digits}) {
        const unsigned lowest = std::min<unsigned>(low, head.low);
        widen(lowest, std::max<unsigned>(high + 1, head.low + head.digits) - lowest);
    }
    head = load<header>(buffer_.data());
    const words sums{buffer_.data()};
    const std::size_t d = head.digits;
    const unsigned at = bit - head.low * digit_bits;
    const std::int64_t sign = static_cast<std::int64_t>(bits) >> 63;
    const auto square = times(number, number[0]);
    const auto cube = times(square, number[0]);
    add_power(sums, first_word(1, d), number, at, sign);
    add_power(sums, first_word(2, d), square, 2 * at, 0);
    add_power(sums, first_word(3, d), cube, 3 * at, sign);
    add_power(sums, first_word(4, d), times(cube, number[0]), 4 * at, 0);
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
    const digits_of present{buffer_.bytes(), head};
    for (unsigned power = 1; power <= powers && head.digits != 0; ++power) {
        before[power] = present.carried(power);
    }
    buffer_.resize(wide_size(digits));
    std::memset(buffer_.data() + sizeof(header), 0, buffer_.size() - sizeof(header));
    const words sums{buffer_.data()};
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
    if (from.digits == 0) {
        return;
    }
    const unsigned low = head.digits == 0 ? from.low : std::min(head.low, from.low);
    const unsigned end = std::max(from.low + from.digits, head.digits == 0 ? 0 : head.low + head.digits);
    widen(low, end - low);
    const words sums{buffer_.data()};
    const digits_of added{other, from};
    for (unsigned power = 1; power <= powers; ++power) {
        const std::size_t to = first_word(power, end - low) + power * (from.low - low);
        for (std::size_t i = 0; i <= power * from.digits; ++i) {
            sums.increase(to + i, added.at(power, i));
        }
    }
    carry(sums, end - low);
}

void moments::pack(std::span<const std::byte> state, flat_buffer& to)
{
    header head = read_header(state);
    const digits_of present{state, head};
    to.resize(packed_size(head.digits));
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
    head.packed = 1;
    head.added = 0;
    store(to.data(), head);
}

void moments::check(std::span<const std::byte> bytes)
{
    const header head = read_header(bytes);
    if (!is_possible(head)) {
        refuse_state(type_name, "Its count, its extremes and its sums cannot be of the same values.");
    }
    const digits_of present{bytes, head};
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
            refuse_state(type_name, "A sum in it is out of range.");
        }
    }
    if (head.packed == 0 && head.digits != 0 &&
        load<std::int64_t>(bytes.data() + bytes.size() - sizeof(std::int64_t)) != 0) {
        refuse_state(type_name, "The word after its sums is not zero.");
    }
}

} // namespace etl
