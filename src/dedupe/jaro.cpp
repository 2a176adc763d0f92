// Jaro's matching: by words of bits where both texts have up to 64 symbols, as names do, and in linear time else.
#include "dedupe/jaro.hpp"

#include "dedupe/bit_strips.hpp"

#include <bit>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

namespace {

// What the bound of a similarity must lie under the cutoff by, to be sure in spite of rounding.
constexpr double rounding = 1e-9;

std::size_t reach(std::size_t longer) noexcept
{
    return longer < 4 ? 0 : longer / 2 - 1;
}

// Up to 64 symbols: bit i of a word is symbol i. There is no branch on what matches, for nothing could predict it.
template <class Symbol>
class word_matcher {
  public:
    explicit word_matcher(const symbol_pair<Symbol>& pair) : pair_{pair}, places_{pair} { places_.load(pair.a); }

    std::size_t match() noexcept
    {
        const std::size_t far = reach(std::max(pair_.a.size(), pair_.b.size()));
        std::uint64_t in_reach = (std::uint64_t{2} << far) - 1;
        for (std::size_t j = 0; j < pair_.b.size(); ++j) {
            const std::uint64_t free = places_[pair_.b[j]] & in_reach & ~in_a_;
            in_a_ |= free & -free;
            in_b_ |= std::uint64_t{free != 0} << j;
            in_reach = in_reach << 1U | (j < far ? 1U : 0U);
        }
        return static_cast<std::size_t>(std::popcount(in_a_));
    }

    // After match(): the matched symbols of a against those of b, both in their order.
    std::size_t out_of_order(std::size_t count) const noexcept
    {
        std::uint64_t in_a = in_a_;
        std::uint64_t in_b = in_b_;
        std::size_t different = 0;
        for (; count > 0; --count) {
            different += pair_.a[lowest(in_a)] != pair_.b[lowest(in_b)] ? 1U : 0U;
            in_a &= in_a - 1;
            in_b &= in_b - 1;
        }
        return different;
    }

  private:
    static std::size_t lowest(std::uint64_t word) noexcept { return static_cast<std::size_t>(std::countr_zero(word)); }

    symbol_pair<Symbol> pair_;
    strip_matches<Symbol> places_;
    std::uint64_t in_a_ = 0;
    std::uint64_t in_b_ = 0;
};

// The positions of each symbol in a are a list, in order. As the symbols of b come in order too, their reach only moves
// forward: a position that has fallen out of it, or is taken, never comes back, and the head of the list moves on.
template <class Symbol>
class list_matcher {
  public:
    explicit list_matcher(const symbol_pair<Symbol>& pair)
        : pair_{pair}, end_{static_cast<std::uint32_t>(pair.a.size())}, first_{pair, end_}, next_{pair.a.size()},
          is_matched_{pair.a.size()}, matched_{std::min(pair.a.size(), pair.b.size())}
    {
        for (std::uint32_t i = end_; i-- > 0;) {
            next_[i] = first_[pair_.a[i]];
            first_[pair_.a[i]] = i;
            is_matched_[i] = 0;
        }
    }

    std::size_t match() noexcept
    {
        const std::size_t far = reach(std::max(pair_.a.size(), pair_.b.size()));
        std::size_t count = 0;
        for (std::size_t j = 0; j < pair_.b.size(); ++j) {
            const Symbol symbol = pair_.b[j];
            std::uint32_t i = first_[symbol];
            while (i + far < j && i < end_) {
                i = next_[i];
            }
            if (i < end_ && i <= j + far) {
                is_matched_[i] = 1;
                matched_[count++] = symbol;
                i = next_[i];
            }
            first_[symbol] = i;
        }
        return count;
    }

    // After match(): the matched symbols of a against those of b, both in their order.
    std::size_t out_of_order(std::size_t count) const noexcept
    {
        std::size_t at = 0;
        std::size_t different = 0;
        for (std::size_t i = 0; at < count; ++i) {
            different += static_cast<std::size_t>(is_matched_[i] & (pair_.a[i] != matched_[at] ? 1U : 0U));
            at += is_matched_[i];
        }
        return different;
    }

  private:
    symbol_pair<Symbol> pair_;
    std::uint32_t end_; // no position
    symbol_table<Symbol, std::uint32_t> first_;
    scratch<std::uint32_t, 64> next_;
    scratch<std::uint8_t, 64> is_matched_;
    scratch<Symbol, 64> matched_;
};

// For a similarity `of` that rises with Jaro's.
template <class Symbol, class Of>
double similarity(const symbol_pair<Symbol>& pair, double cutoff, Of of)
{
    const auto size_a = static_cast<double>(pair.a.size());
    const auto size_b = static_cast<double>(pair.b.size());
    if (size_a == 0 || size_b == 0) {
        return size_a == size_b ? 1 : 0;
    }
    const auto value = [&](double matches, double swaps) {
        return of((matches / size_a + matches / size_b + (matches - swaps) / matches) / 3);
    };
    const auto is_below = [&](double matches) { return cutoff > 0 && value(matches, 0) < cutoff - rounding; };
    if (is_below(std::min(size_a, size_b))) {
        return 0;
    }
    const auto by = [&](auto found) -> double {
        const std::size_t matches = found.match();
        if (matches == 0 || is_below(static_cast<double>(matches))) {
            return 0;
        }
        const std::size_t swaps = found.out_of_order(matches) / 2;
        const double result = value(static_cast<double>(matches), static_cast<double>(swaps));
        return result < cutoff ? 0 : result;
    };
    const bool is_short = std::max(pair.a.size(), pair.b.size()) <= strip_rows;
    return is_short ? by(word_matcher<Symbol>{pair}) : by(list_matcher<Symbol>{pair});
}

template <class Symbol>
std::size_t common_beginning(const symbol_pair<Symbol>& pair, std::size_t at_most) noexcept
{
    const std::size_t end = std::min({pair.a.size(), pair.b.size(), at_most});
    std::size_t size = 0;
    while (size < end && pair.a[size] == pair.b[size]) {
        ++size;
    }
    return size;
}

constexpr std::size_t longest_prefix = 4;
constexpr double prefix_scale = 0.1;
constexpr double boost_threshold = 0.7;

} // namespace

double jaro(std::string_view a, std::string_view b, double cutoff)
{
    require_length(a);
    require_length(b);
    return with_symbols(
        a, b, [cutoff](const auto& pair) { return similarity(pair, cutoff, [](double jaro) { return jaro; }); });
}

double jaro_winkler(std::string_view a, std::string_view b, double cutoff)
{
    require_length(a);
    require_length(b);
    return with_symbols(a, b, [cutoff](const auto& pair) {
        const double raise = prefix_scale * static_cast<double>(common_beginning(pair, longest_prefix));
        return similarity(pair, cutoff,
                          [raise](double jaro) { return jaro > boost_threshold ? jaro + raise * (1 - jaro) : jaro; });
    });
}

} // namespace etl::dedupe
