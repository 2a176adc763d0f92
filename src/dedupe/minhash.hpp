// MinHash signatures: k numbers that stand for a set of shingles, such that the share of places at which two
// signatures agree estimates the Jaccard similarity of their sets (A. Z. Broder, "On the resemblance and containment
// of documents", 1997). The standard deviation of the estimate is sqrt(J (1 - J) / k), and up to a third more for very
// short texts.
//
// One permutation (P. Li, A. Owen, C.-H. Zhang, "One permutation hashing", 2012): a shingle is hashed once, which
// gives the place that it belongs to and a number, and of each place the least number is kept. A place to which no
// shingle belongs takes the number of another one by a fixed random order of its own, which keeps the estimate
// unbiased and its variance near that of k hash functions (A. Shrivastava, "Optimal densification for fast and
// accurate minwise hashing", 2017).
#pragma once

#include "core/error.hpp"

#include <cstdint>
#include <memory_resource>
#include <string_view>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

inline constexpr std::int32_t longest_signature = 4096;

struct minhash_options {
    std::int32_t k = 128;  // numbers in a signature
    std::int32_t n = 3;    // characters, or words, in a shingle
    bool of_words = false; // separated by white space
    std::int64_t seed = 1;
};

// Raise (22023).
void check_options(const minhash_options& options);
bool are_words(std::string_view unit); // "word" or "character"

using signature = std::pmr::vector<std::int32_t>;

// Empty where the text has no shingle. A text shorter than n is one shingle.
signature minhash(std::string_view text, const minhash_options& options, std::pmr::memory_resource* memory,
                  poll_fn poll = never_poll);

} // namespace etl::dedupe
