// An encoder of the Ethereum ABI for tests, written from the specification and not from the decoder: what it makes must
// be read back as it was.
#pragma once

#include "extract/evm_value.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace abi_encoder {

using etl::evm::type;
using etl::evm::value;

inline std::string word_of(std::size_t number)
{
    std::string made(32, '\0');
    for (std::size_t i = 32; number > 0; number /= 256) {
        made[--i] = static_cast<char>(number % 256);
    }
    return made;
}

// Decimal digits, with a sign and a point or without, as 256 bits.
inline std::string word_of_digits(std::string_view digits)
{
    const bool is_negative = digits.starts_with('-');
    std::string made(32, '\0');
    for (const char digit : digits) {
        if (digit < '0') { // the sign or the point
            continue;
        }
        unsigned carry = static_cast<unsigned>(digit - '0');
        for (std::size_t i = 32; i-- > 0; carry /= 256) {
            carry += 10 * static_cast<unsigned char>(made[i]);
            made[i] = static_cast<char>(carry % 256);
        }
    }
    if (is_negative) { // complement, and one more
        unsigned carry = 1;
        for (std::size_t i = 32; i-- > 0; carry /= 256) {
            carry += 255U - static_cast<unsigned char>(made[i]);
            made[i] = static_cast<char>(carry % 256);
        }
    }
    return made;
}

inline std::string padded(std::string bytes)
{
    bytes.resize((bytes.size() + 31) / 32 * 32, '\0');
    return bytes;
}

std::string encode(const type& type, const value& value);

inline bool is_dynamic(const type& type)
{
    switch (type.is) {
    case type::kind::bytes:
    case type::kind::string:
    case type::kind::list:
        return true;
    default:
        return std::any_of(type.parts.begin(), type.parts.end(), is_dynamic);
    }
}

// Heads and tails of what stands side by side.
inline std::string encode_sequence(const std::vector<const type*>& types, const std::vector<value>& values)
{
    std::string heads;
    std::string tails;
    std::size_t heads_size = 0;
    std::vector<std::string> encoded;
    for (std::size_t i = 0; i < values.size(); ++i) {
        encoded.push_back(encode(*types[i], values[i]));
        heads_size += is_dynamic(*types[i]) ? 32 : encoded.back().size();
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
        const bool has_tail = is_dynamic(*types[i]);
        heads += has_tail ? word_of(heads_size + tails.size()) : encoded[i];
        tails += has_tail ? encoded[i] : "";
    }
    return heads + tails;
}

inline std::string encode_parts(const type& type, const value& value)
{
    std::vector<const etl::evm::type*> types;
    for (std::size_t i = 0; i < value.parts.size(); ++i) {
        types.push_back(type.is == type::kind::tuple ? &type.parts[i] : type.parts.data());
    }
    return encode_sequence(types, value.parts);
}

inline std::string encode(const type& type, const value& value)
{
    switch (type.is) {
    case type::kind::unsigned_number:
    case type::kind::signed_number:
    case type::kind::boolean:
        return word_of_digits(value.text);
    case type::kind::address:
        return std::string(12, '\0') + value.text;
    case type::kind::fixed_bytes:
        return padded(value.text);
    case type::kind::bytes:
    case type::kind::string:
        return word_of(value.text.size()) + padded(value.text);
    case type::kind::list:
        return word_of(value.parts.size()) + encode_parts(type, value);
    case type::kind::array:
    case type::kind::tuple:
        break;
    }
    return encode_parts(type, value);
}

} // namespace abi_encoder
