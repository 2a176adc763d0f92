// Small helpers for the texts of messages.
#pragma once

#include <string>
#include <string_view>

namespace etl {

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
