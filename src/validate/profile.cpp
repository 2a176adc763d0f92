#include "validate/profile.hpp"

#include "core/hex.hpp"

#include <algorithm>
#include <cstring>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

[[noreturn]] void refuse_plan()
{
    refuse_state("etl.validation_state", "Its plan of a profile is damaged.");
}

fingerprint print_of_hex(const std::string& text)
{
    const auto bytes = from_hex(text);
    fingerprint made{};
    if (!bytes || bytes->size() != sizeof made) {
        refuse_plan();
    }
    std::memcpy(&made, bytes->data(), sizeof made);
    return made;
}

std::vector<fingerprint> read_sought(const json& from)
{
    std::vector<fingerprint> made;
    for (const json& print : from) {
        made.push_back(print_of_hex(print.get<std::string>()));
    }
    return made;
}

metric_spec read_spec(std::size_t column, const json& told)
{
    metric_spec made{.kind = metric_kind::profile, .columns = {column}};
    try {
        made.identical = told.at("identical").get<bool>();
        made.sought = read_sought(told.at("sought"));
    } catch (const json::exception&) {
        refuse_plan();
    }
    return made;
}

std::size_t share_of(std::size_t budget, bool is_halved)
{
    return is_halved ? budget / 2 : budget;
}

} // namespace

std::vector<metric_spec> profile_metrics(const std::map<std::size_t, json>& profiled, std::size_t columns)
{
    std::vector<metric_spec> made;
    for (const auto& [column, told] : profiled) {
        if (column >= columns) {
            refuse_plan();
        }
        made.push_back(read_spec(column, told));
    }
    return made;
}

std::string hex_of(fingerprint print)
{
    return to_hex(std::as_bytes(std::span{&print, 1}));
}

// --- gathering -----------------------------------------------------------------------------------------------------

column_profile::gathering column_profile::gathering_of(const column_type& type, bool is_seeking)
{
    const field::kind kind = type.kind();
    const bool is_whole = kind == field::kind::integer || kind == field::kind::real;
    const bool is_decimal = kind == field::kind::decimal;
    if (is_seeking) {
        return {.keys = false, .prints = true, .sums = false, .extremes = false, .texts = false};
    }
    return {.keys = is_whole || is_decimal,
            .prints = !is_whole && type.is_hashable(),
            .sums = type.measures() == measure::number,
            .extremes = !is_whole && type.is_ordered() && type.is_storable(),
            .texts = kind == field::kind::text};
}

column_profile::column_profile(const metric_spec& spec, const columns_view& columns, const metric_room& room)
    : column_{spec.columns.front()}, type_{columns.type(column_)}, identical_{type_.kind() == field::kind::other
                                                                                  ? spec.identical
                                                                                  : type_.equal_means_identical()},
      seed_{room.seed}, gathers_{gathering_of(type_, !spec.sought.empty())}, few_{room.memory},
      prints_{room.memory, share_of(room.budget, gathers_.keys), room.store, room.poll},
      keys_{room.memory, share_of(room.budget, gathers_.prints), room.store, room.poll}, sums_{column_, room.memory},
      least_{room.memory}, greatest_{room.memory}, shape_{room.memory}
{
    if (!spec.sought.empty()) {
        few_.seek(spec.sought);
    }
}

void column_profile::add(std::span<const field> row)
{
    const field& value = row[column_];
    if (gathers_.keys) {
        keys_.add(samples::key_of(value));
    }
    if (gathers_.sums) {
        sums_.add(row);
    }
    const bool may_be_new = !gathers_.prints || add_print(value);
    if (gathers_.extremes && (may_be_new || !identical_)) {
        include(value);
    }
    if (gathers_.texts) {
        add_text(value, may_be_new || !identical_);
    }
}

// Whether the value may be one that was not there before.
bool column_profile::add_print(const field& value)
{
    const fingerprint print = print_of(type_, value, seed_);
    if (!few_.is_complete()) {
        prints_.add(print);
        return true;
    }
    const bool is_new = few_.add(print, 1, !identical_, [&] { return json_of(value); });
    if (!few_.is_complete()) {
        give_up_values();
    }
    return is_new;
}

