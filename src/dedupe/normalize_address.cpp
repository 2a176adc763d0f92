#include "dedupe/normalize_address.hpp"

#include "dedupe/address_words.hpp"
#include "dedupe/normalize_text.hpp"
#include "dedupe/words.hpp"

#include <vector>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

constexpr auto streets = make_word_table<count_words(street_words)>(street_words);
constexpr auto units = make_word_table<count_words(unit_words)>(unit_words);
constexpr auto directions = make_word_table<count_words(direction_words)>(direction_words);
constexpr auto ordinals = make_word_table<count_words(ordinal_words)>(ordinal_words);
constexpr auto tens = make_word_table<count_words(tens_words)>(tens_words);
constexpr auto numbers = make_word_table<count_words(number_words)>(number_words);
static_assert(streets.is_consistent() && units.is_consistent() && directions.is_consistent());
static_assert(ordinals.is_consistent() && tens.is_consistent());

constexpr bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

std::string_view abbreviated(std::string_view word)
{
    for (const std::string_view form : {directions.form_of(word), units.form_of(word), ordinals.form_of(word)}) {
        if (form != word) {
            return form;
        }
    }
    return streets.form_of(word);
}

// The words of the result, in the order in which they come. A word may change those before it.
class address_words {
  public:
    explicit address_words(std::pmr::string& to) : made_{to} {}

    void add(std::string_view word)
    {
        if (split_number(word) || split_street(word)) {
            return;
        }
        if (complete_ordinal(word) || complete_direction(word) || complete_box(word)) {
            return;
        }
        put(abbreviated(word));
    }

  private:
    // 12a: a number and a letter.
    bool split_number(std::string_view word)
    {
        const bool is_both = word.size() > 1 && word.back() >= 'a' && word.back() <= 'z' &&
                             word.find_first_not_of("0123456789") == word.size() - 1;
        if (is_both) {
            put(word.substr(0, word.size() - 1));
            add(word.substr(word.size() - 1));
        }
        return is_both;
    }

    // Hauptstrasse: a name and a street.
    bool split_street(std::string_view word)
    {
        constexpr std::size_t shortest_name = 3;
        const std::string_view ending = street_ending(word);
        const std::string_view name = word.substr(0, word.size() - ending.size());
        if (ending.empty() || name.size() < shortest_name || !street_ending(name).empty()) {
            return false;
        }
        add(name);
        put(streets.form_of(ending));
        return true;
    }

    static std::string_view street_ending(std::string_view word)
    {
        for (const std::string_view ending : {"strasse", "str", "platz"}) {
            if (word.ends_with(ending)) {
                return ending;
            }
        }
        return {};
    }

    // twenty first
    bool complete_ordinal(std::string_view word)
    {
        const std::string_view unit = ordinals.form_of(word);
        const std::string_view before = last();
        if (unit == word || unit.size() != std::string_view{"1st"}.size() || !tens.has(before) ||
            is_digit(before.front())) {
            return false;
        }
        const std::string_view ten = tens.form_of(before);
        drop_last();
        put(ten);
        made_ += unit;
        return true;
    }

    // n e
    bool complete_direction(std::string_view word)
    {
        const std::string_view form = directions.form_of(word);
        const std::string_view before = last();
        if ((form != "e" && form != "w") || (before != "n" && before != "s")) {
            return false;
        }
        made_ += form;
        return true;
    }

    // p o box, post office box, po box
    bool complete_box(std::string_view word)
    {
        if (word != "box") {
            return false;
        }
        for (const std::string_view before : {"p o", "po", "post ofc"}) {
            if (ends_with_words(before)) {
                made_.resize(made_.size() - before.size());
                made_ += "pobox";
                return true;
            }
        }
        return false;
    }

    bool ends_with_words(std::string_view words) const
    {
        const std::string_view all = made_;
        return all.ends_with(words) && (all.size() == words.size() || all[all.size() - words.size() - 1] == ' ');
    }

    std::string_view last() const
    {
        const std::string_view all = made_;
        const std::size_t space = all.rfind(' ');
        return space == std::string_view::npos ? all : all.substr(space + 1);
    }

    void drop_last()
    {
        const std::size_t space = made_.rfind(' ');
        made_.resize(space == std::pmr::string::npos ? 0 : space);
    }

    void put(std::string_view word)
    {
        if (is_digit(word.front())) {
            while (numbers.has(last())) {
                drop_last();
            }
        }
        made_ += made_.empty() ? "" : " ";
        made_ += word;
    }

    std::pmr::string& made_;
};

} // namespace

std::pmr::string normalize_address(std::string_view text, std::pmr::memory_resource* memory, poll_fn poll)
{
    const auto plain = normalize_text(text, memory, poll);
    std::pmr::string made{memory};
    made.reserve(plain.size() + 8);
    address_words words{made};
    poller stop{poll};
    for_each_word(plain, [&](std::string_view word, bool) {
        stop.tick();
        words.add(word);
    });
    return made;
}

} // namespace etl::dedupe
