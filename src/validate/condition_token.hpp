// The elements of row conditions: words, numbers, quoted texts and names, signs.
#pragma once

#include <string>
#include <string_view>

namespace etl::validate {

struct token {
    enum class kind { end, word, name, number, text, sign, broken } is = kind::end;
    std::string_view source{}; // as it stands in the condition
    std::string_view value{};  // of names and texts, without the quotes
};

// Takes a text apart from its beginning. Texts are in single or double quotes, names in backticks; nothing inside of
// them is an escape. A quote without its end is broken.
class tokenizer {
  public:
    explicit tokenizer(std::string_view text) : text_{text} {}

    token next();

  private:
    token take(token::kind is, std::size_t end);
    token take_quoted(char quote);
    std::size_t end_of_word() const;
    std::size_t end_of_digits(std::size_t from) const;
    std::size_t end_of_number() const;
    std::size_t end_of_sign() const;

    std::string_view text_;
    std::size_t at_ = 0;
};

// Its letters of ASCII in lower case.
std::string lower_case(std::string_view text);

} // namespace etl::validate
