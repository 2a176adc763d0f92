// Rows of a load on their way into the table: formed one by one, written in batches.
#pragma once

#include "pg/bulk_insert.hpp"
#include "pg/memory.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace etl {

// Where rows of some columns of a table go. What its functions raise, they raise for the inside of a call().
class row_sink {
  public:
    virtual ~row_sink() = default;
    row_sink(const row_sink&) = delete;
    row_sink& operator=(const row_sink&) = delete;

    // A row in a memory context; nullptr where the table refuses it.
    virtual HeapTuple form(const Datum* values, const bool* nulls, MemoryContext into, pg::refused_row& why) = 0;

    // Writes rows, which are shown meanwhile, and returns how many the table has taken. `at` is the number of the one
    // that is at work, -1 where it cannot be told.
    virtual std::int64_t write(HeapTuple* rows, int count, int& at) = 0;
    virtual void finish() = 0;

    // Whether a row that was formed may still be refused.
    virtual bool may_refuse() const noexcept = 0;

    TupleDesc columns() const noexcept { return columns_; }

  protected:
    explicit row_sink(TupleDesc columns) noexcept : columns_{columns} {}

  private:
    TupleDesc columns_; // of rows that were formed
};

// Lets etl._loaded_rows return these rows, for a scope.
class shown_rows {
  public:
    shown_rows(const row_sink& sink, HeapTuple* rows, int count) noexcept;
    ~shown_rows();
    shown_rows(const shown_rows&) = delete;
    shown_rows& operator=(const shown_rows&) = delete;

    TupleDesc columns() const noexcept { return columns_; }
    std::span<HeapTuple> rows() const noexcept { return rows_; }
    static const shown_rows* latest() noexcept;

  private:
    TupleDesc columns_;
    std::span<HeapTuple> rows_;
    const shown_rows* before_;
};

// By bulk_insert where the table suits it, and otherwise by INSERT commands. The attributes, by their numbers from 0,
// are those that rows give; they must outlive it. Needs an SPI session.
std::unique_ptr<row_sink> make_row_sink(Relation table, std::span<const int> given);

// Rows that were formed and are not written yet.
class waiting_rows {
  public:
    struct place {
        std::uint64_t ordinal;
        std::uint64_t line;
        std::size_t end; // of its text
    };

    waiting_rows();

    MemoryContext memory() const noexcept { return memory_.get(); }
    bool is_full() const noexcept { return rows_.size() >= most_rows || bytes_ >= most_bytes; }
    int size() const noexcept { return static_cast<int>(rows_.size()); }

    void add(HeapTuple row, std::uint64_t ordinal, std::uint64_t line, std::string_view text);
    void add_bytes(std::size_t bytes) noexcept { bytes_ += bytes; }
    void clear();

    HeapTuple* rows() noexcept { return rows_.data(); }
    const place& at(int i) const { return places_[static_cast<std::size_t>(i)]; }
    std::string_view text(int i) const;

  private:
    static constexpr std::size_t most_rows = 8192;
    static constexpr std::size_t most_bytes = std::size_t{1} << 20;

    pg::scratch_context memory_;
    std::vector<HeapTuple> rows_;
    std::vector<place> places_;
    std::string texts_;
    std::size_t bytes_ = 0;
};

} // namespace etl
