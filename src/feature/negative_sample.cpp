#include "feature/negative_sample.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/cpp_only.hpp"

namespace etl::feature {

void check_options(const sample_options& options)
{
    if (options.ratio_millionths < 0 || options.ratio_millionths > most_ratio_millionths) {
        throw error(sqlstate::invalid_parameter_value, "ratio must lie between 0 and a thousand million");
    }
    if (!(options.exponent >= 0 && options.exponent <= most_exponent)) {
        throw error(sqlstate::invalid_parameter_value,
                    "the exponent of a weighting must lie between 0 and 10, not " + std::to_string(options.exponent));
    }
}

negative_sampler::negative_sampler(const positive_rows& rows, const positives& of, const sample_options& options,
                                   poll_fn poll)
    : rows_{rows}, of_{of}, options_{options}, stop_{poll}, poll_{poll}, weights_{of.memory()},
      taken_((of.drawable_count() + std::size_t{63}) / 64, of.memory()), drawn_{of.memory()}
{
    check_options(options);
    if (options.is_weighted() && of.drawable_count() > 0) {
        for (const std::uint32_t users : of.popularity(poll)) {
            weights_.push_back(std::pow(static_cast<double>(users), options.exponent));
            stop_.tick();
        }
        aliases_.emplace(weights_, poll, of.memory());
    }
}

std::uint64_t negative_sampler::wanted(std::uint32_t user) const noexcept
{
    constexpr std::uint64_t one = 1'000'000;
    const auto exact = static_cast<unsigned __int128>(options_.ratio_millionths) * of_.items_of(user).size() + one / 2;
    return static_cast<std::uint64_t>(std::min<unsigned __int128>(exact / one, INT64_MAX));
}

std::span<const std::uint32_t> negative_sampler::draw(std::uint32_t user)
{
    const items seen = of_.drawable_of(user);
    const std::size_t left = available(user);
    const std::size_t count = std::min<std::uint64_t>(wanted(user), left);
    random_numbers random{rows_.users.print(of_.user_number(user)), options_.seed};
    drawn_.clear();
    if (count == left) {
        list_unseen(seen);
    } else if (options_.is_weighted()) {
        draw_weighted(seen, count, random);
    } else if (2 * (seen.size() + count) > of_.drawable_count()) {
        list_unseen(seen);
        pick_listed(count, random);
    } else {
        draw_any(seen, count, random);
    }
    return drawn_;
}

void negative_sampler::list_unseen(items seen)
{
    auto next = seen.begin();
    for (std::uint32_t item = 0; item < of_.drawable_count(); ++item) {
        if (next != seen.end() && *next == item) {
            ++next;
        } else {
            drawn_.push_back(item);
        }
        stop_.tick();
    }
}

// The first steps of a shuffle (R. A. Fisher, F. Yates 1938; R. Durstenfeld 1964).
void negative_sampler::pick_listed(std::size_t count, random_numbers& random)
{
    for (std::size_t i = 0; i < count; ++i) {
        std::swap(drawn_[i], drawn_[i + random.below(drawn_.size() - i)]);
        stop_.tick();
    }
    drawn_.resize(count);
}

// At least every other draw hits.
void negative_sampler::draw_any(items seen, std::size_t count, random_numbers& random)
{
    take_all(seen);
    while (drawn_.size() < count) {
        const auto item = static_cast<std::uint32_t>(random.below(of_.drawable_count()));
        if (take(item)) {
            drawn_.push_back(item);
        }
        stop_.tick();
    }
    give_back(seen);
    give_back(drawn_);
}

// Whether a draw hits is nothing that the next one depends on, so the tree may go on where throwing away is too dear:
// both draw from what is left by its weights.
void negative_sampler::draw_weighted(items seen, std::size_t count, random_numbers& random)
{
    take_all(seen);
    for (auto tries = 64 + 8 * (seen.size() + count); tries > 0 && drawn_.size() < count; --tries) {
        const std::uint32_t item = aliases_->draw(random);
        if (take(item)) {
            drawn_.push_back(item);
        }
        stop_.tick();
    }
    give_back(seen);
    give_back(drawn_);
    if (drawn_.size() < count) {
        draw_from_tree(seen, count, random);
    }
}

void negative_sampler::draw_from_tree(items seen, std::size_t count, random_numbers& random)
{
    if (!tree_) {
        tree_.emplace(weights_, poll_, of_.memory());
    }
    const auto set_all = [this](items of, bool is_in) {
        for (const std::uint32_t item : of) {
            tree_->set(item, is_in ? weights_[item] : 0);
            stop_.tick();
        }
    };
    set_all(seen, false);
    set_all(drawn_, false);
    while (drawn_.size() < count) {
        drawn_.push_back(tree_->draw(random));
        tree_->set(drawn_.back(), 0);
        stop_.tick();
    }
    set_all(seen, true);
    set_all(drawn_, true);
}

bool negative_sampler::take(std::uint32_t item) noexcept
{
    const std::uint64_t bit = std::uint64_t{1} << (item % 64);
    const bool is_free = (taken_[item / 64] & bit) == 0;
    taken_[item / 64] |= bit;
    return is_free;
}

void negative_sampler::take_all(items seen)
{
    for (const std::uint32_t item : seen) {
        take(item);
        stop_.tick();
    }
}

void negative_sampler::give_back(items taken)
{
    for (const std::uint32_t item : taken) {
        taken_[item / 64] = 0;
        stop_.tick();
    }
}

} // namespace etl::feature
