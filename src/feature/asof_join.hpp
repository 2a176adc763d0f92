// A point-in-time join from the spine's rows to the joined ones.
//
//   1. The spine's rows come. Their keys and moments stay in memory, the rows themselves go to temporary files when
//      they are many.
//   2. An index of the labels goes to the query that reads the features, and to its parallel workers (asof_index.hpp).
//      They drop rows of other keys, keep for each label the best of the rest (asof_best.hpp), and set that aside.
//   3. What they have set aside is compared once more, and the spine's rows come out, each with its answer.
//
// So no row of the features is sorted, few come to the leader, and one pass over them is enough. When the labels are
// more than memory has room for, all is parted by key, and step 3 goes part by part; then step 2 knows only which keys
// there are. When the rows of the features are too wide, step 3 takes the labels of a part in several turns.
#pragma once

#include "feature/asof_best.hpp"
#include "feature/asof_index.hpp"
#include "feature/asof_records.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <vector>

namespace etl::feature {

// Where the joined rows go.
class asof_output {
  public:
    // A row of the spine, and what is joined to it; nullptr for nothing.
    virtual void put(std::span<const std::byte> spine, const std::span<const std::byte>* feature) = 0;

  protected:
    ~asof_output() = default;
};

class asof_join {
  public:
    // Memory stays within the budget, but for a few megabytes and the widest row. The store outlives the object.
    asof_join(std::pmr::memory_resource* memory, run_store& store, std::uint64_t seed, asof_rules rules,
              std::size_t budget, poll_fn poll);

    // A row of the spine; row.first and row.last say what may be joined to it.
    void add_label(const asof_record& row, std::span<const std::byte> bytes);

    // After the last one. Moments of labels with a key; nothing where there is none: then no feature is needed.
    struct moments {
        std::int64_t earliest; // label
        std::int64_t latest;
        std::int64_t first; // moment of a row that may be joined
        std::int64_t last;
    };
    const std::optional<moments>& finish_labels();

    // The index for step 2, whose bytes stay where they are written to.
    std::size_t index_size() const noexcept;
    void write_index(std::byte* to);

    // The list of what step 2 has set aside.
    void add_features(std::span<const std::byte> chunks) { read_chunks(chunks, features_); }

    // Step 3.
    void emit(row_ranking& ranking, asof_output& to);

  private:
    static constexpr std::uint32_t no_label = 0xffffffff;

    // Labels that are joined together: those of some chunks. `rows` tells the label of each of their rows.
    struct batch {
        std::span<const part_chunk> chunks;
        std::pmr::vector<std::uint32_t> rows;
        std::pmr::vector<std::byte> index;
        std::span<const std::byte> flat; // the index, here or where write_index() has put it
    };

    std::size_t most_labels() const noexcept;
    void note_label(const asof_record& row);
    void part_labels();
    void make_batch(batch& to, std::pmr::vector<asof_label>& labels);
    void read_batch(batch& to);
    void emit_batch(const batch& from, row_ranking& ranking, asof_output& to);
    bool emit_labels(const batch& from, const asof_index& index, label_range labels, row_ranking& ranking,
                     asof_output& to);
    bool offer_features(asof_best& best, std::uint32_t first_part, std::uint32_t last_part, bool must);
    void put_rows(const batch& from, const asof_best* best, label_range labels, asof_output& to);

    std::pmr::memory_resource* memory_;
    run_store& store_;
    std::uint64_t seed_;
    asof_rules rules_;
    std::size_t budget_;
    poll_fn poll_;
    std::optional<part_writer> spine_;
    std::pmr::vector<asof_label> labels_; // while they are in memory
    std::uint32_t rows_ = 0;              // of the spine, while its labels are in memory
    std::optional<key_filter> filter_;    // when the labels are parted
    std::optional<moments> moments_;
    std::optional<batch> whole_;
    part_chunks features_;
};

} // namespace etl::feature
