#include "validate/nearest.hpp"

#include "core/text.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr std::size_t longest_shown = 200;
constexpr std::size_t most_names = 3;

std::string lower(std::string_view text)
{
    std::string made{text};
    std::transform(made.begin(), made.end(), made.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return made;
}

// A part of a name (min for min_value) is nearly that name.
std::size_t distance_between(const std::string& name, const std::string& candidate)
{
    constexpr std::size_t least_part = 3;
    const std::size_t distance = edit_distance(name, candidate);
    const bool is_part = name.size() >= least_part && candidate.find(name) != std::string::npos;
    return is_part ? std::min<std::size_t>(distance, 1) : distance;
}

} // namespace

std::size_t edit_distance(std::string_view a, std::string_view b)
{
    std::vector<std::size_t> before(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) {
        last[j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = std::min(row[j], before[j - 2] + 1);
            }
        }
        before.swap(last);
        last.swap(row);
    }
    return last[b.size()];
}

std::string did_you_mean(std::string_view name, std::span<const std::string_view> known)
{
    if (name.size() > longest_shown) {
        return {};
    }
    std::vector<std::pair<std::size_t, std::string_view>> near;
    const std::size_t farthest = std::max<std::size_t>(1, name.size() / 3);
    for (const std::string_view candidate : known) {
        const std::size_t distance = distance_between(lower(name), lower(candidate));
        if (distance <= farthest) {
            near.emplace_back(distance, candidate);
        }
    }
    std::stable_sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::erase_if(near, [best = near.empty() ? 0 : near.front().first](const auto& n) {
        return n.first > best + 2; // far behind the best
    });
    near.resize(std::min(near.size(), most_names));
    std::string made;
    for (std::size_t i = 0; i < near.size(); ++i) {
        made += i == 0 ? "Did you mean " : i + 1 == near.size() ? " or " : ", ";
        made += in_quotes(near[i].second);
    }
    return made.empty() ? made : made + "? ";
}

std::string shortened(std::string_view text)
{
    if (text.size() <= longest_shown) {
        return std::string{text};
    }
    std::size_t end = longest_shown;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
        --end; // not in the middle of a character
    }
    return std::string{text.substr(0, end)} + "…";
}

} // namespace etl::validate
