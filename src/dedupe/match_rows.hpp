// Rows held in memory for a match: who they are, on which sides of pairs they stand, and what is compared of them.
//
// The same is done by joins in SQL where the rows do not fit (src/dedupe/pair_queries.sql).
#pragma once

#include "core/text_list.hpp"
#include "dedupe/match_levels.hpp"
#include "dedupe/match_weight.hpp"

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

using row_number = std::uint32_t; // in the order of loading, from 0

struct row_sides {
    bool is_second; // of the second table, where two are linked
    bool in_a;      // may be the first of a pair
    bool in_b;      // may be the second
};

class match_rows {
  public:
    // `links`: pairs have one row of each table.
    match_rows(std::span<const value_type> types, bool links, std::pmr::memory_resource* memory);

    // A row: who it is, then each of its values. Ids are all numbers or all texts.
    void add(std::int64_t id, row_sides sides);
    void add(std::string_view id, row_sides sides);
    void add_value(std::size_t comparison, const match_value& value);

    row_number size() const noexcept { return static_cast<row_number>(sides_.size()); }
    bool links() const noexcept { return links_; }
    bool is_second(row_number row) const noexcept { return sides_[row].is_second; }
    std::string id(row_number row) const;

    // Two rows as a pair, first and second: by side where tables are linked, else the smaller id first unless only the
    // other way round fits the sides. Nothing where they make no pair.
    std::optional<std::pair<row_number, row_number>> as_pair(row_number one, row_number other) const noexcept;

    // The values of a pair, one for each comparison.
    void read(row_number a, row_number b, std::span<compared_values> to) const noexcept;

    std::size_t memory_bytes() const noexcept;

  private:
    struct column {
        value_type type;
        text_list texts;
        std::pmr::vector<double> numbers; // NaN where one is missing
    };
    bool is_before(row_number one, row_number other) const noexcept;
    match_value value(const column& of, row_number row) const noexcept;

    bool links_;
    std::pmr::vector<row_sides> sides_;
    std::pmr::vector<std::int64_t> numbers_; // ids
    text_list texts_;                        // ids
    std::pmr::vector<column> columns_;
};

} // namespace etl::dedupe
