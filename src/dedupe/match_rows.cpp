#include "dedupe/match_rows.hpp"

#include <limits>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

match_rows::match_rows(std::span<const value_type> types, bool links, std::pmr::memory_resource* memory)
    : links_{links}, sides_{memory}, numbers_{memory}, texts_{memory}, columns_{memory}
{
    columns_.reserve(types.size());
    for (const value_type type : types) {
        columns_.push_back({type, text_list{memory}, std::pmr::vector<double>{memory}});
    }
}

void match_rows::add(std::int64_t id, row_sides sides)
{
    numbers_.push_back(id);
    sides_.push_back(sides);
}

void match_rows::add(std::string_view id, row_sides sides)
{
    texts_.add(id);
    sides_.push_back(sides);
}

void match_rows::add_value(std::size_t comparison, const match_value& value)
{
    column& to = columns_[comparison];
    if (to.type == value_type::text) {
        to.texts.add(value.missing ? std::string_view{} : value.text);
    } else {
        to.numbers.push_back(value.missing ? std::numeric_limits<double>::quiet_NaN() : value.number);
    }
}

std::string match_rows::id(row_number row) const
{
    return numbers_.empty() ? std::string{texts_[row]} : std::to_string(numbers_[row]);
}

bool match_rows::is_before(row_number one, row_number other) const noexcept
{
    return numbers_.empty() ? texts_[one] < texts_[other] : numbers_[one] < numbers_[other];
}

std::optional<std::pair<row_number, row_number>> match_rows::as_pair(row_number one, row_number other) const noexcept
{
    const bool is_first = links_ ? !sides_[one].is_second : is_before(one, other);
    const row_number a = is_first ? one : other;
    const row_number b = is_first ? other : one;
    if (links_ && sides_[a].is_second == sides_[b].is_second) {
        return std::nullopt;
    }
    if (sides_[a].in_a && sides_[b].in_b) {
        return std::pair{a, b};
    }
    if (!links_ && sides_[b].in_a && sides_[a].in_b) {
        return std::pair{b, a};
    }
    return std::nullopt;
}

match_value match_rows::value(const column& of, row_number row) const noexcept
{
    return of.type == value_type::text ? match_value::of(of.texts[row]) : match_value::of(of.numbers[row]);
}

void match_rows::read(row_number a, row_number b, std::span<compared_values> to) const noexcept
{
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        to[i] = {value(columns_[i], a), value(columns_[i], b)};
    }
}

std::size_t match_rows::memory_bytes() const noexcept
{
    std::size_t bytes =
        sides_.capacity() * sizeof(row_sides) + numbers_.capacity() * sizeof(std::int64_t) + texts_.memory_bytes();
    for (const column& one : columns_) {
        bytes += one.texts.memory_bytes() + one.numbers.capacity() * sizeof(double);
    }
    return bytes;
}

} // namespace etl::dedupe
