#include "validate/validation_state.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <limits>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr std::uint64_t most_rows = std::numeric_limits<std::int64_t>::max(); // a count is a bigint

} // namespace

validation_state::validation_state(const checker& rules, std::string_view plan, const metric_room& room)
    : memory_{room.memory}, rules_{&rules}, poll_{room.poll}, plan_{plan, room.memory}, failures_{room.memory},
      metrics_{room.memory}
{
    const columns_view columns{rules.columns()};
    metric_room seeded = room;
    seeded.seed = rules.made_from().seed;
    failures_.reserve(rules.tested().size());
    for (std::size_t i = 0; i < rules.tested().size(); ++i) {
        failures_.emplace_back(rules.made_from().listed, room.memory, room.store == nullptr ? 0 : room.budget);
    }
    metrics_.reserve(rules.metrics().size());
    for (const metric_spec& spec : rules.metrics()) {
        metrics_.push_back(make_metric(spec, columns, seeded));
    }
}

validation_state::validation_state(const checker& rules, std::span<const std::byte> flat, const metric_room& room)
    : validation_state{rules, plan_of(flat), room}
{
    byte_reader from{flat, type_name};
    from.bytes(sizeof(state_header));
    from.string();
    read(from);
}

validation_state::~validation_state()
{
    for (metric* gone : metrics_) {
        destroy_metric(gone, memory_);
    }
}

std::string_view validation_state::plan_of(std::span<const std::byte> flat)
{
    check_header(flat, magic, version, type_name);
    byte_reader from{flat, type_name};
    from.bytes(sizeof(state_header));
    return from.string();
}

void validation_state::add_row(const checker& rules, std::span<const field> row, const row_locator& where)
{
    ++rows_;
    std::size_t i = 0;
    for (const row_step& step : rules.steps()) {
        if (step.condition < 0 || row[static_cast<std::size_t>(step.condition)].is_true()) {
            const verdict found = step.test->test(row);
            if (found != verdict::as_expected) {
                note(rules, i, found, row, where);
            }
        } else {
            ++failures_[i].passed_over;
        }
        ++i;
    }
    if (!metrics_.empty()) {
        measure_row(rules, row);
    }
}

void validation_state::note(const checker& rules, std::size_t i, verdict found, std::span<const field> row,
                            const row_locator& where)
{
    failures& of = failures_[i];
    if (found == verdict::missing) {
        ++of.missing;
        return;
    }
    ++of.unexpected;
    of.list(where, [&] { return rules.json_of(rules.tested()[i], row); });
}

void validation_state::measure_row(const checker& rules, std::span<const field> row)
{
    for (std::size_t i = 0; i < metrics_.size(); ++i) {
        const metric_spec& spec = rules.metrics()[i];
        if (spec.condition >= 0 && !row[static_cast<std::size_t>(spec.condition)].is_true()) {
            continue;
        }
        metric& gathered = *metrics_[i];
        ++gathered.rows;
        if (!is_passed_over(row, spec.columns, spec.ignored)) {
            ++gathered.values;
            gathered.add(row);
        }
    }
}

void validation_state::merge(const validation_state& other)
{
    if (other.plan_ != plan_) {
        throw error(sqlstate::invalid_parameter_value,
                    "validation states of different suites or columns cannot be merged", {},
                    "Merge states that were made with the same suite, unchanged, over the same columns.");
    }
    if (other.rows_ > most_rows - rows_) {
        throw error(sqlstate::numeric_value_out_of_range, "the rows of the merged validation states are too many");
    }
    rows_ += other.rows_;
    for (std::size_t i = 0; i < failures_.size(); ++i) {
        failures_[i].merge(other.failures_[i]);
    }
    for (std::size_t i = 0; i < metrics_.size(); ++i) {
        metrics_[i]->rows += other.metrics_[i]->rows;
        metrics_[i]->values += other.metrics_[i]->values;
        metrics_[i]->merge(*other.metrics_[i]);
    }
}

void validation_state::write(std::pmr::vector<std::byte>& to)
{
    byte_writer flat{to};
    flat.value(magic);
    flat.value(version);
    flat.string(plan_);
    flat.value(rows_);
    for (const failures& found : failures_) {
        found.write(flat);
    }
    for (metric* gathered : metrics_) {
        flat.value(gathered->rows);
        flat.value(gathered->values);
        gathered->write(flat);
    }
}

void validation_state::read(byte_reader& from)
{
    rows_ = from.value<std::uint64_t>();
    if (rows_ > most_rows) {
        from.refuse("Its counters contradict each other.");
    }
    for (failures& found : failures_) {
        poll_();
        found.read(from, rows_);
    }
    for (metric* gathered : metrics_) {
        poll_();
        gathered->rows = from.value<std::uint64_t>();
        gathered->values = from.value<std::uint64_t>();
        if (gathered->rows > rows_ || gathered->values > gathered->rows) {
            from.refuse("Its counters contradict each other.");
        }
        gathered->read(from);
    }
    from.expect_end();
}

} // namespace etl::validate
