// Logs as nodes give them (eth_getLogs of the Ethereum JSON-RPC API), and what they become in a table.
#pragma once

#include "core/json.hpp"
#include "extract/evm_columns.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace etl::evm {

inline constexpr char protocol_violation[] = "08P01";

using bytes = std::vector<std::byte>;

struct log {
    std::int64_t block_number = 0;
    std::string block_hash;                 // as all hashes and addresses here: 0x and small letters
    std::optional<std::int64_t> block_time; // seconds of the epoch; not all nodes give it
    std::string tx_hash;
    std::int32_t tx_index = 0;
    std::int32_t log_index = 0;
    std::string address;
    std::vector<bytes> topics;
    bytes data;
};

// What was asked for, so that an answer with something else is seen.
struct log_filter {
    std::int64_t from_block = 0;
    std::int64_t to_block = 0;
    std::span<const std::string> addresses; // all, where there are none
};

// The parameters of one log, or why they cannot be read.
struct decoded_log {
    std::string event{};                                 // its label
    std::vector<std::optional<std::string>> arguments{}; // one for each column, NULL where it is another event's
    std::string reason{};                                // empty where all is well
};

// A log's bytes only: topics and data, for etl.evm_decode.
log read_topics_and_data(const json& document);

// One log of an answer. Throws etl::error (08P01) where it is none, was removed by a reorganisation, or was not asked
// for.
log read_log(const json& document, const event_table& events, const log_filter& filter);

// Sees that no log stands twice in an answer, and that a block has one hash. Throws etl::error (08P01).
void require_one_chain(std::span<const log> logs);

decoded_log decode(const log& log, const event_table& events);

// Whether a block with this logsBloom (256 bytes) may have a log of one of the addresses (of any, where there are none)
// with one of the first topics. False is certain: Ethereum yellow paper, section 4.4.1 "Transaction receipt".
bool may_hold(std::span<const std::byte> bloom, std::span<const bytes> addresses, std::span<const bytes> topics);

} // namespace etl::evm
