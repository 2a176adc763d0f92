// The different values of a column as JSON, and how often each occurs.
#pragma once

#include "validate/metrics.hpp"

#include <unordered_map>

namespace etl::validate {

class value_counts final : public metric {
  public:
    struct counted {
        std::pmr::string json; // of the value, or of an array of several
        std::uint64_t rows;
    };

    // How much is kept, and at least may be: a column with more is no category, and what asks for its values fails.
    static constexpr std::size_t most_values = 1'000'000;
    static constexpr std::size_t least_budget = std::size_t{64} << 20; // bytes

    value_counts(const metric_spec& spec, const columns_view& columns, const metric_room& room);

    void add(std::span<const field> row) override;
    void merge(const metric& other) override;
    void write(byte_writer& to) override;
    void read(byte_reader& from) override;

    std::size_t distinct() const noexcept { return counts_.size(); }
    std::uint64_t seed() const noexcept { return seed_; }

    // Of a column with too many values to be kept as categories: throws program_limit_exceeded.
    void require_complete(const std::string& purpose) const;

    // The most frequent first; values of one frequency in the order of their JSON.
    std::vector<const counted*> by_count() const;

    // Rows of one value.
    std::uint64_t rows_of(fingerprint print) const;

    // In no order: f(fingerprint, counted).
    template <class F>
    void each(F&& f) const
    {
        poller stop{poll_};
        for (const auto& [print, value] : counts_) {
            f(print, value);
            stop.tick();
        }
    }

    // What else takes as long as there are values calls it.
    poll_fn poll() const noexcept { return poll_; }

  private:
    static constexpr std::size_t entry_bytes = 128; // of one value beside its JSON, about

    std::string json_of(std::span<const field> row) const;
    bool looks_like_equals(std::span<const field> row) const;
    void show(counted& value, std::string_view json);
    void give_up();
    void count(fingerprint print, std::string_view json, std::uint64_t rows);

    std::vector<std::size_t> columns_;
    std::vector<const column_type*> types_;
    std::uint64_t seed_;
    std::size_t budget_;
    poll_fn poll_;
    std::size_t bytes_ = 0;
    bool overflowed_ = false;
    std::pmr::unordered_map<fingerprint, counted, print_hash> counts_;
};

} // namespace etl::validate
