#include "extract/evm_log.hpp"
#include "core/error.hpp"
#include "core/hex.hpp"
#include "core/text.hpp"
#include "extract/evm_value.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "core/cpp_only.hpp"

namespace etl::evm {
namespace {

[[noreturn]] void refuse(const std::string& why)
{
    throw error(protocol_violation, "answer to eth_getLogs cannot be right", why,
                "Nothing of it was loaded; ask the node, or another one, again.");
}

std::string shown(const json& value)
{
    const std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
    return text.size() <= 100 ? text : text.substr(0, 100) + "...";
}

const json& member(const json& document, const char* name)
{
    const auto found = document.find(name);
    if (found == document.end()) {
        refuse("A log has no " + std::string{name} + '.');
    }
    return *found;
}

// Bytes as 0x and two digits each; so many of them, where that is known.
bytes read_bytes(const json& value, const char* name, std::size_t size = 0)
{
    if (value.is_string()) {
        const std::string_view text = value.get_ref<const std::string&>();
        auto made = text.starts_with("0x") ? from_hex(text.substr(2)) : std::nullopt;
        if (made && (size == 0 || made->size() == size)) {
            return std::move(*made);
        }
    }
    refuse(std::string{name} + " of a log is " + shown(value) + ", which are not " +
           (size == 0 ? "bytes in hexadecimal digits." : std::to_string(size) + " bytes in hexadecimal digits."));
}

std::string read_hex(const json& document, const char* name, std::size_t size)
{
    return "0x" + to_hex(read_bytes(member(document, name), name, size));
}

std::int64_t read_quantity(const json& value, const char* name, std::int64_t most)
{
    constexpr std::size_t most_digits = 16;
    if (value.is_string()) {
        std::string_view text = value.get_ref<const std::string&>();
        const bool is_hex = text.starts_with("0x") && text.size() > 2 && text.size() <= 2 + most_digits;
        std::uint64_t made = 0;
        bool is_number = is_hex;
        for (const char c : text.substr(is_hex ? 2 : text.size())) {
            is_number = is_number && hex_digit(c) >= 0;
            made = made << 4U | static_cast<std::uint64_t>(std::max(hex_digit(c), 0));
        }
        if (is_number && made <= static_cast<std::uint64_t>(most)) {
            return static_cast<std::int64_t>(made);
        }
    }
    refuse(std::string{name} + " of a log is " + shown(value) + ", which is no number that it can have.");
}

std::int32_t read_index(const json& document, const char* name)
{
    return static_cast<std::int32_t>(
        read_quantity(member(document, name), name, std::numeric_limits<std::int32_t>::max()));
}

std::optional<std::int64_t> read_time(const json& document)
{
    constexpr std::int64_t most = 253402300799; // the end of the year 9999
    const auto found = document.find("blockTimestamp");
    if (found == document.end() || found->is_null()) {
        return std::nullopt;
    }
    return read_quantity(*found, "blockTimestamp", most);
}

void require_asked_for(const log& log, const event_table& events, const log_filter& filter)
{
    if (log.block_number < filter.from_block || log.block_number > filter.to_block) {
        refuse("It has a log of block " + std::to_string(log.block_number) + "; asked for were those of blocks " +
               std::to_string(filter.from_block) + " to " + std::to_string(filter.to_block) + '.');
    }
    const auto& wanted = filter.addresses;
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), log.address) == wanted.end()) {
        refuse("It has a log of address " + log.address + ", which was not asked for.");
    }
    if (log.topics.empty() || events.find(log.topics[0], log.topics.size()) == event_table::npos) {
        refuse("It has a log " + std::to_string(log.log_index) + " in block " + std::to_string(log.block_number) +
               " of an event that was not asked for.");
    }
}

} // namespace

log read_topics_and_data(const json& document)
{
    constexpr std::size_t most_topics = 4;
    if (!document.is_object()) {
        refuse("It has a log that is " + shown(document) + " and no object.");
    }
    log made;
    const json& topics = member(document, "topics");
    if (!topics.is_array() || topics.size() > most_topics) {
        refuse("topics of a log is " + shown(topics) + " and no list of up to 4.");
    }
    for (const json& topic : topics) {
        made.topics.push_back(read_bytes(topic, "a topic", word_size));
    }
    made.data = read_bytes(member(document, "data"), "data");
    return made;
}

