// Rows of a match in memory, from one call to the next of the functions in SQL that use them: loaded by a query, then
// counted, weighed or taken for patterns, then unloaded. What an error or the end of a transaction interrupts goes with
// the memory of the transaction.
#pragma once

#include "dedupe/match_candidates.hpp"
#include "dedupe/match_model.hpp"
#include "pg/memory.hpp"

#include <cstdint>
#include <memory_resource>
#include <span>
#include <string>
#include <vector>

namespace etl::dedupe {

class loaded_rows {
  public:
    // In a memory context of its own. windows: one for each rule, 0 for one with keys.
    static loaded_rows& make(std::span<const value_type> types, std::span<const std::uint32_t> windows, bool links);

    // Those that are loaded under a number, by the current role. Raises where there are none.
    static loaded_rows& of(std::int64_t handle);

    // Gone at once. Whatever else holds a reference must not use it any more.
    void unload() noexcept;

    loaded_rows(const loaded_rows&) = delete;
    loaded_rows& operator=(const loaded_rows&) = delete;
    loaded_rows(MemoryContext own, std::span<const value_type> types, std::span<const std::uint32_t> windows,
                bool links);
    ~loaded_rows();

    std::int64_t handle() const noexcept { return handle_; }
    match_candidates& candidates() noexcept { return candidates_; }
    std::span<const value_type> types() const noexcept { return types_; }
    std::span<const std::uint32_t> windows() const noexcept { return windows_; }

    // Reads the rows of etl._match_rows_sql(), about so many, and makes their blocks. False where they do not fit into
    // the memory that a match may take.
    bool load(const std::string& query, std::int64_t rows, std::int64_t max_block);

    // Raises unless the model compares what is loaded.
    void require_fit(const match_model& model) const;

  private:
    bool fits() const noexcept;
    bool reserve(std::int64_t rows);

    MemoryContext own_;
    pg::context_resource memory_;
    match_candidates candidates_;
    std::pmr::vector<value_type> types_;
    std::pmr::vector<std::uint32_t> windows_;
    Oid user_;
    bool is_ready_ = false; // all of it is there
    std::int64_t handle_;
    loaded_rows* next_;
};

// The first 64 bits of a block's key: what is kept of it.
std::uint64_t half_of_key(Datum uuid) noexcept;

} // namespace etl::dedupe
