// The pairs of a query: two columns of ids and, where there is a third, a score.
//
// Whole numbers are read as they are, every other type in its text form.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace etl::dedupe {

struct pair_columns {
    bool has_score;
    bool are_integers; // both ids
};

// What the query returns; it is not run. Needs a live spi_session, as the others do.
pair_columns describe_pairs(const std::string& query);

// What takes the pairs. An Id that is a text lives until the function returns.
template <class Id>
class pair_sink {
  public:
    // The score is 1 where there is no third column.
    virtual void pair(Id a, Id b, double score) = 0;
    // A row that names ids and no pair of them, because the other id or the score is NULL.
    virtual void left(Id a) = 0;
    virtual void right(Id b) = 0;

  protected:
    ~pair_sink() = default;
};

// Reads the whole query, as described: std::int64_t where both ids are integers. A score that is no number (NaN) is an
// error, and so are columns that are not as described any more.
void read_pairs(const std::string& query, const pair_columns& described, pair_sink<std::int64_t>& to);
void read_pairs(const std::string& query, const pair_columns& described, pair_sink<std::string_view>& to);

} // namespace etl::dedupe
