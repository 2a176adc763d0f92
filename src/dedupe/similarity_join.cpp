#include "dedupe/similarity_join.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "core/cpp_only.hpp"

// Counting bits has an instruction on all but the oldest processors; whether it is there is asked once, at loading.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define ETL_FAST_POPCOUNT [[gnu::target_clones("popcnt", "default")]]
#else
#define ETL_FAST_POPCOUNT
#endif

namespace etl::dedupe {
namespace {

constexpr double rounding = 1e-9; // a product that is a whole number in exact arithmetic stays one

std::uint32_t rounded_up(double value) noexcept
{
    return static_cast<std::uint32_t>(std::ceil(value - rounding));
}

constexpr std::uint64_t mixed(std::uint32_t token) noexcept
{
    return (token * 0x9E3779B97F4A7C15U) >> 56U; // 0 to 255
}

ETL_FAST_POPCOUNT
int differing_bits(const std::array<std::uint64_t, 4>& a, const std::array<std::uint64_t, 4>& b) noexcept
{
    int count = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        count += std::popcount(a[i] ^ b[i]);
    }
    return count;
}

// Common elements of two ascending spans; gives up, with a smaller number, where `least` cannot be reached.
std::uint32_t common(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b, std::uint32_t least) noexcept
{
    std::uint32_t count = 0;
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < a.size() && j < b.size() && count + std::min(a.size() - i, b.size() - j) >= least) {
        count += a[i] == b[j] ? 1U : 0U;
        const bool step_a = a[i] <= b[j];
        const bool step_b = b[j] <= a[i];
        i += step_a ? 1U : 0U;
        j += step_b ? 1U : 0U;
    }
    return count;
}

void check_threshold(double threshold)
{
    if (!(threshold > 0 && threshold <= 1)) {
        throw error(sqlstate::invalid_parameter_value,
                    "threshold must be above 0 and at most 1, not " + std::to_string(threshold), {},
                    "Give the least similarity of a pair, such as 0.6.");
    }
}

} // namespace

similarity_join::similarity_join(double threshold, bool links, std::pmr::memory_resource* memory)
    : threshold_{threshold}, links_{links}, numbers_{memory}, frequencies_{memory}, tokens_{memory}, sets_{memory},
      read_{memory}, index_{memory}, first_{memory}, seen_{memory}, found_{memory}
{
    check_threshold(threshold);
}

similarity_join::token similarity_join::number_of(trigram of)
{
    const auto [found, is_new] = numbers_.try_emplace(of, static_cast<token>(frequencies_.size()));
    if (is_new) {
        frequencies_.push_back(0);
    }
    return found->second;
}

void similarity_join::add(std::string_view text, bool is_second)
{
    if (sets_.size() >= std::numeric_limits<std::uint32_t>::max() - 1) {
        throw error(sqlstate::program_limit_exceeded, "more than 4294967294 texts to compare");
    }
    read_trigrams(text, read_);
    const std::uint64_t begin = tokens_.size();
    for (const trigram of : read_) {
        const token number = number_of(of);
        ++frequencies_[number];
        tokens_.push_back(number);
    }
    sets_.push_back(
        {begin, static_cast<std::uint32_t>(read_.size()), static_cast<std::uint32_t>(sets_.size()), is_second, {}});
}

// Numbers the tokens anew: the rarest first.
void similarity_join::rank_tokens()
{
    std::vector<token> by_frequency(frequencies_.size());
    std::iota(by_frequency.begin(), by_frequency.end(), 0);
    std::ranges::stable_sort(by_frequency, {}, [this](token t) { return frequencies_[t]; });
    std::vector<token> ranks(by_frequency.size());
    for (token rank = 0; rank < by_frequency.size(); ++rank) {
        ranks[by_frequency[rank]] = rank;
    }
    for (token& one : tokens_) {
        one = ranks[one];
    }
}

void similarity_join::order(poll_fn poll)
{
    poller stop{poll};
    rank_tokens();
    for (token_set& set : sets_) {
        const auto first = tokens_.begin() + static_cast<std::ptrdiff_t>(set.begin);
        std::sort(first, first + set.size);
        for (const token t : tokens_of(set)) {
            const std::uint64_t bit = mixed(t);
            set.bits[bit / 64] |= std::uint64_t{1} << (bit % 64);
        }
        stop.tick();
    }
    std::ranges::stable_sort(sets_, {}, &token_set::size);
    index_.resize(frequencies_.size());
    first_.resize(frequencies_.size());
    seen_.resize(sets_.size());
    poll();
}

std::uint32_t similarity_join::least_common(const token_set& x, const token_set& y) const noexcept
{
    return std::max(1U, rounded_up(threshold_ / (1 + threshold_) * (static_cast<double>(x.size) + y.size)));
}

std::uint32_t similarity_join::least_size(std::uint32_t size) const noexcept
{
    return std::max(1U, rounded_up(threshold_ * size));
}

// The first tokens, one of which every earlier set that is like this one has among those that it entered.
void similarity_join::search(std::uint32_t set, poller& stop)
{
    const token_set& x = sets_[set];
    const auto tokens = tokens_of(x);
    const std::uint32_t smallest = least_size(x.size);
    for (std::uint32_t place = 0; x.size != 0 && place <= x.size - smallest; ++place) {
        const auto& postings = index_[tokens[place]];
        std::uint32_t& first = first_[tokens[place]];
        while (first < postings.size() && sets_[postings[first].set].size < smallest) {
            ++first;
        }
        for (std::size_t i = first; i < postings.size(); ++i) {
            stop.tick();
            if (seen_[postings[i].set] != set + 1) {
                seen_[postings[i].set] = set + 1;
                compare(set, place, postings[i]);
            }
        }
    }
}

// x is the larger set, or of the same size; the tokens at the two places are the first that both have.
void similarity_join::compare(std::uint32_t set, std::uint32_t place_x, const posting& at)
{
    const token_set& x = sets_[set];
    const token_set& y = sets_[at.set];
    if (links_ && x.is_second == y.is_second) {
        return;
    }
    const std::uint32_t least = least_common(x, y);
    const std::uint32_t left = std::min(x.size - place_x, y.size - at.place);
    const auto most = (x.size + y.size - static_cast<std::uint32_t>(differing_bits(x.bits, y.bits))) / 2;
    if (left < least || most < least) {
        return;
    }
    const std::uint32_t count =
        1 + common(tokens_of(x).subspan(place_x + 1), tokens_of(y).subspan(at.place + 1), least - 1);
    const double similarity = static_cast<double>(count) / (static_cast<double>(x.size) + y.size - count);
    if (count >= least && similarity >= threshold_) {
        const bool x_first = links_ ? y.is_second : x.text < y.text;
        found_.push_back({x_first ? x.text : y.text, x_first ? y.text : x.text, similarity});
    }
}

// Later sets are as large or larger, so these few tokens are enough for them to find it.
void similarity_join::enter(std::uint32_t set)
{
    const token_set& x = sets_[set];
    if (x.size == 0) {
        return;
    }
    const std::uint32_t least = least_common(x, x);
    for (std::uint32_t place = 0; place <= x.size - least; ++place) {
        index_[tokens_of(x)[place]].push_back({set, place});
    }
}

} // namespace etl::dedupe
