// A load at work: records become rows, rows are written in batches, and what is wrong is left out, or ends it.
#pragma once

#include "extract/load_job.hpp"
#include "extract/load_records.hpp"
#include "extract/load_rows_pg.hpp"
#include "extract/row_input_pg.hpp"
#include "pg/soft_input.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace etl {

class row_loader {
  public:
    struct counts {
        std::int64_t received = 0;
        std::int64_t written = 0;
        std::int64_t held = 0; // back, by a trigger or a rule
        std::int64_t rejected = 0;
    };

    // All of them must outlive it. Rows are made for the table and go into it, or into another one that has its
    // columns. `source` is what messages call the content. Needs an SPI session.
    row_loader(const load_job& job, Relation table, Relation into, load_records& records, std::string source,
               names_fn names);

    void run();

    const counts& total() const noexcept { return counts_; }

    // The names of the columns that rows give, and the first faults as a JSON array.
    std::vector<std::string> columns() const;
    std::string errors() const;

  private:
    struct rejected {
        std::uint64_t ordinal;
        std::uint64_t line;
        record_fault fault;
        std::string text;
    };

    std::vector<int> attributes_in(Relation table, Relation into) const;
    bool fill();
    void take_record();
    void keep_batch();
    bool convert(record_fault& fault);
    void check_text(record_fault& fault) const;
    void write();
    void write_and_isolate(int first, int last);
    std::int64_t write_range(int first, int last, int& at);
    void refuse(record_fault fault, std::uint64_t ordinal, std::uint64_t line, std::string_view text);
    [[noreturn]] void stop(const record_fault& fault) const;
    void keep_rejected();
    static void tell_place(void* self);

    const load_job& job_;
    load_records& records_;
    std::string source_;
    names_fn names_;
    row_input input_;
    std::vector<int> given_;
    std::vector<bool> required_;
    bool computes_;
    std::unique_ptr<row_sink> sink_;
    bool isolates_;
    waiting_rows waiting_;
    pg::scratch_context scratch_; // of a record
    pg::soft_batch batch_;
    counts counts_;
    std::vector<rejected> rejected_; // of the batch at work
    std::vector<record_fault> first_faults_;
    int at_ = -1; // the row that is being written
    void* keep_plan_ = nullptr;
};

} // namespace etl
