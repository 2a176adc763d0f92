// A word under the rules of a phonetic code: what stands at a place, before and after it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <string_view>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

// Places may lie outside of the word: nothing but a blank stands there.
class phonetic_word {
  public:
    explicit phonetic_word(std::string_view letters) noexcept : letters_{letters} {}

    std::ptrdiff_t size() const noexcept { return static_cast<std::ptrdiff_t>(letters_.size()); }

    char at(std::ptrdiff_t place) const noexcept
    {
        return place < 0 || place >= size() ? ' ' : letters_[static_cast<std::size_t>(place)];
    }

    bool any_at(std::ptrdiff_t place, std::string_view letters) const noexcept
    {
        return letters.find(at(place)) != std::string_view::npos;
    }

    // Whether one of the texts stands at the place. A blank in a text is the end of the word, or between two.
    bool has(std::ptrdiff_t place, std::initializer_list<std::string_view> texts) const noexcept
    {
        return std::any_of(texts.begin(), texts.end(), [this, place](std::string_view text) {
            for (std::size_t i = 0; i < text.size(); ++i) {
                if (at(place + static_cast<std::ptrdiff_t>(i)) != text[i]) {
                    return false;
                }
            }
            return place >= 0;
        });
    }

    bool contains(std::string_view text) const noexcept { return letters_.find(text) != std::string_view::npos; }

  private:
    std::string_view letters_;
};

} // namespace etl::dedupe
