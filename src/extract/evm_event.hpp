// Events of a contract, as people write them: event Transfer(address indexed from, address indexed to, uint256 value).
//
// This is the "human-readable ABI" of ethers: Solidity's declaration, with or without the word event, with or without
// names, with tuples for structs, as in (uint256 id, address owner)[] orders.
#pragma once

#include "extract/evm_type.hpp"
#include "extract/keccak.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace etl::evm {

struct parameter {
    evm::type type;
    std::string name; // empty where it has none
    bool is_indexed = false;
};

struct event {
    std::string name;
    std::vector<parameter> parameters;
    bool is_anonymous = false;

    // Transfer(address,address,uint256): what the first topic is the hash of.
    std::string signature() const;
    // Of an event that is not anonymous.
    keccak_digest first_topic() const { return keccak256(signature()); }
    // Topics of its logs, with the first.
    std::size_t topics() const noexcept;
};

// Throws etl::error (22023), which says at which character the text is none.
event parse_event(std::string_view text);

} // namespace etl::evm