void column_profile::give_up_values()
{
    few_.each([this](const fingerprint& print, const few_values::counted& value) { prints_.add(print, value.rows); });
    few_.give_up();
}

void column_profile::add_text(const field& value, bool is_new)
{
    const std::uint64_t length = type_.length(value.text);
    shortest_ = std::min(shortest_, length);
    longest_ = std::max(longest_, length);
    characters_.add(static_cast<std::int64_t>(length));
    if (is_new) {
        shape_.add(value.text, value.padding > 0);
    }
}

void column_profile::include(const field& value)
{
    auto goes_beyond = [&](const kept_value& kept, int sign) {
        const int order = kept.is_empty() ? 1 : sign * compare_fields(type_, value, kept.value());
        return order > 0 || (order == 0 && !identical_ && looks_less(type_, value, kept.value()));
    };
    if (goes_beyond(least_, -1)) {
        least_.assign(value, type_);
    }
    if (goes_beyond(greatest_, 1)) {
        greatest_.assign(value, type_);
    }
}

// Numeric without the zeros at its end, which do not make it another value.
std::string column_profile::json_of(const field& value) const
{
    field shown = value;
    shown.raw = value.is == field::kind::decimal ? 0 : value.raw;
    return type_.json(shown);
}

void column_profile::merge(const metric& other)
{
    const auto& from = static_cast<const column_profile&>(other);
    keys_.merge(from.keys_);
    sums_.merge(from.sums_);
    if (few_.is_complete() && !from.few_.is_complete()) {
        give_up_values();
    }
    from.few_.each([this](const fingerprint& print, const few_values::counted& value) {
        if (!few_.is_complete()) {
            prints_.add(print, value.rows);
            return;
        }
        few_.add(print, value.rows, true, [&value] { return std::string_view{value.json}; });
        if (!few_.is_complete()) {
            give_up_values();
        }
    });
    prints_.merge(from.prints_);
    for (const kept_value* kept : {&from.least_, &from.greatest_}) {
        if (!kept->is_empty()) {
            include(kept->value());
        }
    }
    shortest_ = std::min(shortest_, from.shortest_);
    longest_ = std::max(longest_, from.longest_);
    characters_.merge(from.characters_);
    shape_.merge(from.shape_);
}

// --- the flat form -------------------------------------------------------------------------------------------------

void column_profile::write(byte_writer& to)
{
    if (gathers_.keys) {
        keys_.write_small(to);
    }
    if (gathers_.sums) {
        sums_.write(to);
    }
    if (gathers_.prints) {
        few_.write(to);
        prints_.write_small(to);
    }
    if (gathers_.extremes) {
        least_.write(to, type_);
        greatest_.write(to, type_);
    }
    if (gathers_.texts) {
        to.value(shortest_);
        to.value(longest_);
        characters_.write(to);
        shape_.write(to);
    }
}

void column_profile::read(byte_reader& from)
{
    if (gathers_.keys) {
        keys_.read(from);
        if (keys_.rows() != values) {
            from.refuse("The keys of a profile are not as many as its values.");
        }
    }
    if (gathers_.sums) {
        sums_.read(from);
    }
    if (gathers_.prints) {
        read_values(from);
    }
    if (gathers_.extremes) {
        least_.read(from, type_);
        greatest_.read(from, type_);
        if (least_.is_empty() != (values == 0) || greatest_.is_empty() != (values == 0)) {
            from.refuse("The least and greatest values of a profile contradict the others.");
        }
    }
    if (gathers_.texts) {
        shortest_ = from.value<std::uint64_t>();
        longest_ = from.value<std::uint64_t>();
        characters_.read(from);
        shape_.read(from);
    }
}

void column_profile::read_values(byte_reader& from)
{
    few_.read(from);
    prints_.read(from);
    std::uint64_t rows = prints_.rows();
    few_.each([&rows](const fingerprint&, const few_values::counted& value) { rows += value.rows; });
    const bool is_right = few_.is_seeking() ? rows <= values : rows == values;
    if (!is_right || (few_.is_complete() && prints_.rows() > 0)) {
        from.refuse("The values of a profile are not as many as it says.");
    }
}

} // namespace etl::validate
