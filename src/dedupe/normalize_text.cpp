#include "dedupe/normalize_text.hpp"

#include "dedupe/unicode.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

constexpr char dropped = '\0';
constexpr char blank = ' ';

constexpr bool is_between(char32_t c, char32_t first, char32_t last) noexcept
{
    return c >= first && c <= last;
}

// What becomes of each character of ASCII.
constexpr std::array<char, 128> ascii_forms = [] {
    std::array<char, 128> forms{};
    for (std::size_t c = 0; c < forms.size(); ++c) {
        const auto character = static_cast<char>(c);
        const bool is_capital = character >= 'A' && character <= 'Z';
        const bool is_kept = (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9');
        const bool is_unseen = (c < 0x1c && !(c >= '\t' && c <= '\r')) || c == 0x7f;
        const bool is_apostrophe = character == '\'' || character == '`';
        forms[c] = is_capital                   ? static_cast<char>(character - 'A' + 'a')
                   : is_kept                    ? character
                   : is_unseen || is_apostrophe ? dropped
                                                : blank;
    }
    return forms;
}();

// What people type for an apostrophe: accents that stand alone, quotation marks, modifier letters (also the glottal
// stop of Hawaiian and Arabic names), prime, the wide forms.
bool is_apostrophe(char32_t c) noexcept
{
    constexpr char32_t known[] = {0xb4,   0x2b9,  0x2bb,  0x2bc,  0x2bd,  0x2be,  0x2bf,  0x2c8,  0x2ca, 0x2cb,
                                  0x2018, 0x2019, 0x201a, 0x201b, 0x2032, 0x2035, 0xa78c, 0xff07, 0xff40};
    return std::binary_search(std::begin(known), std::end(known), c);
}

// Small letters that Unicode does not take apart, as they are written where they lack. The micro sign is among them so
// that what is left of a text in an 8-bit encoding can always be written in it.
struct plain_form {
    char32_t letter;
    std::string_view plain;
};
constexpr plain_form plain_forms[] = {
    {0xb5, "u"},  {0xc6, "ae"}, {0xd0, "d"},  {0xd8, "o"},  {0xde, "th"},  {0xe6, "ae"},  {0xf0, "d"},  {0xf8, "o"},
    {0xfe, "th"}, {0x110, "d"}, {0x111, "d"}, {0x126, "h"}, {0x127, "h"},  {0x131, "i"},  {0x138, "k"}, {0x141, "l"},
    {0x142, "l"}, {0x149, "n"}, {0x14a, "n"}, {0x14b, "n"}, {0x152, "oe"}, {0x153, "oe"}, {0x166, "t"}, {0x167, "t"},
    {0x180, "b"}, {0x181, "b"}, {0x18a, "d"}, {0x18e, "e"}, {0x18f, "e"},  {0x190, "e"},  {0x191, "f"}, {0x192, "f"},
    {0x197, "i"}, {0x198, "k"}, {0x199, "k"}, {0x19a, "l"}, {0x1b5, "z"},  {0x1b6, "z"},  {0x1dd, "e"}, {0x1e4, "g"},
    {0x1e5, "g"}, {0x253, "b"}, {0x257, "d"}, {0x259, "e"}, {0x25b, "e"},  {0x268, "i"},  {0x289, "u"},
};

std::string_view plain_form_of(char32_t letter) noexcept
{
    const auto* found = std::lower_bound(std::begin(plain_forms), std::end(plain_forms), letter,
                                         [](const plain_form& form, char32_t c) { return form.letter < c; });
    return found != std::end(plain_forms) && found->letter == letter ? found->plain : std::string_view{};
}

// Marks above and below letters of Latin, Greek and Cyrillic, the points of Hebrew, the vowel signs of Arabic.
bool is_accent(char32_t c) noexcept
{
    return is_between(c, 0x300, 0x36f) || is_between(c, 0x483, 0x489) || is_between(c, 0x591, 0x5c7) ||
           is_between(c, 0x610, 0x61a) || is_between(c, 0x64b, 0x65f) || c == 0x670 || is_between(c, 0x6d6, 0x6ed) ||
           is_between(c, 0x8d3, 0x8ff) || is_between(c, 0x1ab0, 0x1aff) || is_between(c, 0x1dc0, 0x1dff) ||
           is_between(c, 0x20d0, 0x20ff) || is_between(c, 0xfe20, 0xfe2f);
}

constexpr char32_t tatweel = 0x640; // stretches Arabic words, and says nothing

class text_normalizer {
  public:
    text_normalizer(std::string_view text, std::pmr::memory_resource* memory, poll_fn poll)
        : text_{text}, made_{memory}, waiting_{memory}, poll_{poll}
    {
        made_.reserve(text.size());
    }

    std::pmr::string run()
    {
        for (std::size_t at = 0; at < text_.size();) {
            poll_.tick();
            const auto first = static_cast<unsigned char>(text_[at]);
            if (first < ascii_forms.size()) {
                add_plain(ascii_forms[first]);
                ++at;
                continue;
            }
            const decoded next = decode_at(text_, at);
            at += next.size;
            add(next.value);
        }
        write_waiting();
        return std::move(made_);
    }

  private:
    void add_plain(char form)
    {
        if (form == dropped) {
            return;
        }
        if (form == blank) {
            write_waiting();
            owes_blank_ = !made_.empty();
            return;
        }
        write_waiting();
        pay_blank();
        made_ += form;
    }

    void add_plain(std::string_view forms)
    {
        for (const char form : forms) {
            add_plain(form);
        }
    }

    void pay_blank()
    {
        if (owes_blank_) {
            made_ += blank;
            owes_blank_ = false;
        }
    }

    void add(char32_t character)
    {
        if (!is_character(character)) {
            add_plain(blank);
            return;
        }
        if (is_apostrophe(character)) {
            return;
        }
        switch (kind_of(character)) {
        case character_kind::punctuation:
        case character_kind::symbol:
        case character_kind::separator:
            add_plain(blank);
            return;
        case character_kind::control:
            return;
        case character_kind::digit:
            add_plain(static_cast<char>('0' + digit_value(character)));
            return;
        default:
            add_word_character(character);
        }
    }

    void add_word_character(char32_t character)
    {
        if (const auto plain = plain_form_of(character); !plain.empty()) {
            add_plain(plain);
            return;
        }
        std::array<std::int32_t, longest_folding> folded; // NOLINT(cppcoreguidelines-pro-type-member-init)
        const std::size_t count = fold(character, folded);
        for (std::size_t i = 0; i < count; ++i) {
            add_folded(static_cast<char32_t>(folded[i]));
        }
    }

    void add_folded(char32_t character)
    {
        if (character < ascii_forms.size()) {
            add_plain(ascii_forms[character]);
            return;
        }
        if (is_accent(character) || character == tatweel || is_apostrophe(character)) {
            return;
        }
        const character_kind kind = kind_of(character);
        if (kind == character_kind::punctuation || kind == character_kind::symbol) {
            add_plain(blank);
            return;
        }
        if (const auto plain = plain_form_of(character); !plain.empty()) {
            add_plain(plain);
            return;
        }
        if (waiting_.size() >= enough_to_write && begins_anew(character)) {
            write_waiting();
        }
        waiting_.push_back(static_cast<std::int32_t>(character));
    }

    // Characters beyond ASCII wait until it is certain what they are composed with.
    void write_waiting()
    {
        if (waiting_.empty()) {
            return;
        }
        pay_blank();
        const std::size_t count = compose(waiting_);
        for (std::size_t i = 0; i < count; ++i) {
            append_character(made_, static_cast<char32_t>(waiting_[i]));
        }
        waiting_.clear();
    }

    static constexpr std::size_t enough_to_write = 1024;

    std::string_view text_;
    std::pmr::string made_;
    std::pmr::vector<std::int32_t> waiting_;
    poller poll_;
    bool owes_blank_ = false;
};

} // namespace

std::pmr::string normalize_text(std::string_view text, std::pmr::memory_resource* memory, poll_fn poll)
{
    return text_normalizer{text, memory, poll}.run();
}

} // namespace etl::dedupe
