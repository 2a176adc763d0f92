// Records mapped to the rows of a table, once: what came of them is kept to the end of the transaction, and read as
// often as it takes to store it.
#pragma once

#include "extract/row_input_pg.hpp"
#include "pg/function.hpp"
#include "pg/result_set.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace etl {

// What records were mapped, and how. Equal ones need no second look.
struct mapping_order {
    int handle;          // of the pages that they stand in; 0 for texts
    std::int64_t page;   // which of them
    std::string records; // the texts, as the argument had them
    Oid target;
    std::optional<std::string> document;
    Oid role = InvalidOid; // that asked for it; nobody else sees it

    bool operator==(const mapping_order&) const = default;
};

class mapped_rows {
  public:
    struct reject {
        int ordinal;
        row_fault why;
        std::string record;
    };
    using record_at = std::function<std::string_view(std::size_t)>;

    // Maps the records, or finds what they were mapped to.
    static const mapped_rows& of(mapping_order order, std::size_t records, const record_at& record);

    // What the current role has mapped last under a handle; nullptr where that is nothing in this transaction.
    static const mapped_rows* last_of(int handle) noexcept;

    // The rows whose ordinals are among these, both included. The caller's list of columns must fit.
    void put(pg::result_set& into, int first, int last) const;

    const std::vector<reject>& rejects() const noexcept { return rejects_; }

    explicit mapped_rows(MemoryContext memory) : memory_{memory} {}
    ~mapped_rows();
    mapped_rows(const mapped_rows&) = delete;
    mapped_rows& operator=(const mapped_rows&) = delete;

  private:
    void map(Relation table, std::size_t records, const record_at& record);
    void take_shape(Relation table, const row_input& input);
    void keep_row(int ordinal, row_input& input);
    void keep_reject(int ordinal, row_fault why, std::string_view record);

    MemoryContext memory_;
    mapping_order order_;
    TupleDesc shape_ = nullptr;
    std::vector<Datum> values_;
    std::unique_ptr<bool[]> nulls_;
    std::vector<int> ordinals_;
    std::vector<MinimalTuple> rows_;
    std::vector<reject> rejects_;
};

} // namespace etl
