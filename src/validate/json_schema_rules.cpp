#include "validate/json_schema_rules.hpp"

#include "validate/json_schema_value.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::validate::schema {

name_rule& name_table::at(std::string_view name)
{
    if (const auto known = find(name)) {
        return names_[*known];
    }
    names_.push_back({});
    names_.back().name = name;
    names_.back().hash = hash_text(name);
    if (names_.size() * 2 > slots_.size()) {
        grow();
    } else {
        place(static_cast<std::uint32_t>(names_.size() - 1));
    }
    return names_.back();
}

void name_table::grow()
{
    slots_.assign(std::max<std::size_t>(4, slots_.size() * 2), 0);
    for (std::uint32_t i = 0; i < names_.size(); ++i) {
        place(i);
    }
}

void name_table::place(std::uint32_t number)
{
    std::size_t slot = names_[number].hash & (slots_.size() - 1);
    while (slots_[slot] != 0) {
        slot = (slot + 1) & (slots_.size() - 1);
    }
    slots_[slot] = number + 1;
}

std::optional<std::uint32_t> name_table::find(std::string_view name) const noexcept
{
    if (slots_.empty()) {
        return std::nullopt;
    }
    const std::uint64_t hash = hash_text(name);
    for (std::size_t slot = hash & (slots_.size() - 1); slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
        const name_rule& rule = names_[slots_[slot] - 1];
        if (rule.hash == hash && rule.name.size() == name.size() &&
            (name.size() <= surely_told_apart || rule.name == name)) {
            return slots_[slot] - 1;
        }
    }
    return std::nullopt;
}

value_set::value_set(value list) : list_{list}
{
    constexpr std::uint32_t few = 8;
    if (list.size() <= few) {
        return;
    }
    by_hash_.reserve(list.size());
    for (const value each : elements(list)) {
        by_hash_.emplace_back(hash_value(each), each);
    }
    std::sort(by_hash_.begin(), by_hash_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
}

bool value_set::has(value of) const
{
    if (by_hash_.empty()) {
        for (const value each : elements(list_)) {
            if (are_equal(each, of)) {
                return true;
            }
        }
        return false;
    }
    const std::uint64_t hash = hash_value(of);
    auto at = std::lower_bound(by_hash_.begin(), by_hash_.end(), hash,
                               [](const auto& each, std::uint64_t wanted) { return each.first < wanted; });
    for (; at != by_hash_.end() && at->first == hash; ++at) {
        if (are_equal(at->second, of)) {
            return true;
        }
    }
    return false;
}

} // namespace etl::validate::schema
