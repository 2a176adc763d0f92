// Small helpers for texts: what they are made of, and how messages show them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace etl {

// Whether no byte has its top bit, eight at a time.
inline bool is_ascii(std::string_view text) noexcept
{
    std::uint64_t bytes = 0;
    std::size_t at = 0;
    for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
        std::uint64_t next = 0;
        std::memcpy(&next, text.data() + at, sizeof next);
        bytes |= next;
    }
    for (; at < text.size(); ++at) {
        bytes |= static_cast<unsigned char>(text[at]);
    }
    return (bytes & 0x8080808080808080U) == 0;
}

inline std::string in_quotes(std::string_view text)
{
    return '"' + std::string{text} + '"';
}

// a, b, c
template <class Names>
std::string joined(const Names& names)
{
    std::string list;
    for (const auto& name : names) {
        list += list.empty() ? "" : ", ";
        list += name;
    }
    return list;
}

} // namespace etl
