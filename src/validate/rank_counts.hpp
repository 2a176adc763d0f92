// The order of a collection of numbers that grows and shrinks: which is the k-th smallest, how many are less.
//
// All numbers that may ever come are known from the start. They are sorted once, and a Fenwick tree (P. M. Fenwick, "A
// new data structure for cumulative frequency tables", 1994) over their ranks counts how often each is in the
// collection: every question and every change takes as many steps as their number has binary digits.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <vector>

namespace etl {

class rank_counts {
  public:
    explicit rank_counts(std::pmr::memory_resource* memory) : numbers_{memory}, tree_{memory} {}

    // The numbers that may come, in any order, none of them NaN. The collection is empty.
    void prepare(std::pmr::vector<double> numbers);

    void add(double number) { change(number, 1); }
    void remove(double number) { change(number, -1); }

    std::size_t size() const noexcept { return size_; }

    // The k-th smallest, counted from 0; k < size().
    double at(std::size_t k) const noexcept;

    std::size_t count_less(double number) const noexcept;

    // The value below which the fraction lies, as percentile_cont has it: between two numbers it is interpolated. The
    // collection is not empty.
    double quantile(double fraction) const noexcept;

    // The median of the distances to a middle.
    double median_distance(double middle) const noexcept;

  private:
    void change(double number, int by);
    double distance_at(std::size_t k, double middle, std::size_t less) const noexcept;

    std::pmr::vector<double> numbers_;     // sorted, each once
    std::pmr::vector<std::uint64_t> tree_; // tree_[i]: how many have a rank in (i - lowest bit of i, i], from 1
    std::size_t size_ = 0;
};

} // namespace etl
