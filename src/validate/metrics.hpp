// What is gathered of columns besides verdicts on rows: sums, extremes, sorted values, fingerprints, counted values.
//
// As in Great Expectations, a metric is computed once and serves every expectation that asks for it: mean, sum and
// standard deviation of a column read one `moments`. Each is exact, and merging the metrics of any split of the rows
// gives the metric of all rows. Extremes and counted values have files of their own.
#pragma once

#include "core/byte_io.hpp"
#include "core/error.hpp"
#include "sketch/decimal_sum.hpp"
#include "sketch/exact_sum.hpp"
#include "sketch/fingerprint.hpp"
#include "sketch/sorted_runs.hpp"
#include "validate/field.hpp"
#include "validate/row_tests.hpp"

#include <cstdint>
#include <memory_resource>
#include <span>
#include <string>
#include <vector>

namespace etl::validate {

enum class metric_kind : std::uint8_t {
    row_count,    // the rows alone, of no column
    moments,      // count, sum, sum of squares
    extremes,     // least and greatest value
    samples,      // all values of a number or moment, sorted
    fingerprints, // how many different values, and how many rows have one that repeats
    value_counts, // the values themselves and how often each occurs
    profile,      // what etl.profile tells of a column (profile.hpp)
};

// Which rows a metric passes over, by how many of its columns are NULL.
enum class passed_over : std::uint8_t { any_missing, all_missing, none };

// What an expectation says of it, and whether a row with these columns is passed over.
passed_over ignored_by(const expectation& what);
bool is_passed_over(std::span<const field> row, std::span<const std::size_t> columns, passed_over ignored);

struct metric_spec {
    metric_kind kind;
    std::vector<std::size_t> columns;
    int condition = -1; // the column of a condition that a row must meet; -1: none
    // Of fingerprints: an index proves that no value repeats, so that only the values are counted.
    bool proven_unique = false;
    passed_over ignored = passed_over::any_missing;
    // Of a profile: whether equal values look the same, and the values that a second scan seeks.
    bool identical = false;
    std::vector<fingerprint> sought{};

    friend bool operator==(const metric_spec&, const metric_spec&) = default;
};

// Where metrics keep what they gather, and how much of it in memory.
struct metric_room {
    std::pmr::memory_resource* memory = std::pmr::get_default_resource();
    std::size_t budget = 0;     // bytes of one metric, where there is a store
    run_store* store = nullptr; // none: nothing leaves memory
    std::uint64_t seed = 0;     // of fingerprints
    poll_fn poll = never_poll;
};

class metric {
  public:
    metric() = default;
    metric(const metric&) = delete;
    metric& operator=(const metric&) = delete;
    virtual ~metric() = default;

    std::uint64_t rows = 0;   // that the condition admits
    std::uint64_t values = 0; // of them, those that are not missing

    virtual void add(std::span<const field> row) = 0; // of a row that is not missing
    virtual void merge(const metric& other) = 0;
    virtual void write(byte_writer& to) = 0;
    virtual void read(byte_reader& from) = 0;
};

// The types of a metric's columns.
std::vector<const column_type*> types_of(const metric_spec& spec, const columns_view& columns);

// The metric of a spec; lives in the room's memory.
metric* make_metric(const metric_spec& spec, const columns_view& columns, const metric_room& room);
void destroy_metric(metric* gone, std::pmr::memory_resource* memory) noexcept;

class row_count final : public metric {
  public:
    void add(std::span<const field> /*row*/) override {}
    void merge(const metric& /*other*/) override {}
    void write(byte_writer& /*to*/) override {}
    void read(byte_reader& /*from*/) override {}
};

class moments final : public metric {
  public:
    moments(std::size_t column, std::pmr::memory_resource* memory) : column_{column}, decimals_{memory} {}

    void add(std::span<const field> row) override;
    void merge(const metric& other) override;
    void write(byte_writer& to) override;
    void read(byte_reader& from) override;

    std::string sum() const;  // decimal text, exact but for floats; NaN and Infinity are possible
    double mean() const;      // of at least one value; exact, and rounded once
    double deviation() const; // of a sample, of at least two values; of decimals that of the nearest doubles

  private:
    std::size_t column_;
    field::kind kind_ = field::kind::null;
    whole_sum wholes_;
    decimal_sum decimals_;
    exact_sum reals_; // of all kinds, as doubles
    exact_square_sum squares_;
};

class samples final : public metric {
  public:
    samples(std::size_t column, const metric_room& room)
        : column_{column}, keys_{room.memory, room.budget, room.store, room.poll}
    {
    }

    void add(std::span<const field> row) override { keys_.add(key_of(row[column_])); }
    void merge(const metric& other) override;
    void write(byte_writer& to) override;
    void read(byte_reader& from) override;

    // Keys are ordered as the values are. Whole numbers and moments keep all their bits, others are doubles.
    static std::uint64_t key_of(const field& value);
    static double real_of_key(std::uint64_t key, field::kind kind);
    static std::int64_t whole_of_key(std::uint64_t key);

    // f(key, rows), ascending.
    template <class F>
    void each(F&& f)
    {
        keys_.each([&](const auto& entry) { return f(entry.key, entry.rows); });
    }

  private:
    std::size_t column_;
    sorted_runs<std::uint64_t> keys_;
};

class fingerprints final : public metric {
  public:
    fingerprints(const metric_spec& spec, const columns_view& columns, const metric_room& room);

    void add(std::span<const field> row) override;
    void merge(const metric& other) override;
    void write(byte_writer& to) override;
    void read(byte_reader& from) override;

    bool is_proven() const noexcept { return proven_; }
    std::size_t budget() const noexcept { return budget_; } // bytes that it may hold in memory
    run_store* store() const noexcept { return store_; }

    struct summary {
        std::uint64_t distinct = 0;
        std::uint64_t repeating = 0; // different values that occur more than once
        std::uint64_t rows = 0;      // that have such a value
    };
    summary summarize();

    // The fingerprints that repeat, at most `most`, ascending.
    std::vector<fingerprint> repeated(std::size_t most);

  private:
    std::vector<std::size_t> columns_;
    std::vector<const column_type*> types_;
    std::uint64_t seed_;
    bool proven_;
    std::size_t budget_;
    run_store* store_;
    sorted_runs<fingerprint> prints_;
};

// The fingerprint of some columns of a row, NULLs included: what `fingerprints` counts.
fingerprint print_of_row(std::span<const field> row, std::span<const std::size_t> columns,
                         std::span<const column_type* const> types, std::uint64_t seed);

} // namespace etl::validate
