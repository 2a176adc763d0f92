// Values of the ABI, out of the bytes of logs that anybody may have written, and as JSON and as texts for PostgreSQL.
#pragma once

#include "extract/evm_event.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace etl::evm {

// What it is its type says. A number is its decimal digits, a boolean is 1 or 0, an address and bytes are their bytes,
// a string is itself; what is made of parts has them.
struct value {
    std::string text{};
    std::vector<value> parts{};
};

using bytes_view = std::span<const std::byte>;

// Values one after the other, as an encoded tuple has them. Throws etl::error (22P03) where the bytes are no encoding
// of these types:
//  - an offset or a length leads past the end, or the same bytes are read again and again through offsets,
//  - a number, an address, a boolean or bytes<M> has bits outside of its type; that is what Solidity's own decoder
//    and web3.py do, where ethers drops such bits, which gives a value that the contract never had,
//  - a string is no UTF-8, or holds the character 0, which texts of PostgreSQL cannot.
// The bytes that fill up the last word of bytes and strings may be anything or missing, as old compilers left them, and
// bytes past the last value are not looked at.
std::vector<value> decode(std::span<const type* const> types, bytes_view bytes);

// The value in a topic: itself, or the hash of it (type::is_hashed_as_topic), which is bytes.
value decode_topic(const type& type, bytes_view topic);

// The parameters of an event in their order, from the topics of a log (32 bytes each) and its data. The first topic is
// the event's, unless it is anonymous; decode_log() sees that it is.
std::vector<value> decode_parameters(const event& event, std::span<const bytes_view> topics, bytes_view data);
std::vector<value> decode_log(const event& event, std::span<const bytes_view> topics, bytes_view data);

// Appends a value as JSON: numbers as numbers with all their digits, bytes and addresses as texts 0x…, lists as arrays,
// tuples as objects, or as arrays where their parts have no names.
void write_json(const type& type, const value& value, std::string& to);
void write_json_hash(const value& value, std::string& to);

// A value as PostgreSQL reads it for the type that sql_type() names.
std::string sql_text(const type& type, const value& value);

} // namespace etl::evm
