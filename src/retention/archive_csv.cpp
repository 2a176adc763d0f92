#include "retention/archive_csv.hpp"

#include "core/text.hpp"

#include <algorithm>
#include <cstring>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

// No table has more columns.
constexpr std::size_t most_columns = 1600;

} // namespace

csv_parser::csv_parser(record_cutter& from, std::vector<archive_column> columns)
    : archive_parser{from, std::move(columns)}
{
    read_header();
}

void csv_parser::read_header()
{
    const auto record = from_.next();
    if (!record) {
        refuse("The file has no header.");
    }
    split(*record, most_columns);
    if (values_.size() == 1 && values_[0].data == nullptr) {
        values_.clear(); // a table without columns
    }
    std::vector<bool> seen(columns_.size());
    for (const archive_field& name : values_) {
        const std::size_t place = place_of(name.data == nullptr ? std::string_view{} : name.view(), places_.size());
        if (seen[place]) {
            refuse("It has two columns " + in_quotes(columns_[place].name) + ".");
        }
        seen[place] = true;
        places_.push_back(place);
    }
}

void csv_parser::parse(std::span<char> record)
{
    split(record, std::max<std::size_t>(places_.size(), 1));
    if (places_.empty() && record.empty()) {
        return;
    }
    if (values_.size() != places_.size()) {
        refuse("It has " + std::to_string(values_.size()) + " values, where the header has " +
               std::to_string(places_.size()) + " columns.");
    }
    for (std::size_t i = 0; i < places_.size(); ++i) {
        fields_[places_[i]] = values_[i];
    }
}

void csv_parser::split(std::span<char> record, std::size_t expected)
{
    if (std::memchr(record.data(), '\0', record.size()) != nullptr) {
        refuse("It holds a zero byte.");
    }
    values_.clear();
    char* at = record.data();
    const char* const end = at + record.size();
    for (;;) {
        if (values_.size() == expected) {
            refuse("It has more than " + std::to_string(expected) + " values.");
        }
        values_.push_back(at < end && *at == '"' ? quoted(at, end) : unquoted(at, end));
        if (at == end) {
            return;
        }
        ++at; // the comma
    }
}

// Leaves `at` on the comma behind the value, or at the end.
archive_field csv_parser::quoted(char*& at, const char* end) const
{
    char* const start = ++at;
    char* to = start;
    for (;;) {
        auto* quote = static_cast<char*>(std::memchr(at, '"', static_cast<std::size_t>(end - at)));
        if (quote == nullptr) {
            refuse("A quote is missing.");
        }
        const auto size = static_cast<std::size_t>(quote - at);
        std::memmove(to, at, size);
        to += size;
        at = quote + 1;
        if (at == end || *at != '"') {
            break;
        }
        *to++ = '"';
        ++at;
    }
    if (at != end && *at != ',') {
        refuse("A value goes on behind its quotes.");
    }
    return {start, static_cast<std::size_t>(to - start)};
}

archive_field csv_parser::unquoted(char*& at, const char* end) const
{
    char* const start = at;
    while (at != end && *at != ',') {
        if (*at == '"' || *at == '\r') {
            refuse("A value without quotes holds a quote or a carriage return.");
        }
        ++at;
    }
    return at == start ? archive_field{nullptr, 0} : archive_field{start, static_cast<std::size_t>(at - start)};
}

} // namespace etl