log read_log(const json& document, const event_table& events, const log_filter& filter)
{
    log made = read_topics_and_data(document);
    made.block_number =
        read_quantity(member(document, "blockNumber"), "blockNumber", std::numeric_limits<std::int64_t>::max());
    made.block_hash = read_hex(document, "blockHash", word_size);
    made.block_time = read_time(document);
    made.tx_hash = read_hex(document, "transactionHash", word_size);
    made.tx_index = read_index(document, "transactionIndex");
    made.log_index = read_index(document, "logIndex");
    made.address = read_hex(document, "address", 20);
    const auto removed = document.find("removed");
    if (removed != document.end() && *removed != json(false) && !removed->is_null()) {
        refuse("It has a log " + std::to_string(made.log_index) + " of block " + std::to_string(made.block_number) +
               " that a reorganisation of the chain has removed.");
    }
    require_asked_for(made, events, filter);
    return made;
}

void require_one_chain(std::span<const log> logs)
{
    std::map<std::int64_t, std::string_view> hashes;
    std::set<std::pair<std::int64_t, std::int32_t>> places;
    for (const log& each : logs) {
        const auto [known, is_new] = hashes.emplace(each.block_number, each.block_hash);
        if (known->second != each.block_hash) {
            refuse("It has logs of two blocks with number " + std::to_string(each.block_number) + '.');
        }
        if (!places.emplace(each.block_number, each.log_index).second) {
            refuse("It has log " + std::to_string(each.log_index) + " of block " + std::to_string(each.block_number) +
                   " twice.");
        }
    }
}

decoded_log decode(const log& log, const event_table& events)
{
    decoded_log made;
    const std::size_t number = events.find(log.topics.at(0), log.topics.size());
    const event& event = events.events()[number];
    made.event = events.label(number);
    made.arguments.resize(events.columns().size());
    const std::vector<bytes_view> topics{log.topics.begin(), log.topics.end()};
    try {
        const std::vector<value> values = decode_parameters(event, topics, log.data);
        for (std::size_t i = 0; i < values.size(); ++i) {
            const parameter& each = event.parameters[i];
            const bool is_hash = each.is_indexed && each.type.is_hashed_as_topic();
            made.arguments[events.columns_of(number)[i]] =
                is_hash ? "\\x" + to_hex(std::as_bytes(std::span{values[i].text})) : sql_text(each.type, values[i]);
        }
    } catch (const error& e) {
        made.arguments.assign(events.columns().size(), std::nullopt);
        made.reason = e.detail();
    }
    return made;
}

namespace {

bool has_bits_of(std::span<const std::byte> bloom, const bytes& value)
{
    const keccak_digest hash = keccak256(value);
    for (std::size_t i = 0; i < 6; i += 2) {
        const unsigned bit = (static_cast<unsigned>(hash[i]) << 8U | static_cast<unsigned>(hash[i + 1])) & 2047U;
        if ((static_cast<unsigned>(bloom[bloom.size() - 1 - bit / 8]) >> bit % 8 & 1U) == 0) {
            return false;
        }
    }
    return true;
}

bool has_any_of(std::span<const std::byte> bloom, std::span<const bytes> values)
{
    return std::any_of(values.begin(), values.end(), [bloom](const bytes& each) { return has_bits_of(bloom, each); });
}

} // namespace

bool may_hold(std::span<const std::byte> bloom, std::span<const bytes> addresses, std::span<const bytes> topics)
{
    constexpr std::size_t bloom_size = 256;
    if (bloom.size() != bloom_size) {
        throw error(protocol_violation, "logsBloom of a block has " + std::to_string(bloom.size()) +
                                            " bytes instead of " + std::to_string(bloom_size));
    }
    return (addresses.empty() || has_any_of(bloom, addresses)) && has_any_of(bloom, topics);
}

} // namespace etl::evm
