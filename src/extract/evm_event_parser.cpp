// Reads declarations of events. Limits keep what a stranger wrote from costing more than it is long: types nest to a
// fixed depth, and a fixed array says nothing about memory before there are data for it.
#include "core/error.hpp"
#include "core/text.hpp"
#include "extract/evm_event.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::evm {
namespace {

constexpr std::size_t longest_text = 8192;
constexpr int deepest_type = 16;
constexpr std::size_t most_words = std::size_t{1} << 20; // that one value has in place, 32 MB
constexpr int word_bits = 256;
constexpr int most_places = 80;

bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// A number without a sign or zeros before it.
std::optional<int> number_of(std::string_view digits)
{
    int made = 0;
    const bool plain = !digits.empty() && digits.size() <= 9 && std::all_of(digits.begin(), digits.end(), is_digit) &&
                       (digits[0] != '0' || digits.size() == 1);
    if (!plain) {
        return std::nullopt;
    }
    std::from_chars(digits.data(), digits.data() + digits.size(), made);
    return made;
}

bool is_width(int bits)
{
    return bits >= 8 && bits <= word_bits && bits % 8 == 0;
}

type number_type(bool is_signed, int bits, int places)
{
    type made;
    made.is = is_signed ? type::kind::signed_number : type::kind::unsigned_number;
    made.bits = bits;
    made.places = places;
    return made;
}

// int, uint8, fixed128x18: without a width it is the one that the ABI names.
std::optional<type> read_number_type(std::string_view word)
{
    const bool is_signed = !word.starts_with('u');
    word.remove_prefix(is_signed ? 0 : 1);
    if (word.starts_with("int")) {
        word.remove_prefix(3);
        const auto bits = word.empty() ? word_bits : number_of(word);
        return bits && is_width(*bits) ? std::optional{number_type(is_signed, *bits, 0)} : std::nullopt;
    }
    if (!word.starts_with("fixed")) {
        return std::nullopt;
    }
    word.remove_prefix(5);
    if (word.empty()) {
        return number_type(is_signed, 128, 18);
    }
    const std::size_t x = std::min(word.find('x'), word.size() - 1);
    const auto bits = number_of(word.substr(0, x));
    const auto places = number_of(word.substr(x + 1));
    const bool fits = bits && places && is_width(*bits) && *places >= 1 && *places <= most_places;
    return fits ? std::optional{number_type(is_signed, *bits, *places)} : std::nullopt;
}

std::optional<type> read_bytes_type(std::string_view word)
{
    type made;
    if (word == "function") { // an address and a selector
        made.is = type::kind::fixed_bytes;
        made.length = 24;
        made.is_function = true;
        return made;
    }
    if (word == "bytes" || word == "string") {
        made.is = word == "bytes" ? type::kind::bytes : type::kind::string;
        made.is_dynamic = true;
        return made;
    }
    if (!word.starts_with("bytes")) {
        return std::nullopt;
    }
    const auto length = number_of(word.substr(5));
    made.is = type::kind::fixed_bytes;
    made.length = static_cast<std::size_t>(length.value_or(0));
    return made.length >= 1 && made.length <= word_size ? std::optional{made} : std::nullopt;
}

std::optional<type> read_plain_type(std::string_view word)
{
    type made;
    if (word == "address" || word == "bool") {
        made.is = word == "address" ? type::kind::address : type::kind::boolean;
        return made;
    }
    const auto number = read_number_type(word);
    return number ? number : read_bytes_type(word);
}

class parser {
  public:
    explicit parser(std::string_view text) : text_{text} {}

    event read()
    {
        if (text_.size() > longest_text) {
            throw error(sqlstate::program_limit_exceeded, "declaration of an event is " + std::to_string(text_.size()) +
                                                              " bytes long; at most " + std::to_string(longest_text) +
                                                              " are read");
        }
        event made;
        made.name = read_event_name();
        expect('(', "the list of parameters in parentheses");
        read_parameters(made);
        made.is_anonymous = take_word("anonymous");
        take(';');
        if (!at_end()) {
            refuse("Nothing but the word anonymous may follow the parameters.");
        }
        check_topics(made);
        return made;
    }

  private:
    void skip_blanks()
    {
        while (at_ < text_.size() && (text_[at_] == ' ' || (text_[at_] >= '\t' && text_[at_] <= '\r'))) {
            ++at_;
        }
    }

    bool at_end()
    {
        skip_blanks();
        return at_ == text_.size();
    }

    char peek() { return at_end() ? '\0' : text_[at_]; }

    bool take(char c)
    {
        const bool is_there = peek() == c;
        at_ += is_there ? 1 : 0;
        return is_there;
    }

    // Identifiers and names of types; empty where none stands.
    std::string_view peek_word()
    {
        skip_blanks();
        std::size_t end = at_;
        while (end < text_.size() && (is_letter(text_[end]) || (end > at_ && is_digit(text_[end])))) {
            ++end;
        }
        return text_.substr(at_, end - at_);
    }

    std::string_view take_any_word()
    {
        const std::string_view word = peek_word();
        at_ += word.size();
        return word;
    }

    bool take_word(std::string_view wanted)
    {
        const bool is_there = peek_word() == wanted;
        at_ += is_there ? wanted.size() : 0;
        return is_there;
    }

    void expect(char c, const char* what)
    {
        if (!take(c)) {
            refuse_here(what);
        }
    }

