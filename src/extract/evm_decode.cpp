// The decoder of the ABI. Everything that it reads a stranger has written: an offset leads nowhere but into the bytes
// of its frame, a length is believed only where the bytes are there, and since offsets may lead to the same bytes again,
// no more words are read in all than twice those there are (and some, for the smallest logs). So time and memory are in
// proportion to the log, whatever it says.
#include "core/error.hpp"
#include "core/utf8.hpp"
#include "extract/evm_number.hpp"
#include "extract/evm_value.hpp"

#include <algorithm>
#include <optional>

#include "core/cpp_only.hpp"

namespace etl::evm {
namespace {

using word_view = std::span<const std::byte, word_size>;

[[noreturn]] void refuse(const std::string& why)
{
    throw error(sqlstate::invalid_binary_representation, "data are no encoding of the event", why,
                "The log may be of another event with the same signature, or its contract does not encode as the ABI "
                "says.");
}

std::string as_string(bytes_view bytes)
{
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool are_zero(bytes_view bytes)
{
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

void require_text(const std::string& text)
{
    for (std::size_t at = 0; at < text.size();) {
        const decoded found = decode_at(text, at);
        if (!is_character(found.value) || found.value == 0) {
            refuse("A string has the byte " + std::to_string(static_cast<unsigned char>(text[at])) + " at place " +
                   std::to_string(at + 1) + ", where it is " +
                   (found.value == 0 ? "no character that a text can hold." : "no UTF-8."));
        }
        at += found.size;
    }
}

value number_in(const type& type, word_view word)
{
    const bool is_signed = type.is == type::kind::signed_number;
    if (!has_bits(word, is_signed, type.bits)) {
        refuse("A value of type " + canonical(type) + " has bits beyond its width.");
    }
    return {decimal_text(word, is_signed, type.places)};
}

// A value whose place is one word that holds it.
value value_in(const type& type, word_view word)
{
    switch (type.is) {
    case type::kind::address:
        if (!are_zero(word.first(12))) {
            refuse("An address has more than 20 bytes.");
        }
        return {as_string(word.subspan(12))};
    case type::kind::boolean:
        if (!are_zero(word.first(31)) || word[31] > std::byte{1}) {
            refuse("A value of type bool is neither 0 nor 1.");
        }
        return {word[31] == std::byte{1} ? "1" : "0"};
    case type::kind::fixed_bytes:
        if (!are_zero(word.subspan(type.length))) {
            refuse("A value of type " + canonical(type) + " has bytes beyond its length.");
        }
        return {as_string(word.first(type.length))};
    default:
        return number_in(type, word);
    }
}

class decoder {
  public:
    explicit decoder(bytes_view bytes) : bytes_{bytes}, left_{2 * (bytes.size() / word_size) + spare_words} {}

    std::vector<value> read(std::span<const type* const> types)
    {
        std::vector<value> made;
        std::size_t at = 0;
        for (const type* each : types) {
            made.push_back(read_value(*each, 0, at));
            at += each->words * word_size;
        }
        return made;
    }

  private:
    static constexpr std::size_t spare_words = 64;

    std::size_t rest(std::size_t at) const noexcept { return at > bytes_.size() ? 0 : bytes_.size() - at; }

    void spend(std::size_t words)
    {
        if (words > left_) {
            refuse("Offsets lead to the same bytes again and again.");
        }
        left_ -= words;
    }

    word_view word_at(std::size_t at)
    {
        if (rest(at) < word_size) {
            refuse("The data end at byte " + std::to_string(bytes_.size()) + ", before the value at byte " +
                   std::to_string(at) + " does.");
        }
        spend(1);
        return bytes_.subspan(at).first<word_size>();
    }

    // A number of bytes or of elements, of which `most` can be there.
    std::size_t size_at(std::size_t at, std::size_t most, const char* what)
    {
        const word_view word = word_at(at);
        std::size_t made = 0;
        for (const std::byte byte : word.last<sizeof made>()) {
            made = made << 8U | static_cast<std::size_t>(byte);
        }
        if (!are_zero(word.first(word_size - sizeof made)) || made > most) {
            refuse(std::string{what} + " at byte " + std::to_string(at) + " is " + decimal_text(word, false, 0) +
                   ", and only " + std::to_string(most) + " fit into the data that are there.");
        }
        return made;
    }

    // A value whose place is at `at`; offsets count from `frame`.
    value read_value(const type& type, std::size_t frame, std::size_t at)
    {
        if (type.is_dynamic) {
            const std::size_t offset = size_at(at, rest(frame), "The offset");
            return read_tail(type, frame + offset);
        }
        return type.is_compound() ? read_parts(type, at) : value_in(type, word_at(at));
    }

    value read_tail(const type& type, std::size_t at)
    {
        if (type.is == type::kind::bytes || type.is == type::kind::string) {
            return read_bytes(type, at);
        }
        if (type.is != type::kind::list) {
            return read_parts(type, at);
        }
        const std::size_t after = rest(at) < word_size ? 0 : rest(at) - word_size;
        const std::size_t most = after / (type.parts[0].words * word_size);
        return read_elements(type.parts[0], size_at(at, most, "The number of elements"), at + word_size);
    }

    value read_bytes(const type& type, std::size_t at)
    {
        const std::size_t after = rest(at) < word_size ? 0 : rest(at) - word_size;
        const std::size_t length = size_at(at, after, "The length");
        spend((length + word_size - 1) / word_size);
        value made{as_string(bytes_.subspan(at + word_size, length))};
        if (type.is == type::kind::string) {
            require_text(made.text);
        }
        return made;
    }

    value read_parts(const type& type, std::size_t at)
    {
        if (type.is == type::kind::array) {
            return read_elements(type.parts[0], type.length, at);
        }
        value made;
        std::size_t place = at;
        for (const evm::type& part : type.parts) {
            made.parts.push_back(read_value(part, at, place));
            place += part.words * word_size;
        }
        return made;
    }

    value read_elements(const type& element, std::size_t count, std::size_t frame)
    {
        if (rest(frame) / word_size < count * element.words) {
            refuse(std::to_string(count) + " elements at byte " + std::to_string(frame) + " do not fit into " +
                   std::to_string(bytes_.size()) + " bytes of data.");
        }
        value made;
        for (std::size_t i = 0; i < count; ++i) {
            made.parts.push_back(read_value(element, frame, frame + i * element.words * word_size));
        }
        return made;
    }

    bytes_view bytes_;
    std::size_t left_; // words that may yet be read
};

} // namespace

std::vector<value> decode(std::span<const type* const> types, bytes_view bytes)
{
    return decoder{bytes}.read(types);
}

value decode_topic(const type& type, bytes_view topic)
{
    if (topic.size() != word_size) {
        refuse("A topic has " + std::to_string(topic.size()) + " bytes instead of 32.");
    }
    return type.is_hashed_as_topic() ? value{as_string(topic)} : value_in(type, topic.first<word_size>());
}

std::vector<value> decode_parameters(const event& event, std::span<const bytes_view> topics, bytes_view data)
{
    if (topics.size() != event.topics()) {
        refuse("The log has " + std::to_string(topics.size()) + " topics, and the event " + event.signature() +
               " has " + std::to_string(event.topics()) + ": other parameters are indexed.");
    }
    std::vector<const type*> in_data;
    for (const parameter& each : event.parameters) {
        if (!each.is_indexed) {
            in_data.push_back(&each.type);
        }
    }
    std::vector<value> from_data = decode(in_data, data);
    std::vector<value> made;
    std::size_t topic = event.is_anonymous ? 0 : 1;
    auto next = from_data.begin();
    for (const parameter& each : event.parameters) {
        made.push_back(each.is_indexed ? decode_topic(each.type, topics[topic++]) : std::move(*next++));
    }
    return made;
}

std::vector<value> decode_log(const event& event, std::span<const bytes_view> topics, bytes_view data)
{
    if (!event.is_anonymous && !topics.empty() && !std::ranges::equal(topics[0], event.first_topic())) {
        refuse("The first topic of the log is not the hash of " + event.signature() + '.');
    }
    return decode_parameters(event, topics, data);
}

} // namespace etl::evm
