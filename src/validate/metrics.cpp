#include "validate/metrics.hpp"

#include "validate/profile.hpp"

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

// Large ones go to a file where there is one: so a worker's state stays small on its way to the leader.
template <class Key>
void write_runs(sorted_runs<Key>& keys, bool spills, byte_writer& to)
{
    constexpr std::size_t small = std::size_t{1} << 20;
    if (spills && keys.flat_size() > small) {
        keys.spill();
    }
    keys.write(to);
}

// The JSON of each of some columns, as an array where there are several.
std::string json_of_columns(std::span<const field> row, std::span<const std::size_t> columns,
                            std::span<const column_type* const> types)
{
    if (columns.size() == 1) {
        return types[0]->json(row[columns[0]]);
    }
    std::string made{"["};
    for (std::size_t i = 0; i < columns.size(); ++i) {
        const field& value = row[columns[i]];
        made += i > 0 ? ", " : "";
        made += value.is_null() ? "null" : types[i]->json(value);
    }
    return made + ']';
}

std::vector<const column_type*> types_of(const metric_spec& spec, const columns_view& columns)
{
    std::vector<const column_type*> types;
    for (const std::size_t i : spec.columns) {
        types.push_back(&columns.type(i));
    }
    return types;
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
    static_cast<void>(destroy_as<row_count>(gone, memory) || destroy_as<moments>(gone, memory) || destroy_as<extremes>(gone, memory) ||
                      destroy_as<samples>(gone, memory) || destroy_as<fingerprints>(gone, memory) ||
                      destroy_as<value_counts>(gone, memory) || destroy_as<column_profile>(gone, memory));
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

double moments::mean() const
{
    return etl::mean(reals_, values);
}

double moments::deviation() const
{
    return std::sqrt(sample_variance(reals_, squares_, values));
}

// --- extremes ------------------------------------------------------------------------------------------------------

void kept_value::assign(const field& value, const column_type& type)
{
    value_ = value;
    switch (value.is) {
    case field::kind::text:
        bytes_ = value.padded_text();
        value_.text = std::string_view{bytes_}.substr(0, value.text.size());
        break;
    case field::kind::decimal:
        bytes_ = value.text;
        value_.text = bytes_;
        break;
    case field::kind::other:
        value_ = type.keep(value, bytes_);
        break;
    default:
        break;
    }
    if (value.is != field::kind::other) {
        value_.raw = 0;
    }
}

namespace {

// Whether weight and digits are such as numeric has.
bool is_sound(std::int64_t weight, std::string_view digits)
{
    const decimal value{.digits = digits};
    for (int i = 0; i < value.count(); ++i) {
        if (value.digit(i) < 0 || value.digit(i) > 9999) {
            return false;
        }
    }
    return digits.size() % 2 == 0 && weight == static_cast<std::int16_t>(weight);
}

} // namespace

void kept_value::write(byte_writer& to, const column_type& type) const
{
    to.value(static_cast<std::uint8_t>(value_.is));
    to.value(static_cast<std::uint8_t>(value_.sign));
    to.value(value_.padding);
    to.value(value_.integer);
    to.value(value_.real);
    to.string(value_.is == field::kind::other ? std::string_view{type.text(value_)} : std::string_view{bytes_});
}

void kept_value::read(byte_reader& from, column_type& type)
{
    field made;
    const auto kind = from.value<std::uint8_t>();
    const auto sign = from.value<std::uint8_t>();
    made.padding = from.value<std::uint32_t>();
    made.integer = from.value<std::int64_t>();
    made.real = from.value<double>();
    bytes_ = from.string();
    made.is = static_cast<field::kind>(kind);
    made.sign = static_cast<decimal::sign>(sign);
    if ((made.is != field::kind::null && made.is != type.kind()) ||
        sign > static_cast<std::uint8_t>(decimal::sign::negative_infinity) ||
        made.padding > bytes_.size() || (made.padding > 0 && made.is != field::kind::text) ||
        (made.is == field::kind::decimal && !is_sound(made.integer, bytes_))) {
        from.refuse("Its least or greatest value is damaged.");
    }
    made.text = std::string_view{bytes_}.substr(0, bytes_.size() - made.padding);
    value_ = made.is == field::kind::other ? type.literal(std::string{bytes_}, "a stored validation state") : made;
}

void extremes::include(const field& value)
{
    if (least_.is_empty() || compare_fields(type_, value, least_.value()) < 0) {
        least_.assign(value, type_);
    }
    if (greatest_.is_empty() || compare_fields(type_, value, greatest_.value()) > 0) {
        greatest_.assign(value, type_);
    }
}

void extremes::merge(const metric& other)
{
    const auto& from = static_cast<const extremes&>(other);
    for (const field* value : {&from.least(), &from.greatest()}) {
        if (!value->is_null()) {
            include(*value);
        }
    }
}

void extremes::write(byte_writer& to)
{
    least_.write(to, type_);
    greatest_.write(to, type_);
}

void extremes::read(byte_reader& from)
{
    least_.read(from, type_);
    greatest_.read(from, type_);
    if (least_.is_empty() != greatest_.is_empty()) {
        from.refuse("Its least and greatest values contradict each other.");
    }
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
    write_runs(keys_, spills_, to);
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
      spills_{room.store != nullptr}, prints_{room.memory, room.budget, room.store, room.poll}
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
    write_runs(prints_, spills_, to);
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

// --- counted values ------------------------------------------------------------------------------------------------

value_counts::value_counts(const metric_spec& spec, const columns_view& columns, const metric_room& room)
    : columns_{spec.columns}, types_{types_of(spec, columns)}, seed_{room.seed}, counts_{room.memory}
{
}

std::string value_counts::json_of(std::span<const field> row) const
{
    return json_of_columns(row, columns_, types_);
}

void value_counts::add(std::span<const field> row)
{
    const fingerprint print = print_of_row(row, columns_, types_, seed_);
    const auto found = counts_.find(print);
    if (found != counts_.end()) {
        ++found->second.rows;
    } else if (!overflowed_) {
        count(print, json_of(row), 1);
    }
}

void value_counts::count(fingerprint print, std::string_view json, std::uint64_t rows)
{
    auto* memory = counts_.get_allocator().resource();
    const auto [at, is_new] = counts_.try_emplace(print, counted{std::pmr::string{memory}, 0});
    if (is_new) {
        at->second.json = json;
    }
    at->second.rows += rows;
    if (counts_.size() > most_values) {
        overflowed_ = true;
        counts_.clear();
    }
}

void value_counts::merge(const metric& other)
{
    const auto& from = static_cast<const value_counts&>(other);
    overflowed_ = overflowed_ || from.overflowed_;
    if (overflowed_) {
        counts_.clear();
        return;
    }
    for (const auto& [print, value] : from.counts_) {
        if (overflowed_) {
            return;
        }
        count(print, value.json, value.rows);
    }
}

void value_counts::write(byte_writer& to)
{
    to.value(static_cast<std::uint8_t>(overflowed_ ? 1 : 0));
    to.count(counts_.size());
    std::vector<std::pair<fingerprint, const counted*>> ordered; // the same bytes for the same values
    each([&ordered](const fingerprint& print, const counted& value) { ordered.emplace_back(print, &value); });
    std::sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
        return a.first.high != b.first.high ? a.first.high < b.first.high : a.first.low < b.first.low;
    });
    for (const auto& [print, value] : ordered) {
        to.value(print);
        to.value(value->rows);
        to.string(value->json);
    }
}