    [[noreturn]] void refuse_here(const char* expected)
    {
        skip_blanks();
        std::string found{"the end of the text"};
        if (at_ < text_.size()) {
            const std::string_view word = peek_word();
            found = in_quotes(word.empty() ? whole_character() : word);
        }
        refuse(std::string{"Here "} + expected + " is expected, not " + found + '.');
    }

    std::string_view whole_character() const
    {
        std::size_t end = at_ + 1;
        while (end < text_.size() && (static_cast<unsigned char>(text_[end]) & 0xc0U) == 0x80U) {
            ++end;
        }
        return text_.substr(at_, end - at_);
    }

    [[noreturn]] void refuse(const std::string& why, std::string hint = {}) const
    {
        const auto is_first_byte = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; };
        const auto before =
            std::count_if(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_), is_first_byte);
        if (hint.empty()) {
            hint = "Write it as in Solidity: event Transfer(address indexed from, address indexed to, uint256 value).";
        }
        throw error(sqlstate::invalid_parameter_value,
                    "event cannot be read at character " + std::to_string(before + 1) + ": " + in_quotes(text_), why,
                    std::move(hint));
    }

    std::string read_event_name()
    {
        std::string name{take_any_word()};
        if (name == "event" && peek() != '(') {
            name = take_any_word();
        }
        if (name.empty()) {
            refuse_here("the name of an event");
        }
        return name;
    }

    void read_parameters(event& to)
    {
        if (take(')')) {
            return;
        }
        do {
            parameter each;
            each.type = read_type(1);
            each.is_indexed = take_word("indexed");
            each.name = take_any_word();
            to.parameters.push_back(std::move(each));
        } while (take(','));
        expect(')', "a comma or a closing parenthesis");
    }

    type read_type(int depth)
    {
        if (depth > deepest_type) {
            refuse("Types nest at most " + std::to_string(deepest_type) + " levels deep.");
        }
        const bool is_tuple = peek() == '(' || (peek_word() == "tuple" && after_word() == '(');
        type made = is_tuple ? read_tuple(depth) : read_named_type();
        for (int levels = depth; take('['); ++levels) {
            if (levels >= deepest_type) {
                refuse("Types nest at most " + std::to_string(deepest_type) + " levels deep.");
            }
            made = read_sequence(std::move(made));
        }
        return made;
    }

    char after_word()
    {
        const std::size_t before = at_;
        take_any_word();
        const char found = peek();
        at_ = before;
        return found;
    }

    type read_named_type()
    {
        const std::string_view word = peek_word();
        if (word.empty()) {
            refuse_here("a type");
        }
        const auto found = read_plain_type(word);
        if (!found) {
            refuse(in_quotes(word) + " is no type of the ABI.",
                   "Write a contract as address, an enum as uint8, and a struct as its members in parentheses.");
        }
        at_ += word.size();
        if (found->is == type::kind::address) {
            take_word("payable");
        }
        return *found;
    }

    type read_tuple(int depth)
    {
        take_word("tuple");
        take('(');
        type made;
        made.is = type::kind::tuple;
        made.words = 0;
        do {
            made.parts.push_back(read_type(depth + 1));
            made.names.emplace_back(take_any_word());
            made.is_dynamic = made.is_dynamic || made.parts.back().is_dynamic;
            made.words += made.parts.back().words;
        } while (take(','));
        expect(')', "a comma or a closing parenthesis");
        settle_size(made);
        keep_names_if_all(made);
        return made;
    }

    // The opening bracket is behind.
    type read_sequence(type element)
    {
        type made;
        const std::size_t begin = at_;
        while (is_digit(peek())) {
            ++at_;
        }
        const std::string_view digits = text_.substr(begin, at_ - begin);
        if (digits.empty()) {
            made.is = type::kind::list;
            made.is_dynamic = true;
        } else {
            const auto length = number_of(digits);
            if (!length || *length == 0) {
                at_ = begin;
                refuse("The length of an array is a whole number from 1 to 999999999.");
            }
            made.is = type::kind::array;
            made.length = static_cast<std::size_t>(*length);
            made.words = made.length * element.words;
            made.is_dynamic = element.is_dynamic;
        }
        expect(']', "a closing bracket");
        made.parts.push_back(std::move(element));
        settle_size(made);
        return made;
    }

    // What is dynamic takes one word in its place, for the offset.
    void settle_size(type& of) const
    {
        if (of.words > most_words) {
            refuse("A value of the type that ends here has more than " + std::to_string(most_words) + " words.");
        }
        of.words = of.is_dynamic ? 1 : of.words;
    }

    // The members have names, or places: some of each would not say which is which.
    static void keep_names_if_all(type& of)
    {
        std::vector<std::string> sorted = of.names;
        std::sort(sorted.begin(), sorted.end());
        const bool are_twice = std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
        if (are_twice || sorted.front().empty()) {
            of.names.clear();
        }
    }

    void check_topics(const event& of) const
    {
        constexpr std::size_t most_topics = 4;
        if (of.topics() > most_topics) {
            refuse("A log has at most " + std::to_string(most_topics) +
                   " topics: an event has at most three indexed parameters, or four if it is anonymous.");
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

} // namespace

event parse_event(std::string_view text)
{
    return parser{text}.read();
}

} // namespace etl::evm
