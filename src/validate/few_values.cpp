#include "validate/few_values.hpp"

#include "core/cpp_only.hpp"

namespace etl::validate {

void few_values::seek(std::span<const fingerprint> prints)
{
    seeks_ = true;
    for (const fingerprint& print : prints) {
        counts_.try_emplace(print, counted{std::pmr::string{counts_.get_allocator()}, 0});
    }
}

bool few_values::insert(fingerprint print, std::uint64_t rows, std::string_view json)
{
    counts_.emplace(print, counted{std::pmr::string{json, counts_.get_allocator()}, rows});
    bytes_ += json.size();
    is_complete_ = counts_.size() <= most_values && bytes_ <= most_bytes;
    return true;
}

void few_values::show(counted& value, std::string_view json)
{
    if (!json.empty() && (value.json.empty() || json < value.json)) {
        value.json = json;
    }
}

void few_values::give_up()
{
    is_complete_ = false;
    counts_.clear();
}

void few_values::write(byte_writer& to) const
{
    to.value(static_cast<std::uint8_t>(is_complete_));
    to.count(counts_.size());
    for (const auto& [print, value] : counts_) {
        to.value(print);
        to.value(value.rows);
        to.string(value.json);
    }
}

void few_values::read(byte_reader& from)
{
    is_complete_ = from.flag();
    std::size_t left = from.count(sizeof(fingerprint) + 2 * sizeof(std::uint64_t));
    if (left > (!is_complete_ ? 0 : seeks_ ? counts_.size() : most_values)) {
        from.refuse("It holds more values than it may.");
    }
    for (; left > 0; --left) {
        const auto print = from.value<fingerprint>();
        const auto rows = from.value<std::uint64_t>();
        const std::string_view json = from.string();
        const auto found = counts_.find(print);
        if ((found != counts_.end()) != seeks_ || (!seeks_ && (rows == 0 || json.empty()))) {
            from.refuse("The values that it holds contradict each other.");
        }
        if (seeks_) {
            found->second.rows = rows;
            found->second.json = json;
        } else {
            counts_.emplace(print, counted{std::pmr::string{json, counts_.get_allocator()}, rows});
            bytes_ += json.size();
        }
    }
}

} // namespace etl::validate
