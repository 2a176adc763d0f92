// Any two texts, valid UTF-8 or not: every measure keeps its range and its laws, and every phonetic code its alphabet.
// The input is the two texts with a line end between them; its first byte gives the limits to cut at.
#include "dedupe/code_points.hpp"
#include "dedupe/double_metaphone.hpp"
#include "dedupe/edit_distance.hpp"
#include "dedupe/jaro.hpp"
#include "dedupe/latin_letters.hpp"
#include "dedupe/metaphone.hpp"
#include "dedupe/nysiis.hpp"
#include "dedupe/soundex.hpp"
#include "dedupe/token_similarity.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using namespace etl::dedupe;

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

struct texts {
    std::string_view a;
    std::string_view b;
};

template <class Distance>
std::uint32_t check_distance(Distance distance, texts t, std::uint32_t at_most)
{
    const std::uint32_t whole = distance(t.a, t.b, no_limit, etl::never_poll);
    demand(whole <= std::max(code_point_count(t.a), code_point_count(t.b)));
    demand((whole == 0) == (t.a == t.b));
    demand(distance(t.b, t.a, no_limit, etl::never_poll) == whole);
    demand(distance(t.a, t.b, at_most, etl::never_poll) == std::min(whole, at_most + 1));
    return whole;
}

// Similarity takes two texts and a cutoff.
template <class Similarity>
void check_similarity(Similarity similarity, texts t, double cutoff)
{
    const double whole = similarity(t.a, t.b, 0);
    demand(whole >= 0 && whole <= 1);
    demand(similarity(t.b, t.a, 0) == whole);
    demand(similarity(t.a, t.a, 0) == 1);
    demand(similarity(t.a, t.b, cutoff) == (whole < cutoff ? 0 : whole));
}

void check_measures(texts t, std::uint8_t limits)
{
    const std::uint32_t at_most = limits % 16;
    const double cutoff = limits / 255.0;
    const auto plain = check_distance(levenshtein, t, at_most);
    const auto aligned = check_distance(osa_distance, t, at_most);
    const auto damerau = check_distance(damerau_levenshtein, t, at_most);
    demand(damerau <= aligned && aligned <= plain);
    const auto shared = longest_common_subsequence(t.a, t.b);
    demand(shared <= std::min(code_point_count(t.a), code_point_count(t.b)));
    demand(plain + shared >= std::max(code_point_count(t.a), code_point_count(t.b)));
    check_similarity([](auto a, auto b, double c) { return levenshtein_similarity(a, b, c); }, t, cutoff);
    check_similarity([](auto a, auto b, double c) { return damerau_levenshtein_similarity(a, b, c); }, t, cutoff);
    check_similarity([](auto a, auto b, double c) { return longest_common_subsequence_similarity(a, b, c); }, t,
                     cutoff);
    check_similarity(jaro, t, cutoff);
    check_similarity(jaro_winkler, t, cutoff);
    check_similarity([n = 1 + limits % 70](auto a, auto b, double c) { return jaccard(a, b, n, c); }, t, cutoff);
    check_similarity([n = 1 + limits % 7](auto a, auto b, double c) { return overlap(a, b, n, c); }, t, cutoff);
    check_similarity([](auto a, auto b, double c) { return cosine_tokens(a, b, c); }, t, cutoff);
    check_similarity([](auto a, auto b, double c) { return monge_elkan(a, b, direction::both, c); }, t, cutoff);
}

void check_code(std::string_view code, std::size_t longest)
{
    demand(code.size() <= longest);
    demand(
        std::all_of(code.begin(), code.end(), [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }));
}

void check_codes(std::string_view name, std::uint8_t limits)
{
    const int longest = 1 + limits % 12;
    const auto size = static_cast<std::size_t>(longest);
    check_code(latin_letters(name), 18 * name.size());
    check_code(soundex(name), 4);
    check_code(nysiis(name, longest), size);
    check_code(metaphone(name, longest), size);
    const auto both = double_metaphone(name, longest);
    check_code(both.primary, size);
    check_code(both.alternate, size);
    demand(latin_letters(name).empty() == soundex(name).empty());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0) {
        return 0;
    }
    const std::string_view both{reinterpret_cast<const char*>(data + 1), std::min<std::size_t>(size - 1, 3000)};
    const auto end = both.find('\n');
    const texts t{both.substr(0, end), end == std::string_view::npos ? "" : both.substr(end + 1)};
    check_measures(t, data[0]);
    check_codes(t.a, data[0]);
    check_codes(t.b, data[0]);
    return 0;
}
