#include "validate/metrics.hpp"

#include "validate/extremes.hpp"
#include "validate/profile.hpp"
#include "validate/value_counts.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr std::uint64_t top_bit = std::uint64_t{1} << 63;

// Doubles as integers of the same order: the bits of negative ones are turned over.
std::uint64_t ordered_bits(double value)
{
    const double canonical = value == 0 ? 0 : value != value ? std::numeric_limits<double>::quiet_NaN() : value;
    const auto bits = std::bit_cast<std::uint64_t>(canonical);
    return (bits & top_bit) != 0 ? ~bits : bits | top_bit;
}

// The shortest text that reads back as the same double; PostgreSQL's words for what is no number.
std::string shortest_text(double value)
{
    if (value != value) {
        return "NaN";
    }
    if (std::isinf(value)) {
        return value > 0 ? "Infinity" : "-Infinity";
    }
    std::array<char, 32> digits;
    return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr};
}

template <class T, class... Args>
metric* construct(std::pmr::memory_resource* memory, Args&&... args)
{
    return std::pmr::polymorphic_allocator<T>{memory}.template new_object<T>(std::forward<Args>(args)...);
}

template <class T>
bool destroy_as(metric* gone, std::pmr::memory_resource* memory)
{
    auto* found = dynamic_cast<T*>(gone);
    if (found != nullptr) {
        std::pmr::polymorphic_allocator<T>{memory}.delete_object(found);
    }
    return found != nullptr;
}

} // namespace

std::vector<const column_type*> types_of(const metric_spec& spec, const columns_view& columns)
{
    std::vector<const column_type*> types;
    for (const std::size_t i : spec.columns) {
        types.push_back(&columns.type(i));
    }
    return types;
}

passed_over ignored_by(const expectation& what)
{
    const arguments given{what};
    if (what.type->of != family::multicolumn) {
        return what.type->of == family::column_pair ? passed_over::none : passed_over::any_missing;
    }
    const std::string name = given.has("ignore_row_if") ? given.text("ignore_row_if") : "all_values_are_missing";
    return name == "all_values_are_missing" ? passed_over::all_missing
           : name == "any_value_is_missing" ? passed_over::any_missing
                                            : passed_over::none;
}

bool is_passed_over(std::span<const field> row, std::span<const std::size_t> columns, passed_over ignored)
{
    if (columns.size() == 1) {
        return row[columns[0]].is_null();
    }
    const auto is_null = [row](std::size_t i) { return row[i].is_null(); };
    switch (ignored) {
    case passed_over::any_missing:
        return std::ranges::any_of(columns, is_null);
    case passed_over::all_missing:
        return std::ranges::all_of(columns, is_null);
    case passed_over::none:
        break;
    }
    return false;
}

metric* make_metric(const metric_spec& spec, const columns_view& columns, const metric_room& room)
{
    const std::size_t first = spec.columns.empty() ? 0 : spec.columns.front();
    switch (spec.kind) {
    case metric_kind::row_count:
        return construct<row_count>(room.memory);
    case metric_kind::moments:
        return construct<moments>(room.memory, first, room.memory);
    case metric_kind::extremes:
        return construct<extremes>(room.memory, first, columns.type(first), room.memory);
    case metric_kind::samples:
        return construct<samples>(room.memory, first, room);
    case metric_kind::fingerprints:
        return construct<fingerprints>(room.memory, spec, columns, room);
    case metric_kind::profile:
        return construct<column_profile>(room.memory, spec, columns, room);
    case metric_kind::value_counts:
        break;
    }
    return construct<value_counts>(room.memory, spec, columns, room);
}

void destroy_metric(metric* gone, std::pmr::memory_resource* memory) noexcept
{
    static_cast<void>(destroy_as<row_count>(gone, memory) || destroy_as<moments>(gone, memory) ||
                      destroy_as<extremes>(gone, memory) || destroy_as<samples>(gone, memory) ||
                      destroy_as<fingerprints>(gone, memory) || destroy_as<value_counts>(gone, memory) ||
                      destroy_as<column_profile>(gone, memory));
}

// --- moments -------------------------------------------------------------------------------------------------------

void moments::add(std::span<const field> row)
{
    const field& value = row[column_];
    kind_ = value.is;
    if (value.is == field::kind::integer) {
        wholes_.add(value.integer);
        reals_.add(value.integer);
        squares_.add(value.integer);
        return;
    }
    if (value.is == field::kind::decimal) {
        decimals_.add(value.as_decimal());
    }
    const double real = real_of(value);
    reals_.add(real);
    squares_.add(real);
}

void moments::merge(const metric& other)
{
    const auto& from = static_cast<const moments&>(other);
    kind_ = from.kind_ == field::kind::null ? kind_ : from.kind_;
    wholes_.merge(from.wholes_);
    decimals_.merge(from.decimals_);
    reals_.merge(from.reals_);
    squares_.merge(from.squares_);
}

