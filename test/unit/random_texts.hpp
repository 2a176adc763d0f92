// Random pairs of texts for comparisons with an oracle: short alphabets, so that much matches, in ASCII and beyond.
#pragma once

#include <random>
#include <string>
#include <utility>
#include <vector>

namespace etl_test {

using letters = std::vector<std::string>;

inline const std::vector<letters>& alphabets()
{
    static const std::vector<letters> all{
        {"a", "b"}, {"a", "b", "c", "d", "e"}, {"a", "é", "ß", "z"}, {"日", "本", "語", "x", "😀", "\xff", "\xc3"}};
    return all;
}

class random_texts {
  public:
    explicit random_texts(unsigned seed) : random_{seed} {}

    std::string text(const letters& alphabet, std::size_t longest)
    {
        std::string made;
        for (std::size_t left = below(longest + 1); left > 0; --left) {
            made += alphabet[below(alphabet.size())];
        }
        return made;
    }

    // Half of the pairs are near each other: a few letters put in, taken out or swapped.
    std::pair<std::string, std::string> pair(const letters& alphabet, std::size_t longest)
    {
        std::vector<std::string> a;
        for (std::size_t left = below(longest + 1); left > 0; --left) {
            a.push_back(alphabet[below(alphabet.size())]);
        }
        if (below(2) == 0) {
            return {join(a), text(alphabet, longest)};
        }
        auto b = a;
        for (std::size_t edits = below(5); edits > 0; --edits) {
            edit(b, alphabet);
        }
        return {join(a), join(b)};
    }

    std::size_t below(std::size_t end) { return std::uniform_int_distribution<std::size_t>{0, end - 1}(random_); }

  private:
    static std::string join(const std::vector<std::string>& parts)
    {
        std::string made;
        for (const auto& part : parts) {
            made += part;
        }
        return made;
    }

    void edit(std::vector<std::string>& text, const letters& alphabet)
    {
        const auto at = static_cast<std::ptrdiff_t>(below(text.size() + 1));
        const bool is_end = at == static_cast<std::ptrdiff_t>(text.size());
        if (is_end || below(3) == 0) {
            text.insert(text.begin() + at, alphabet[below(alphabet.size())]);
        } else if (below(2) == 0) {
            text.erase(text.begin() + at);
        } else if (at > 0) {
            std::swap(text[static_cast<std::size_t>(at)], text[static_cast<std::size_t>(at - 1)]);
        }
    }

    std::mt19937 random_;
};

} // namespace etl_test
