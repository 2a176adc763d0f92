// What the tests of rows have found: how many rows failed, and the first of them.
#pragma once

#include "core/byte_io.hpp"
#include "validate/field.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory_resource>
#include <string>
#include <vector>

namespace etl::validate {

// Tells where the row at hand lies and what its keys are; asked only for rows that fail.
class row_locator {
  public:
    virtual row_position position() const = 0;
    virtual std::string keys() const = 0; // JSON, empty where none are kept

  protected:
    ~row_locator() = default;
};

class failures {
  public:
    struct failure {
        row_position position;
        std::pmr::string values; // JSON
        std::pmr::string keys;   // JSON, or empty
    };

    // How much memory the list may take at least. A larger one is cut to those that are first by then.
    static constexpr std::size_t least_budget = std::size_t{64} << 20;

    failures(std::uint32_t most_listed, std::pmr::memory_resource* memory, std::size_t budget = 0)
        : most_{most_listed}, budget_{std::max(budget, least_budget)}, first_{memory}
    {
    }

    std::uint64_t passed_over = 0; // rows that the condition does not admit
    std::uint64_t missing = 0;
    std::uint64_t unexpected = 0;

    // Lists a failing row if it is among the first ones by position: so parallel workers and a serial scan list the
    // same rows. `values` is called only then.
    template <class Values>
    void list(const row_locator& where, Values&& values)
    {
        if (most_ == 0) {
            return;
        }
        const row_position position = where.position();
        if (is_among_first(position)) {
            insert(position, values(), where.keys());
        }
    }

    void merge(const failures& other);
    void write(byte_writer& to) const;
    void read(byte_reader& from, std::uint64_t rows);

    // In the order of their positions.
    std::vector<failure> listed() const;

  private:
    bool is_among_first(row_position position) const
    {
        return most_ > 0 && (first_.size() < most_ || position < first_.front().position);
    }
    void insert(row_position position, std::string_view values, std::string_view keys);
    void cut();

    std::uint32_t most_;
    std::size_t budget_;
    std::size_t bytes_ = 0;
    std::pmr::vector<failure> first_; // a heap once it is full: the last by position in front
};

} // namespace etl::validate