void moments::write(byte_writer& to)
{
    to.value(static_cast<std::uint8_t>(kind_));
    wholes_.write(to);
    decimals_.write(to);
    reals_.write(to);
    squares_.write(to);
}

void moments::read(byte_reader& from)
{
    const auto kind = from.value<std::uint8_t>();
    if (kind > static_cast<std::uint8_t>(field::kind::decimal)) {
        from.refuse("Its sums are of no kind of number.");
    }
    kind_ = static_cast<field::kind>(kind);
    wholes_.read(from);
    decimals_.read(from);
    reals_.read(from);
    squares_.read(from);
}

std::string moments::sum() const
{
    switch (kind_) {
    case field::kind::integer:
        return wholes_.to_string();
    case field::kind::decimal:
        return decimals_.to_string();
    default:
        return shortest_text(reals_.rounded());
    }
}

// Of decimals their own sum is divided: nearest doubles may cancel each other out.
double moments::mean() const
{
    return kind_ == field::kind::decimal && decimals_.is_finite() ? decimals_.mean(values) : etl::mean(reals_, values);
}

double moments::deviation() const
{
    return std::sqrt(sample_variance(reals_, squares_, values));
}

// --- samples -------------------------------------------------------------------------------------------------------

std::uint64_t samples::key_of(const field& value)
{
    return value.is == field::kind::integer ? static_cast<std::uint64_t>(value.integer) ^ top_bit
                                            : ordered_bits(real_of(value));
}

std::int64_t samples::whole_of_key(std::uint64_t key)
{
    return static_cast<std::int64_t>(key ^ top_bit);
}

double samples::real_of_key(std::uint64_t key, field::kind kind)
{
    if (kind == field::kind::integer) {
        return static_cast<double>(whole_of_key(key));
    }
    return std::bit_cast<double>((key & top_bit) != 0 ? key & ~top_bit : ~key);
}

void samples::merge(const metric& other)
{
    keys_.merge(static_cast<const samples&>(other).keys_);
}

void samples::write(byte_writer& to)
{
    keys_.write_small(to);
}

void samples::read(byte_reader& from)
{
    keys_.read(from);
    if (keys_.rows() != values) {
        from.refuse("Its samples are not as many as its values.");
    }
}

// --- fingerprints --------------------------------------------------------------------------------------------------

fingerprint print_of_row(std::span<const field> row, std::span<const std::size_t> columns,
                         std::span<const column_type* const> types, std::uint64_t seed)
{
    if (columns.size() == 1) {
        return print_of(*types[0], row[columns[0]], seed);
    }
    std::uint64_t low = seed;
    std::uint64_t high = ~seed;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        const field& value = row[columns[i]];
        const fingerprint one = value.is_null() ? fingerprint{} : print_of(*types[i], value, seed);
        const std::array<std::uint64_t, 4> joined{low, high, one.low, one.high};
        const fingerprint next = fingerprint_of(std::as_bytes(std::span{joined}));
        low = next.low;
        high = next.high;
    }
    return {low, high};
}

fingerprints::fingerprints(const metric_spec& spec, const columns_view& columns, const metric_room& room)
    : columns_{spec.columns}, types_{types_of(spec, columns)}, seed_{room.seed}, proven_{spec.proven_unique},
      budget_{room.budget}, store_{room.store}, prints_{room.memory, room.budget, room.store, room.poll}
{
}

void fingerprints::add(std::span<const field> row)
{
    if (!proven_) {
        prints_.add(print_of_row(row, columns_, types_, seed_));
    }
}

void fingerprints::merge(const metric& other)
{
    prints_.merge(static_cast<const fingerprints&>(other).prints_);
}

void fingerprints::write(byte_writer& to)
{
    prints_.write_small(to);
}

void fingerprints::read(byte_reader& from)
{
    prints_.read(from);
    if (prints_.rows() != (proven_ ? 0 : values)) {
        from.refuse("Its fingerprints are not as many as its values.");
    }
}

fingerprints::summary fingerprints::summarize()
{
    if (proven_) {
        return {values, 0, 0};
    }
    summary made;
    prints_.each([&made](const auto& found) {
        ++made.distinct;
        if (found.rows > 1) {
            ++made.repeating;
            made.rows += found.rows;
        }
    });
    return made;
}

std::vector<fingerprint> fingerprints::repeated(std::size_t most)
{
    std::vector<fingerprint> made;
    prints_.each([&](const auto& found) {
        if (found.rows > 1) {
            made.push_back(found.key);
        }
        return made.size() < most;
    });
    return made;
}

} // namespace etl::validate
