// Types of the Solidity ABI: what an event's parameter is, how its bytes lie, and what it becomes in PostgreSQL.
//
// https://docs.soliditylang.org/en/latest/abi-spec.html, sections "Types" and "Formal Specification of the Encoding".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace etl::evm {

inline constexpr std::size_t word_size = 32;

struct type {
    enum class kind : std::uint8_t {
        unsigned_number, // uint<M>, ufixed<M>x<N>
        signed_number,   // int<M>, fixed<M>x<N>
        address,
        boolean,
        fixed_bytes, // bytes<M>, and function, which is bytes24
        bytes,
        string,
        array, // T[k]
        list,  // T[]
        tuple
    };

    kind is = kind::boolean;
    int bits = 0;           // of a number
    int places = 0;         // of a number, after the point
    std::size_t length = 0; // of fixed_bytes in bytes, of an array in elements
    bool is_function = false;
    std::vector<type> parts{};        // what an array or list is of (one), what a tuple is of
    std::vector<std::string> names{}; // of the parts of a tuple; empty where they have none

    bool is_dynamic = false; // its place holds an offset to where it lies
    std::size_t words = 1;   // that its place takes

    bool is_number() const noexcept { return is == kind::unsigned_number || is == kind::signed_number; }
    bool is_sequence() const noexcept { return is == kind::array || is == kind::list; }
    bool is_compound() const noexcept { return is_sequence() || is == kind::tuple; }
    // A topic has 32 bytes: of what may be longer, and of all that is made of parts, it holds the hash.
    bool is_hashed_as_topic() const noexcept { return is_dynamic || is_compound(); }
};

// As it stands in a signature: uint256, (address,bytes)[3].
std::string canonical(const type& type);

// The type of PostgreSQL that holds every value. Lists of plain values are arrays; tuples, lists of lists and lists of
// tuples are jsonb, since PostgreSQL's arrays must be rectangular.
std::string sql_type(const type& type);

} // namespace etl::evm
