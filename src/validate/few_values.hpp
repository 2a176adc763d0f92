// The different values of a column while they are few, and how often each occurs.
#pragma once

#include "core/byte_io.hpp"
#include "sketch/fingerprint.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

namespace etl::validate {

class few_values {
  public:
    static constexpr std::size_t most_values = 1024;
    static constexpr std::size_t most_bytes = 65536; // of their JSON

    struct counted {
        std::pmr::string json;
        std::uint64_t rows;
    };

    explicit few_values(std::pmr::memory_resource* memory) : counts_{memory} {}

    // From now on only these values count, however many they are.
    void seek(std::span<const fingerprint> prints);
    bool is_seeking() const noexcept { return seeks_; }

    bool is_complete() const noexcept { return is_complete_; }
    std::size_t size() const noexcept { return counts_.size(); }

    // Counts rows of a value; json() is called where it is new, or always. Of equal values that look different the
    // least JSON stays. Says whether the value was new. With one value too many this is no longer complete.
    template <class Json>
    bool add(fingerprint print, std::uint64_t rows, bool always, Json&& json)
    {
        const auto found = counts_.find(print);
        if (found == counts_.end()) {
            return !seeks_ && insert(print, rows, json());
        }
        found->second.rows += rows;
        if (always || found->second.json.empty()) {
            show(found->second, json());
        }
        return false;
    }

    // f(fingerprint, counted), in no order.
    template <class F>
    void each(F&& f) const
    {
        for (const auto& [print, value] : counts_) {
            f(print, value);
        }
    }
    void clear() { counts_.clear(); }
    void give_up();

    void write(byte_writer& to) const;
    void read(byte_reader& from);

  private:
    bool insert(fingerprint print, std::uint64_t rows, std::string_view json);
    void show(counted& value, std::string_view json);

    std::pmr::unordered_map<fingerprint, counted, print_hash> counts_;
    std::size_t bytes_ = 0;
    bool is_complete_ = true;
    bool seeks_ = false;
};

} // namespace etl::validate
