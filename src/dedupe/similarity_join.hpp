// All pairs of texts whose sets of trigrams are alike, found without comparing every two.
//
// The similarity is |A and B| / |A or B| (Jaccard), which is what pg_trgm's similarity() is. A pair that reaches the
// threshold t shares at least t / (1 + t) * (|A| + |B|) trigrams, and four filters leave few pairs to be counted:
//
//   prefix     where the trigrams of every set are in one order, the rarest first, two alike sets have one in common
//              among the first few (S. Chaudhuri, V. Ganti, R. Kaushik, "A primitive operator for similarity joins in
//              data cleaning", 2006; R. Bayardo, Y. Ma, R. Srikant, "Scaling up all pairs similarity search", 2007)
//   length     the smaller set has at least t times as many elements
//   position   after the first common one enough must be left in both (C. Xiao et al., "Efficient similarity joins for
//              near duplicate detection", 2008)
//   signature  of two bit strings in which each element sets one bit, those that differ are elements that differ
//              (E. Sandes, G. Teodoro, A. Melo, "Bitmap filter: speeding up exact set similarity joins with bitwise
//              operations", 2020)
//
// The sets are taken in ascending size: each one searches the index of those before it, then enters it.
#pragma once

#include "core/error.hpp"
#include "dedupe/trigrams.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

class similarity_join {
  public:
    // Throws unless the threshold lies above 0, and at most at 1. `links` says that there are two sides, and a pair has
    // a text of each.
    similarity_join(double threshold, bool links, std::pmr::memory_resource* memory);

    // Texts are numbered from 0 in the order in which they come. One without a trigram is like none.
    void add(std::string_view text, bool is_second = false);

    struct pair {
        std::uint32_t a; // the text that came first, or that of the first side
        std::uint32_t b;
        double similarity;
    };

    // Calls f(pair) for every pair that reaches the threshold. Once, after all texts are there.
    template <class F>
    void each(F&& f, poll_fn poll)
    {
        order(poll);
        poller stop{poll};
        for (std::uint32_t i = 0; i < sets_.size(); ++i) {
            found_.clear();
            search(i, stop);
            for (const pair& one : found_) {
                f(one);
            }
            enter(i);
        }
    }

  private:
    using token = std::uint32_t; // a trigram by its number, which is its rank once the sets are ordered
    using signature = std::array<std::uint64_t, 4>;

    struct token_set {
        std::uint64_t begin; // of its tokens in tokens_
        std::uint32_t size;
        std::uint32_t text; // its number
        bool is_second;
        signature bits;
    };
    // Where a token stands in the index: in which set, and at which place of it.
    struct posting {
        std::uint32_t set;
        std::uint32_t place;
    };

    token number_of(trigram of);
    void order(poll_fn poll);
    void rank_tokens();
    std::span<const token> tokens_of(const token_set& set) const noexcept
    {
        return {tokens_.data() + set.begin, set.size};
    }
    std::uint32_t least_common(const token_set& x, const token_set& y) const noexcept;
    std::uint32_t least_size(std::uint32_t size) const noexcept;
    void search(std::uint32_t set, poller& stop);
    void compare(std::uint32_t x, std::uint32_t place_x, const posting& at);
    void enter(std::uint32_t set);

    double threshold_;
    bool links_;
    std::pmr::unordered_map<trigram, token> numbers_;
    std::pmr::vector<std::uint64_t> frequencies_; // by token
    std::pmr::vector<token> tokens_;              // of all sets, one after the other
    std::pmr::vector<token_set> sets_;
    std::pmr::vector<trigram> read_;
    std::pmr::vector<std::pmr::vector<posting>> index_; // by token
    std::pmr::vector<std::uint32_t> first_;             // by token: postings before it are of sets that are too small
    std::pmr::vector<std::uint32_t> seen_;              // by set: the last one that it was compared with, and 1
    std::pmr::vector<pair> found_;
};

} // namespace etl::dedupe
