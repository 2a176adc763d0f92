// Where a page is: small enough to be stored with the rows of the page before it, and all that is needed to go on there.
#pragma once

#include "core/json.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace etl {

// At most one of the first four is there; none of them is the first page.
struct page_position {
    std::optional<std::int64_t> page;
    std::optional<std::int64_t> offset;
    std::optional<json> cursor;     // a text; within a body also a number, an array or an object, as it was told
    std::optional<std::string> url; // of the same origin, from its path on: /events?page=2
    // How many records all pages before it held together, where that is known: totals are compared with it.
    std::optional<std::int64_t> records;
    std::optional<std::int64_t> total; // the least that was told for all pages

    bool is_first() const noexcept { return !page && !offset && !cursor && !url; }
    // Whether both are the same place, however many records come before.
    bool is_place_of(const page_position& other) const noexcept;

    // {"page": 3, "records": 2000}; {} is the first page. Throws 22023 for all else, and reads a missing document as {}.
    static page_position from(const json& document);
    json document() const;
    // For messages: as document(), but without long texts, and a URL without its query.
    std::string shown() const;
};

} // namespace etl
