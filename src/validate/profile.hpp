// The profile of a column: what etl.profile tells of it, gathered as a metric of one scan.
//
// Whole numbers, moments and floats are kept as sorted keys (sketch/sorted_runs.hpp), which give everything: how many
// are different, the least and the greatest, quantiles, and which are frequent. Of all other types the different values
// are kept while they are few; once they are many, there are sorted fingerprints instead. Those know how often each
// value occurs, but not the values: the frequent ones are sought by their fingerprints in a second scan.
//
// All of it is exact, bounded like every metric, and the same for any split of the rows.
#pragma once

#include "core/json.hpp"
#include "validate/extremes.hpp"
#include "validate/few_values.hpp"
#include "validate/metrics.hpp"
#include "validate/pattern_shape.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace etl::validate {

// The metrics of a plan's profiled columns, a member for each column's number: {"identical": whether equal values look
// the same, "sought": fingerprints of the values that a second scan looks for}. Refuses what is damaged.
std::vector<metric_spec> profile_metrics(const std::map<std::size_t, json>& profiled, std::size_t columns);

// How plans write fingerprints.
std::string hex_of(fingerprint print);

inline constexpr std::array profile_quantiles{0.05, 0.25, 0.5, 0.75, 0.95};

struct profile_summary {
    struct counted {
        std::string json;
        std::uint64_t rows;
    };
    struct lengths {
        std::uint64_t shortest;
        std::uint64_t longest;
        double mean;
    };

    std::uint64_t rows = 0;
    std::uint64_t values = 0;              // that are not NULL
    std::optional<std::uint64_t> distinct; // of types with a hash function
    std::optional<std::string> least;
    std::optional<std::string> greatest;
    std::optional<double> mean;
    std::optional<double> deviation;         // of a sample
    std::vector<std::string> quantiles;      // JSON, one for each of profile_quantiles, or none
    std::optional<std::vector<counted>> top; // the most frequent values, where they are known
    std::vector<fingerprint> sought;         // where they are not: those among which they are
    std::optional<lengths> characters;       // of texts
    std::string pattern;                     // of texts; empty: none
};

class column_profile final : public metric {
  public:
    column_profile(const metric_spec& spec, const columns_view& columns, const metric_room& room);

    void add(std::span<const field> row) override;
    void merge(const metric& other) override;
    void write(byte_writer& to) override;
    void read(byte_reader& from) override;

    // With so many of the most frequent values.
    profile_summary summarize(std::size_t most_frequent);

  private:
    // What is gathered of a kind of column.
    struct gathering {
        bool keys;   // the values in order, or of numeric the nearest doubles
        bool prints; // few values, or fingerprints
        bool sums;
        bool extremes;
        bool texts;
    };
    static gathering gathering_of(const column_type& type, bool is_seeking);

    bool add_print(const field& value);
    void add_text(const field& value, bool is_new);
    void include(const field& value);
    std::string json_of(const field& value) const;
    field value_of_key(std::uint64_t key) const;
    std::string json_of_key(std::uint64_t key) const;
    std::string shown(const field& value) const; // as users read it
    void give_up_values();
    void read_values(byte_reader& from);

    void summarize_keys(profile_summary& to, std::size_t most_frequent);
    void summarize_values(profile_summary& to, std::size_t most_frequent) const;
    void summarize_prints(profile_summary& to, std::size_t most_frequent);
    void summarize_texts(profile_summary& to) const;

    std::size_t column_;
    column_type& type_;
    bool identical_; // equal values look the same
    std::uint64_t seed_;
    gathering gathers_;
    few_values few_;
    sorted_runs<fingerprint> prints_; // once there are no longer few values
    sorted_runs<std::uint64_t> keys_;
    moments sums_;
    kept_value least_;
    kept_value greatest_;
    std::uint64_t shortest_ = std::numeric_limits<std::uint64_t>::max(); // characters
    std::uint64_t longest_ = 0;
    whole_sum characters_;
    text_shape shape_;
};

} // namespace etl::validate
