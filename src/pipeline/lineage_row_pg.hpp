// A row of what lineage answers, before it goes into the result.
#pragma once

#include "pg/result_set.hpp"

#include <array>
#include <cstddef>
#include <span>

namespace etl::pipeline {

// One row, column by column; what is left out is NULL.
class row {
  public:
    void set(std::size_t column, Datum value)
    {
        values_.at(column) = value;
        nulls_.at(column) = false;
    }
    void set_text(std::size_t column, const char* value)
    {
        if (value != nullptr) {
            set(column, pg::make_text(value));
        }
    }
    void set_relation(std::size_t column, Oid relation)
    {
        if (OidIsValid(relation)) {
            set(column, ObjectIdGetDatum(relation));
        }
    }
    void put(pg::result_set& to, std::size_t columns)
    {
        to.put(std::span{values_}.first(columns), std::span{nulls_}.first(columns));
    }

  private:
    static constexpr std::size_t most = 13;
    std::array<Datum, most> values_{};
    std::array<bool, most> nulls_{true, true, true, true, true, true, true, true, true, true, true, true, true};
};

} // namespace etl::pipeline
