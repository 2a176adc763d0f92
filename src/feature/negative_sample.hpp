// Negatives: for each user items that he has not seen, drawn at random.
//
// What a user gets depends on his value, on the seed, and on what he has seen and could be given; nothing else of the
// rows matters, nor does their order. Every item that he has not seen is as likely as any other, or as its weight says,
// and none comes twice: items drawn are out of the game for him.
//
// Each draw costs constant time whatever the number of items is, because it is drawn from all of them and thrown away
// when the user has it already. Where that would be too often, what is left is listed (all the same) or kept in a tree
// (by weight). So time is linear in the positives and the negatives, with a logarithm for such a tree.
#pragma once

#include "feature/negative_sample_random.hpp"
#include "feature/negative_sample_rows.hpp"
#include "feature/negative_sample_weights.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace etl::feature {

struct sample_options {
    std::int64_t ratio_millionths = 4'000'000; // negatives for a positive
    double exponent = 0;                       // of the popularity that weighs an item; 0: all the same
    std::uint64_t seed = 0;

    bool is_weighted() const noexcept { return exponent != 0; }
};

inline constexpr std::int64_t most_ratio_millionths = 1'000'000'000'000'000; // a thousand million
inline constexpr double most_exponent = 10;

// Throws where an option lies out of range.
void check_options(const sample_options& options);

class negative_sampler {
  public:
    // Both outlive the sampler.
    negative_sampler(const positive_rows& rows, const positives& of, const sample_options& options, poll_fn poll);

    // How many negatives a user should have: ratio times his positives, rounded, halves up; and how many there are.
    std::uint64_t wanted(std::uint32_t user) const noexcept;
    std::uint64_t available(std::uint32_t user) const noexcept
    {
        return of_.drawable_count() - of_.drawable_of(user).size();
    }

    // The negatives of a user: as many as are wanted, or all that there are. Valid until the next call.
    std::span<const std::uint32_t> draw(std::uint32_t user);

  private:
    using items = std::span<const std::uint32_t>;

    void list_unseen(items seen);
    void pick_listed(std::size_t count, random_numbers& random);
    void draw_any(items seen, std::size_t count, random_numbers& random);
    void draw_weighted(items seen, std::size_t count, random_numbers& random);
    void draw_from_tree(items seen, std::size_t count, random_numbers& random);

    bool take(std::uint32_t item) noexcept; // false where it is taken
    void take_all(items seen);
    void give_back(items taken);

    const positive_rows& rows_;
    const positives& of_;
    sample_options options_;
    poller stop_;
    poll_fn poll_;
    std::pmr::vector<double> weights_;
    std::optional<alias_table> aliases_;
    std::optional<weight_tree> tree_;       // made when it is first needed
    std::pmr::vector<std::uint64_t> taken_; // a bit for each item
    std::pmr::vector<std::uint32_t> drawn_;
};

} // namespace etl::feature
