#include "extract/evm_columns.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <array>

#include "core/cpp_only.hpp"

namespace etl::evm {
namespace {

// Columns that every log has, and the system columns of PostgreSQL.
constexpr std::array<std::string_view, 15> reserved{"chain_id", "block_number", "block_hash", "block_time", "tx_hash",
                                                    "tx_index", "log_index",    "address",    "event",      "tableoid",
                                                    "xmin",     "cmin",         "xmax",       "cmax",       "ctid"};
constexpr std::size_t longest_name = 63;

bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// A word begins at a capital behind a small letter, and at the last capital of several: tokenURIHash, token_uri_hash.
bool begins_word(std::string_view name, std::size_t at)
{
    if (at == 0 || !is_upper(name[at])) {
        return false;
    }
    const bool before_small = at + 1 < name.size() && name[at + 1] >= 'a' && name[at + 1] <= 'z';
    return is_lower_or_digit(name[at - 1]) || (is_upper(name[at - 1]) && before_small);
}

} // namespace

std::string snake_case(std::string_view name)
{
    std::string made;
    for (std::size_t i = 0; i < name.size(); ++i) {
        made += begins_word(name, i) ? "_" : "";
        made += is_upper(name[i]) ? static_cast<char>(name[i] - 'A' + 'a') : name[i];
    }
    const std::size_t begin = made.find_first_not_of("_$");
    const std::size_t end = made.find_last_not_of("_$");
    return begin == std::string::npos ? "" : made.substr(begin, end - begin + 1);
}

std::string column_type(const parameter& parameter)
{
    return parameter.is_indexed && parameter.type.is_hashed_as_topic() ? "bytea" : sql_type(parameter.type);
}

event_table::event_table(std::span<const std::string> declarations)
{
    for (const std::string& each : declarations) {
        events_.push_back(parse_event(each));
        first_topics_.push_back(events_.back().first_topic());
    }
    check_distinct();
    for (std::size_t i = 0; i < events_.size(); ++i) {
        labels_.push_back(make_label(events_[i]));
        place(i);
    }
}

std::string event_table::make_label(const event& of) const
{
    const bool has_namesake = std::any_of(events_.begin(), events_.end(), [&of](const event& other) {
        return other.name == of.name && other.signature() != of.signature();
    });
    return has_namesake ? of.signature() : of.name;
}

void event_table::check_distinct() const
{
    for (std::size_t i = 0; i < events_.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            const bool alike = events_[i].is_anonymous == events_[j].is_anonymous &&
                               events_[i].topics() == events_[j].topics() && first_topics_[i] == first_topics_[j];
            if (alike) {
                throw error(sqlstate::invalid_parameter_value, "event " + events_[i].signature() + " is given twice",
                            "Events are told apart by their signature and the number of their indexed parameters.");
            }
        }
    }
}

void event_table::place(std::size_t event)
{
    std::vector<std::size_t> taken;
    for (std::size_t i = 0; i < events_[event].parameters.size(); ++i) {
        taken.push_back(place(events_[event], i, taken));
    }
    places_.push_back(std::move(taken));
}

std::size_t event_table::place(const evm::event& event, std::size_t parameter, std::span<const std::size_t> taken)
{
    const std::string type = column_type(event.parameters[parameter]);
    const std::string number = std::to_string(parameter + 1);
    const std::string own = snake_case(event.parameters[parameter].name);
    const std::string plain = own.empty() ? "arg" + number : own;
    const std::string long_name = snake_case(event.name) + '_' + plain;
    std::string longest = long_name;
    longest.append("_").append(number);
    for (const std::string& name : {plain, long_name, longest}) {
        const auto found =
            std::find_if(columns_.begin(), columns_.end(), [&name](const column& each) { return each.name == name; });
        const auto at = static_cast<std::size_t>(found - columns_.begin());
        const bool is_taken = std::find(taken.begin(), taken.end(), at) != taken.end() ||
                              std::find(reserved.begin(), reserved.end(), name) != reserved.end() ||
                              (found != columns_.end() && found->sql_type != type);
        if (is_taken) {
            continue;
        }
        if (name.size() > longest_name) {
            throw error(sqlstate::invalid_parameter_value,
                        "column name " + in_quotes(name) + " of event " + event.signature() + " is too long",
                        "A column has a name of at most 63 bytes.", "Shorten the names in the declaration.");
        }
        if (found == columns_.end()) {
            columns_.push_back({name, type});
        }
        return at;
    }
    throw error(sqlstate::invalid_parameter_value,
                "no column name is left for parameter " + number + " of event " + event.signature(), {},
                "Give the parameters of the declaration other names.");
}

std::size_t event_table::find(std::span<const std::byte> first_topic, std::size_t topics) const noexcept
{
    std::size_t found = npos;
    for (std::size_t i = 0; i < events_.size(); ++i) {
        if (events_[i].is_anonymous || !std::ranges::equal(first_topic, first_topics_[i])) {
            continue;
        }
        if (events_[i].topics() == topics) {
            return i;
        }
        found = std::min(found, i);
    }
    return found;
}

} // namespace etl::evm
