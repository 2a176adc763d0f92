#include "validate/value_counts.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

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

} // namespace

value_counts::value_counts(const metric_spec& spec, const columns_view& columns, const metric_room& room)
    : columns_{spec.columns}, types_{types_of(spec, columns)}, seed_{room.seed},
      budget_{std::max(room.store == nullptr ? 0 : room.budget, least_budget)}, poll_{room.poll}, counts_{room.memory}
{
}

std::string value_counts::json_of(std::span<const field> row) const
{
    return json_of_columns(row, columns_, types_);
}

bool value_counts::looks_like_equals(std::span<const field> row) const
{
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (!equals_look_same(*types_[i], row[columns_[i]])) {
            return false;
        }
    }
    return true;
}

void value_counts::add(std::span<const field> row)
{
    const fingerprint print = print_of_row(row, columns_, types_, seed_);
    const auto found = counts_.find(print);
    if (found == counts_.end()) {
        if (!overflowed_) {
            count(print, json_of(row), 1);
        }
        return;
    }
    ++found->second.rows;
    if (!looks_like_equals(row)) {
        show(found->second, json_of(row));
    }
}

// Of equal values that look different the least JSON stays: the same in every order of the rows.
void value_counts::show(counted& value, std::string_view json)
{
    if (json < value.json) {
        bytes_ += json.size();
        bytes_ -= value.json.size();
        value.json = json;
    }
}

void value_counts::give_up()
{
    overflowed_ = true;
    counts_.clear();
}

void value_counts::count(fingerprint print, std::string_view json, std::uint64_t rows)
{
    auto* memory = counts_.get_allocator().resource();
    const auto [at, is_new] = counts_.try_emplace(print, counted{std::pmr::string{memory}, 0});
    if (is_new) {
        at->second.json = json;
        bytes_ += entry_bytes + json.size();
    } else {
        show(at->second, json);
    }
    at->second.rows += rows;
    if (counts_.size() > most_values || bytes_ > budget_) {
        give_up();
    }
}

void value_counts::merge(const metric& other)
{
    const auto& from = static_cast<const value_counts&>(other);
    if (overflowed_ || from.overflowed_) {
        give_up();
        return;
    }
    from.each([this](const fingerprint& print, const counted& value) {
        if (!overflowed_) {
            count(print, value.json, value.rows);
        }
    });
}

void value_counts::write(byte_writer& to)
{
    to.value(static_cast<std::uint8_t>(overflowed_ ? 1 : 0));
    to.count(counts_.size());
    std::vector<std::pair<fingerprint, const counted*>> ordered; // the same bytes for the same values
    each([&ordered](const fingerprint& print, const counted& value) { ordered.emplace_back(print, &value); });
    poller stop{poll_};
    std::sort(ordered.begin(), ordered.end(), [&stop](const auto& a, const auto& b) {
        stop.tick();
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
    const bool is_whole = !overflowed_;
    std::uint64_t rows = 0;
    poller stop{poll_};
    for (std::size_t left = from.count(sizeof(fingerprint) + 2 * sizeof(std::uint64_t)); left > 0; --left) {
        const auto print = from.value<fingerprint>();
        const auto times = from.value<std::uint64_t>();
        if (times == 0 || times > values - rows || !is_whole || counts_.contains(print)) {
            from.refuse("Its counted values contradict each other.");
        }
        rows += times;
        const std::string_view json = from.string();
        if (!overflowed_) { // it may by now, where less memory is allowed than to the writer
            count(print, json, times);
        }
        stop.tick();
    }
    if (is_whole && rows != values) {
        from.refuse("Its counted values are not as many as its values.");
    }
}

void value_counts::require_complete(const std::string& purpose) const
{
    if (overflowed_) {
        throw error(sqlstate::program_limit_exceeded,
                    purpose + " found more than " + std::to_string(most_values) + " different values, or " +
                        std::to_string(budget_ >> 20) + " MB of them",
                    {}, "Raise work_mem where the values are long.");
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
    poller stop{poll_};
    std::sort(made.begin(), made.end(), [&stop](const counted* a, const counted* b) {
        stop.tick();
        return a->rows != b->rows ? a->rows > b->rows : a->json < b->json;
    });
    return made;
}

} // namespace etl::validate
