// Words of a normalised text, and tables of words that are made from a text when the library is compiled.
//
//   constexpr std::string_view spellings = "ave avenue av\n"      a line: a form, and what else it is written
//                                          "rd road\n";
//   constexpr auto table = make_word_table<count_words(spellings)>(spellings);
//   table.form_of("avenue")  "ave"
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

// Calls f with each word of a text in which blanks and new lines separate them, and whether it is a line's first.
template <class F>
constexpr void for_each_word(std::string_view text, F&& f)
{
    bool is_first = true;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] == ' ' || text[at] == '\n') {
            is_first = is_first || text[at] == '\n';
            ++at;
            continue;
        }
        const std::size_t end = std::min(text.find_first_of(" \n", at), text.size());
        f(text.substr(at, end - at), is_first);
        is_first = false;
        at = end;
    }
}

constexpr std::size_t count_words(std::string_view text)
{
    std::size_t count = 0;
    for_each_word(text, [&](std::string_view, bool) { ++count; });
    return count;
}

template <std::size_t N>
class word_table {
  public:
    constexpr explicit word_table(std::string_view lines)
    {
        std::size_t count = 0;
        std::string_view form;
        for_each_word(lines, [&](std::string_view word, bool is_first) {
            form = is_first ? word : form;
            entries_[count++] = {word, form};
        });
        std::sort(entries_.begin(), entries_.end(), [](const entry& a, const entry& b) { return a.word < b.word; });
    }

    constexpr bool has(std::string_view word) const noexcept { return find(word) != nullptr; }

    // The word itself where the table does not know it.
    constexpr std::string_view form_of(std::string_view word) const noexcept
    {
        const entry* found = find(word);
        return found != nullptr ? found->form : word;
    }

    // Whether each word has one form only, and each form stays what it is.
    constexpr bool is_consistent() const
    {
        for (std::size_t i = 0; i < N; ++i) {
            if ((i > 0 && entries_[i - 1].word == entries_[i].word) || form_of(entries_[i].form) != entries_[i].form) {
                return false;
            }
        }
        return true;
    }

  private:
    struct entry {
        std::string_view word;
        std::string_view form;
    };
    constexpr const entry* find(std::string_view word) const noexcept
    {
        const auto at = std::lower_bound(entries_.begin(), entries_.end(), word,
                                         [](const entry& e, std::string_view w) { return e.word < w; });
        return at != entries_.end() && at->word == word ? &*at : nullptr;
    }

    std::array<entry, N> entries_{};
};

template <std::size_t N>
constexpr word_table<N> make_word_table(std::string_view lines)
{
    return word_table<N>{lines};
}

} // namespace etl::dedupe
