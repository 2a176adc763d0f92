// Tokens, their counts, and the best partner of each.
#include "dedupe/token_similarity.hpp"

#include "core/blanks.hpp"
#include "dedupe/code_points.hpp"
#include "dedupe/jaro.hpp"

#include <cmath>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

namespace {

using tokens = std::vector<std::string_view>;

tokens tokens_of(std::string_view text)
{
    require_length(text);
    tokens found;
    while (true) {
        text.remove_prefix(blanks_length(text));
        if (text.empty()) {
            return found;
        }
        std::size_t size = 1;
        while (size < text.size() && blank_length(text.substr(size)) == 0) {
            ++size;
        }
        found.push_back(text.substr(0, size));
        text.remove_prefix(size);
    }
}

tokens sorted_tokens(std::string_view text, poll_fn poll)
{
    tokens found = tokens_of(text);
    poller stop{poll};
    std::sort(found.begin(), found.end(), [&stop](std::string_view x, std::string_view y) {
        stop.tick();
        return x < y;
    });
    return found;
}

// Equal tokens stand next to each other.
tokens::const_iterator end_of_run(tokens::const_iterator at, tokens::const_iterator end)
{
    return std::find_if(at, end, [first = *at](std::string_view token) { return token != first; });
}

double squared_length(const tokens& sorted)
{
    double sum = 0;
    for (auto at = sorted.begin(); at != sorted.end();) {
        const auto next = end_of_run(at, sorted.end());
        sum += static_cast<double>(next - at) * static_cast<double>(next - at);
        at = next;
    }
    return sum;
}

double product(const tokens& a, const tokens& b)
{
    double sum = 0;
    for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
        const auto next_i = end_of_run(i, a.end());
        const auto next_j = end_of_run(j, b.end());
        const int order = i->compare(*j);
        if (order == 0) {
            sum += static_cast<double>(next_i - i) * static_cast<double>(next_j - j);
        }
        i = order <= 0 ? next_i : i;
        j = order >= 0 ? next_j : j;
    }
    return sum;
}

// Each token of a with its best partner in b. The best so far is the cutoff of the next.
double mean_of_best(const tokens& a, const tokens& b, poll_fn poll)
{
    poller stop{poll};
    double sum = 0;
    for (const std::string_view token : a) {
        double best = 0;
        for (const std::string_view other : b) {
            if (token.size() + other.size() > 1000) {
                poll();
            }
            stop.tick();
            best = std::max(best, jaro_winkler(token, other, best));
            if (best == 1) {
                break;
            }
        }
        sum += best;
    }
    return sum / static_cast<double>(a.size());
}

} // namespace

double cosine_tokens(std::string_view a, std::string_view b, double cutoff, poll_fn poll)
{
    const tokens in_a = sorted_tokens(a, poll);
    const tokens in_b = sorted_tokens(b, poll);
    if (in_a.empty() || in_b.empty()) {
        return in_a.empty() && in_b.empty() ? 1 : 0;
    }
    const double angle = product(in_a, in_b) / std::sqrt(squared_length(in_a) * squared_length(in_b));
    return angle < cutoff ? 0 : std::min(angle, 1.0);
}

double monge_elkan(std::string_view a, std::string_view b, direction way, double cutoff, poll_fn poll)
{
    const tokens in_a = tokens_of(a);
    const tokens in_b = tokens_of(b);
    if (in_a.empty() || in_b.empty()) {
        return in_a.empty() && in_b.empty() ? 1 : 0;
    }
    const double there = mean_of_best(in_a, in_b, poll);
    if (way == direction::a_in_b) {
        return there < cutoff ? 0 : there;
    }
    if ((there + 1) / 2 < cutoff) {
        return 0;
    }
    const double both = (there + mean_of_best(in_b, in_a, poll)) / 2;
    return both < cutoff ? 0 : both;
}

} // namespace etl::dedupe
