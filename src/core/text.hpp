// Small helpers for texts: what they are made of, and how messages show them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace etl {

// Whether no byte has its top bit, eight at a time. The last bytes are read again with those before them: short texts
// are the most frequent, and a loop over single bytes would cost more than all else.
inline bool is_ascii(std::string_view text) noexcept
{
    const auto word_at = [text]<class Word>(std::size_t at, Word word) {
        std::memcpy(&word, text.data() + at, sizeof word);
        return std::uint64_t{word};
    };
    const std::size_t size = text.size();
    std::uint64_t bytes = 0;
    if (size >= sizeof(std::uint64_t)) {
        for (std::size_t at = 0; at + sizeof(std::uint64_t) < size; at += sizeof(std::uint64_t)) {
            bytes |= word_at(at, std::uint64_t{0});
        }
        bytes |= word_at(size - sizeof(std::uint64_t), std::uint64_t{0});
    } else if (size >= sizeof(std::uint32_t)) {
        bytes = word_at(0, std::uint32_t{0}) | word_at(size - sizeof(std::uint32_t), std::uint32_t{0});
    } else {
        for (const char c : text) {
            bytes |= static_cast<unsigned char>(c);
        }
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