void value_counts::read(byte_reader& from)
{
    overflowed_ = from.flag();
    std::uint64_t rows = 0;
    for (std::size_t left = from.count(sizeof(fingerprint) + 2 * sizeof(std::uint64_t)); left > 0; --left) {
        const auto print = from.value<fingerprint>();
        const auto times = from.value<std::uint64_t>();
        if (times == 0 || times > values - rows || overflowed_ || counts_.contains(print)) {
            from.refuse("Its counted values contradict each other.");
        }
        rows += times;
        count(print, from.string(), times);
    }
    if (!overflowed_ && rows != values) {
        from.refuse("Its counted values are not as many as its values.");
    }
}

void value_counts::require_complete(const std::string& purpose) const
{
    if (overflowed_) {
        throw error(sqlstate::program_limit_exceeded,
                    purpose + " found more than " + std::to_string(most_values) + " different values");
    }
}

std::uint64_t value_counts::rows_of(fingerprint print) const
{
    const auto found = counts_.find(print);
    return found == counts_.end() ? 0 : found->second.rows;
}

std::vector<const value_counts::counted*> value_counts::by_count() const
{
    std::vector<const counted*> made;
    each([&made](const fingerprint&, const counted& value) { made.push_back(&value); });
    std::sort(made.begin(), made.end(), [](const counted* a, const counted* b) {
        return a->rows != b->rows ? a->rows > b->rows : a->json < b->json;
    });
    return made;
}

} // namespace etl::validate
