// The state of a validation: what one scan, or a part of one, has found.
//
// In memory it is an object; as a value of the SQL type etl.validation_state it is flat:
//
//   header    mark and version
//   plan      what the scan was told to do (plan.hpp), the same in every state that may be merged
//   rows      how many
//   failures  of each expectation that is tested row by row
//   metrics   of each that the others are judged by
//
// Merging the states of any split of the rows gives the state of all rows.
#pragma once

#include "core/bytes.hpp"
#include "validate/checker.hpp"
#include "validate/failures.hpp"

#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

namespace etl::validate {

class validation_state {
  public:
    static constexpr std::uint32_t magic = make_magic("EVST");
    static constexpr std::uint32_t version = 2;
    static constexpr const char* type_name = "etl.validation_state";

    // Of no rows. The rules, and where the room lies, must outlive the state: its metrics use them.
    validation_state(const checker& rules, std::string_view plan, const metric_room& room);

    // Reads a flat value, which may be a stranger's: throws where it is no state of this plan.
    validation_state(const checker& rules, std::span<const std::byte> flat, const metric_room& room);

    validation_state(const validation_state&) = delete;
    validation_state& operator=(const validation_state&) = delete;
    ~validation_state();

    // The plan of a flat state, after a look at its header.
    static std::string_view plan_of(std::span<const std::byte> flat);

    // Tests one row with every rule and gathers what the others need.
    void add_row(const checker& rules, std::span<const field> row, const row_locator& where);

    // Adds another state of the same plan; leaves it as it is.
    void merge(const validation_state& other);

    void write(std::pmr::vector<std::byte>& to);

    std::string_view plan() const noexcept { return plan_; }
    bool is_of(const checker& rules) const noexcept { return rules_ == &rules; }
    std::uint64_t rows() const noexcept { return rows_; }
    const failures& tested(std::size_t rule) const { return failures_[rule]; }
    metric& measured(std::size_t i) const { return *metrics_[i]; }

  private:
    void note(const checker& rules, std::size_t i, verdict found, std::span<const field> row, const row_locator& where);
    void measure_row(const checker& rules, std::span<const field> row);
    void read(byte_reader& from);

    std::pmr::memory_resource* memory_;
    const checker* rules_;
    poll_fn poll_;
    std::pmr::string plan_;
    std::uint64_t rows_ = 0;
    std::pmr::vector<failures> failures_;
    std::pmr::vector<metric*> metrics_;
};

} // namespace etl::validate
