// Which members or elements of a value something is true of: those that were seen, those that a schema has evaluated.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace etl::validate::schema {

// A set of small numbers; of up to 64 it needs no memory of its own.
class bit_set {
  public:
    void add(std::size_t i)
    {
        if (i < 64) {
            first_ |= std::uint64_t{1} << i;
            return;
        }
        const std::size_t word = i / 64 - 1;
        if (word >= more_.size()) {
            more_.resize(word + 1);
        }
        more_[word] |= std::uint64_t{1} << i % 64;
    }

    bool has(std::size_t i) const
    {
        if (i < 64) {
            return (first_ >> i & 1) != 0;
        }
        const std::size_t word = i / 64 - 1;
        return word < more_.size() && (more_[word] >> i % 64 & 1) != 0;
    }

    void add_all(const bit_set& other)
    {
        first_ |= other.first_;
        more_.resize(std::max(more_.size(), other.more_.size()));
        for (std::size_t i = 0; i < other.more_.size(); ++i) {
            more_[i] |= other.more_[i];
        }
    }

  private:
    std::uint64_t first_ = 0;
    std::vector<std::uint64_t> more_;
};

// What of one object or array the schemas applied to it have evaluated, by place: for unevaluatedProperties and
// unevaluatedItems.
class evaluated {
  public:
    void add(std::size_t i) { single_.add(i); }
    void add_first(std::size_t count) { first_ = std::max(first_, count); }
    void add_everything() { everything_ = true; }
    bool has(std::size_t i) const { return everything_ || i < first_ || single_.has(i); }

    void add_all(const evaluated& other)
    {
        everything_ = everything_ || other.everything_;
        first_ = std::max(first_, other.first_);
        single_.add_all(other.single_);
    }

  private:
    bool everything_ = false;
    std::size_t first_ = 0;
    bit_set single_;
};

} // namespace etl::validate::schema
