// The positives of a sample, read from queries, and the values that stand behind their numbers.
#pragma once

#include "feature/negative_sample.hpp"
#include "pg/memory.hpp"
#include "sketch/value_hash_pg.hpp"

#include <memory_resource>
#include <optional>
#include <string>
#include <vector>

extern "C" {
#include <access/tupdesc.h>
}

namespace etl::feature {

struct sample_request {
    std::string positives;            // query of two columns: user and item
    std::optional<std::string> items; // query of one: all that may be drawn
    sample_options options;
};

// What is kept of a column's values: one of each. Of values that are equal and look different (numeric 1.0 and 1.00) it
// is the one whose bytes are the least, so that the order of rows does not matter.
class kept_values {
  public:
    explicit kept_values(std::pmr::memory_resource* memory) : values_{memory} {}

    // In a memory context that outlives the object. May raise.
    void learn(const FormData_pg_attribute* column);

    // Whether values of another column may stand beside them as they are. May raise.
    bool may_be(const FormData_pg_attribute* column) const;

    // The number of a value. May raise, and leaves things to the current memory context.
    std::uint32_t number_of(value_numbers& numbers, Datum value);

    Oid type() const noexcept { return hash_.type; }
    int32 modifier() const noexcept { return modifier_; }
    const value_hash& hash() const noexcept { return hash_; }
    Datum operator[](std::uint32_t number) const noexcept { return values_[number]; }
    std::size_t memory_bytes() const noexcept
    {
        return values_.capacity() * sizeof(Datum) + MemoryContextMemAllocated(bytes_.get(), false);
    }

  private:
    Datum copy(Datum value);
    bool is_before(Datum a, Datum b) const;

    value_hash hash_ = {};
    int32 modifier_ = -1;
    int16 length_ = 0;
    bool by_value_ = false;
    bool looks_vary_ = false;
    pg::scratch_context bytes_;      // of values that are not passed by value
    std::pmr::vector<Datum> values_; // by number
};

// Reads all of it and sorts it. Lives in the memory context in which it is made.
class loaded_sample {
  public:
    loaded_sample() : memory_{context_}, rows_{&memory_, pg::poll}, users_{&memory_}, items_{&memory_} {}

    // `expected` are the columns of the result, which those of the query must fit; none: whatever they are.
    void load(const sample_request& request, TupleDesc expected);

    const positives& rows() const noexcept { return *sorted_; }
    negative_sampler& sampler() noexcept { return *sampler_; }
    const kept_values& users() const noexcept { return users_; }
    const kept_values& items() const noexcept { return items_; }
    Datum user(std::uint32_t place) const noexcept { return users_[sorted_->user_number(place)]; }
    Datum item(std::uint32_t place) const noexcept { return items_[sorted_->item_number(place)]; }

  private:
    MemoryContext context_ = CurrentMemoryContext;
    pg::context_resource memory_;
    positive_rows rows_;
    kept_values users_;
    kept_values items_;
    std::optional<positives> sorted_;
    std::optional<negative_sampler> sampler_;
};

} // namespace etl::feature
