// A value on its way into a column, before it has the column's type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace etl {

struct column_text {
    // What a value is in JSON; plain is a text from elsewhere: a field of a CSV file.
    enum class kind : std::uint8_t { missing, null, boolean, number, string, object, array, plain };

    kind is = kind::missing;
    bool has_escapes = false;   // of a string: a backslash stands in it
    std::string_view text = {}; // as the JSON has it, of a string what stands between the quotes

    bool is_given() const noexcept { return is > kind::null; }

    // With its quotes, as it stands in the record.
    std::string_view json() const noexcept
    {
        return is == kind::string ? std::string_view{text.data() - 1, text.size() + 2} : text;
    }
};

} // namespace etl
