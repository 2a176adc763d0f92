// Sets of n-grams as sorted arrays: of words where n symbols fit one, of positions otherwise.
#include "dedupe/ngrams.hpp"

#include "dedupe/code_points.hpp"

#include <bit>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

namespace {

struct set_sizes {
    double a;
    double b;
    double shared;
};

constexpr std::size_t gram_count(std::size_t size, std::size_t n) noexcept
{
    return size == 0 ? 0 : size < n ? 1 : size - n + 1;
}

// Comparisons of grams, which are counted by their symbols: sorting long texts, or long grams, takes its time.
class work_meter {
  public:
    explicit work_meter(poll_fn poll) : poll_{poll} {}
    void spend(std::size_t symbols)
    {
        spent_ += symbols;
        if (spent_ >= between_polls) {
            spent_ = 0;
            poll_();
        }
    }

  private:
    static constexpr std::size_t between_polls = 1U << 18U;
    poll_fn poll_;
    std::size_t spent_ = 0;
};

template <class T, class Before>
std::span<const T> sorted_set(std::span<T> grams, Before before)
{
    std::sort(grams.begin(), grams.end(), before);
    const auto equal = [&](T x, T y) { return !before(x, y); }; // x is not after y
    return grams.first(static_cast<std::size_t>(std::unique(grams.begin(), grams.end(), equal) - grams.begin()));
}

template <class T, class Before>
set_sizes sizes_of(std::span<const T> a, std::span<const T> b, Before before)
{
    std::size_t shared = 0;
    for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
        const bool is_less = before(*i, *j);
        const bool is_greater = before(*j, *i);
        shared += !is_less && !is_greater ? 1 : 0;
        i += is_greater ? 0 : 1;
        j += is_less ? 0 : 1;
    }
    return {static_cast<double>(a.size()), static_cast<double>(b.size()), static_cast<double>(shared)};
}

// Each gram's symbols in the bits of one word. A text shorter than n is its own gram: its length tells it from others,
// which is in the bit above.
template <class Symbol>
void pack(std::span<const Symbol> text, std::size_t n, unsigned bits, scratch<std::uint64_t, 64>& to)
{
    const std::size_t size = std::min(n, text.size());
    const std::uint64_t mask = (std::uint64_t{1} << bits * size) - 1;
    std::uint64_t gram = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        gram = (gram << bits | text[i]) & mask;
        if (i + 1 >= size) {
            to[i + 1 - size] = gram | (mask + 1);
        }
    }
}

template <class Symbol>
set_sizes packed_sizes(const symbol_pair<Symbol>& pair, std::size_t n, unsigned bits, poll_fn poll)
{
    work_meter meter{poll};
    const auto before = [&meter](std::uint64_t x, std::uint64_t y) {
        meter.spend(1);
        return x < y;
    };
    scratch<std::uint64_t, 64> a{gram_count(pair.a.size(), n)};
    scratch<std::uint64_t, 64> b{gram_count(pair.b.size(), n)};
    pack(pair.a, n, bits, a);
    pack(pair.b, n, bits, b);
    return sizes_of(sorted_set(a.all(), before), sorted_set(b.all(), before), before);
}

// Grams too long for a word: the symbols of a gram are looked up where it stands.
template <class Symbol>
set_sizes placed_sizes(const symbol_pair<Symbol>& pair, std::size_t n, poll_fn poll)
{
    using gram = std::span<const Symbol>;
    const auto place = [n](gram text, scratch<const Symbol*, 64>& to) {
        for (std::size_t i = 0; i < to.size(); ++i) {
            to[i] = text.data() + i;
        }
        return std::min(n, text.size());
    };
    scratch<const Symbol*, 64> a{gram_count(pair.a.size(), n)};
    scratch<const Symbol*, 64> b{gram_count(pair.b.size(), n)};
    const std::size_t size_a = place(pair.a, a);
    const std::size_t size_b = place(pair.b, b);
    work_meter meter{poll};
    const auto by = [&meter](std::size_t size) {
        return [&meter, size](const Symbol* x, const Symbol* y) {
            meter.spend(size);
            return std::lexicographical_compare(x, x + size, y, y + size);
        };
    };
    if (size_a != size_b) { // one of them is a single gram that is shorter than n
        const auto set_a = sorted_set(a.all(), by(size_a));
        const auto set_b = sorted_set(b.all(), by(size_b));
        return {static_cast<double>(set_a.size()), static_cast<double>(set_b.size()), 0};
    }
    return sizes_of(sorted_set(a.all(), by(size_a)), sorted_set(b.all(), by(size_b)), by(size_a));
}

set_sizes sizes(std::string_view a, std::string_view b, std::size_t n, poll_fn poll)
{
    return with_symbols(a, b, [n, poll](const auto& pair) {
        const auto bits = static_cast<unsigned>(std::bit_width((pair.count - 1) | 1U));
        const bool fits = n < 64 && bits * n < 64;
        return fits ? packed_sizes(pair, n, bits, poll) : placed_sizes(pair, n, poll);
    });
}

void check(std::string_view a, std::string_view b, std::int32_t n)
{
    require_length(a);
    require_length(b);
    if (n < 1) {
        throw error(sqlstate::invalid_parameter_value, "n must be at least 1, not " + std::to_string(n),
                    "It is the number of characters in an n-gram.", "Leave it out for pairs of characters.");
    }
}

// No set is smaller than 1 where the texts are not empty; nothing is shared beyond the smaller one.
template <class Of>
double similarity(std::string_view a, std::string_view b, std::int32_t n, double cutoff, poll_fn poll, Of of)
{
    check(a, b, n);
    if (a.empty() || b.empty()) {
        return a.empty() && b.empty() ? 1 : 0;
    }
    const double result = of(sizes(a, b, static_cast<std::size_t>(n), poll));
    return result < cutoff ? 0 : result;
}

} // namespace

double jaccard(std::string_view a, std::string_view b, std::int32_t n, double cutoff, poll_fn poll)
{
    return similarity(a, b, n, cutoff, poll,
                      [](const set_sizes& size) { return size.shared / (size.a + size.b - size.shared); });
}

double overlap(std::string_view a, std::string_view b, std::int32_t n, double cutoff, poll_fn poll)
{
    return similarity(a, b, n, cutoff, poll,
                      [](const set_sizes& size) { return size.shared / std::min(size.a, size.b); });
}

} // namespace etl::dedupe
