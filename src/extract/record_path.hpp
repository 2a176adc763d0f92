// Where the records stand in a page: told by the user, or found.
#pragma once

#include "extract/json_path.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace etl {

struct record_path {
    enum class kind { automatic, told, lines };
    kind is = kind::automatic;
    json_path path; // of `told`
    // Whether a null stands for an array without elements. Not unless the user says so: where something has failed,
    // there is often a null too.
    bool null_is_empty = false;
    // Whether a document that lacks the array has no records. Not unless the user says so, for the same reason.
    bool missing_is_empty = false;
    // Whether a document that is an object is one record. Not where records were found by `automatic`, or pages before
    // were arrays: an object that takes the place of an array is what a failing server says.
    bool may_be_object = true;

    // Reads "auto", "ndjson", a JSON pointer or a JSONPath. "" and "$" are the whole document: an array, or one record.
    static record_path parse(std::string_view text);
};

// An array of a page, or a null that stands for one.
struct record_array {
    std::string pointer;
    std::vector<std::string_view> elements;
    bool is_null = false;
    bool has_objects = false;
    bool has_arrays = false;
    bool has_scalars = false;

    bool is_empty() const noexcept { return elements.empty(); }
    // Whether all elements are of one kind, as records are.
    bool is_uniform() const noexcept { return int{has_objects} + int{has_arrays} + int{has_scalars} <= 1; }
};

// How deep in objects arrays are looked for that may be the records: response.data.items is three.
inline constexpr int deepest_records = 3;

// Which of the arrays of a page holds its records:
//   1. the document itself, where it is an array;
//   2. the one array with a name that records often have (data, results, items, …), at the least depth that has one;
//   3. the only array of objects, whatever its name;
//   4. the only array without elements.
// Arrays that mix objects, arrays and plain values are none of records, and so are those of errors, warnings and links.
// By 3, an empty array that stands no deeper may be the list as well, and by 2 an array of objects where the one with
// the usual name holds plain values.
// Throws 08P01 where none is found, and where several may be meant, naming them. Returns the array's place in the list.
std::size_t choose_records(const std::vector<record_array>& arrays);

} // namespace etl
