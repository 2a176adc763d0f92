#include "validate/failures.hpp"

#include "core/bytes.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr const char* state_name = "etl.validation_state";

bool lies_before(const failures::failure& a, const failures::failure& b)
{
    return a.position < b.position;
}

// About what one takes: texts of 15 bytes lie within it.
std::size_t bytes_of(const failures::failure& one)
{
    const auto beside = [](const std::pmr::string& text) { return text.size() > 15 ? text.size() + 17 : 0; };
    return sizeof one + beside(one.values) + beside(one.keys);
}

} // namespace

void failures::insert(row_position position, std::string_view values, std::string_view keys)
{
    auto* memory = first_.get_allocator().resource();
    const bool was_full = first_.size() == most_;
    if (was_full) {
        std::pop_heap(first_.begin(), first_.end(), lies_before);
        bytes_ -= bytes_of(first_.back());
        first_.pop_back();
    }
    first_.push_back({position, std::pmr::string{values, memory}, std::pmr::string{keys, memory}});
    bytes_ += bytes_of(first_.back());
    if (was_full) {
        std::push_heap(first_.begin(), first_.end(), lies_before);
    } else if (first_.size() == most_) {
        std::make_heap(first_.begin(), first_.end(), lies_before);
    }
    if (bytes_ > budget_) {
        cut();
    }
}

// From now on as many are kept as fit, but for one that always does.
void failures::cut()
{
    if (first_.size() < most_) {
        std::make_heap(first_.begin(), first_.end(), lies_before);
    }
    while (bytes_ > budget_ && first_.size() > 1) {
        std::pop_heap(first_.begin(), first_.end(), lies_before);
        bytes_ -= bytes_of(first_.back());
        first_.pop_back();
    }
    most_ = static_cast<std::uint32_t>(first_.size());
}

void failures::merge(const failures& other)
{
    passed_over += other.passed_over;
    missing += other.missing;
    unexpected += other.unexpected;
    for (const failure& found : other.listed()) {
        if (is_among_first(found.position)) {
            insert(found.position, found.values, found.keys);
        }
    }
}

void failures::write(byte_writer& to) const
{
    to.value(passed_over);
    to.value(missing);
    to.value(unexpected);
    const auto ordered = listed();
    to.value(static_cast<std::uint32_t>(ordered.size()));
    for (const failure& found : ordered) {
        to.value(found.position.table);
        to.value(found.position.block);
        to.value(found.position.offset);
        to.string(found.values);
        to.string(found.keys);
    }
}

void failures::read(byte_reader& from, std::uint64_t rows)
{
    passed_over = from.value<std::uint64_t>();
    missing = from.value<std::uint64_t>();
    unexpected = from.value<std::uint64_t>();
    const auto count = from.value<std::uint32_t>();
    if (passed_over > rows || missing > rows - passed_over || unexpected > rows - passed_over - missing ||
        count > most_ || count > unexpected) {
        refuse_state(state_name, "Its counters contradict each other.");
    }
    for (std::uint32_t i = 0; i < count; ++i) {
        row_position position;
        position.table = from.value<std::uint32_t>();
        position.block = from.value<std::uint32_t>();
        position.offset = from.value<std::uint16_t>();
        const auto values = from.string();
        const auto keys = from.string();
        if (is_among_first(position)) {
            insert(position, values, keys);
        }
    }
}

std::vector<failures::failure> failures::listed() const
{
    std::vector<failure> ordered{first_.begin(), first_.end()};
    std::stable_sort(ordered.begin(), ordered.end(), lies_before);
    return ordered;
}

} // namespace etl::validate
