// A declaration of an event (up to the first zero byte) and its data (what follows), read as data, and used to choose
// values that are encoded and read back. What is read can be encoded so that it is read as the same.
#include "../unit/abi_encoder.hpp"
#include "core/error.hpp"
#include "extract/evm_columns.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

namespace {

using etl::evm::type;
using etl::evm::value;
using types = std::vector<const type*>;

bool same(const value& left, const value& right)
{
    return left.text == right.text && std::ranges::equal(left.parts, right.parts, same);
}

void require(bool holds)
{
    if (!holds) {
        std::abort();
    }
}

std::span<const std::byte> bytes_of(const std::string& text)
{
    return std::as_bytes(std::span{text});
}

// Encoded and read again it is the same; and it is written for the server as well.
void check(const types& of, const std::vector<value>& values)
{
    const std::string encoded = abi_encoder::encode_sequence(of, values);
    const std::vector<value> again = etl::evm::decode(of, bytes_of(encoded));
    require(std::ranges::equal(values, again, same) && abi_encoder::encode_sequence(of, again) == encoded);
    std::string written;
    for (std::size_t i = 0; i < values.size(); ++i) {
        etl::evm::write_json(*of[i], values[i], written);
        written += etl::evm::sql_text(*of[i], values[i]);
    }
}

// Chooses by bytes; zeros when they are used up.
class chooser {
  public:
    explicit chooser(std::span<const std::byte> bytes) : bytes_{bytes} {}

    unsigned next()
    {
        const unsigned made = bytes_.empty() ? 0 : static_cast<unsigned>(bytes_[0]);
        bytes_ = bytes_.subspan(bytes_.empty() ? 0 : 1);
        return made;
    }

    value choose(const type& of)
    {
        switch (of.is) {
        case type::kind::unsigned_number:
        case type::kind::signed_number:
            return {number(of)};
        case type::kind::boolean:
            return {next() % 2 == 0 ? "0" : "1"};
        case type::kind::address:
            return {text(20)};
        case type::kind::fixed_bytes:
            return {text(of.length)};
        case type::kind::bytes:
            return {text(next() % 70)};
        case type::kind::string:
            return {std::string(next() % 70, static_cast<char>('a' + next() % 26))};
        default:
            return compound(of);
        }
    }

  private:
    std::string text(std::size_t size)
    {
        std::string made;
        while (made.size() < size) {
            made += static_cast<char>(next());
        }
        return made;
    }

    // Small enough for every width that there is.
    std::string number(const type& of)
    {
        std::string digits = std::to_string(next() % 128);
        digits.insert(0,
                      digits.size() <= static_cast<std::size_t>(of.places)
                          ? static_cast<std::size_t>(of.places) + 1 - digits.size()
                          : 0,
                      '0');
        if (of.places > 0) {
            digits.insert(digits.size() - static_cast<std::size_t>(of.places), 1, '.');
        }
        const bool is_zero = digits.find_first_not_of("0.") == std::string::npos;
        return of.is == type::kind::signed_number && !is_zero && next() % 2 == 0 ? '-' + digits : digits;
    }

    value compound(const type& of)
    {
        value made;
        const std::size_t parts = of.is == type::kind::list    ? next() % 4
                                  : of.is == type::kind::array ? of.length
                                                               : of.parts.size();
        for (std::size_t i = 0; i < parts; ++i) {
            made.parts.push_back(choose(of.is == type::kind::tuple ? of.parts[i] : of.parts[0]));
        }
        return made;
    }

    std::span<const std::byte> bytes_;
};

std::size_t words_of(const type& of)
{
    const std::size_t times = of.is == type::kind::array ? of.length : 3;
    std::size_t made = 1;
    for (const type& part : of.parts) {
        made += words_of(part) * (of.is_sequence() ? times : 1);
    }
    return made;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::uint8_t* zero = std::find(data, data + size, 0);
    const std::vector<std::string> declarations{{data, zero}};
    const std::string rest{std::min(zero + 1, data + size), data + size};
    types of;
    std::size_t words = 0;
    try {
        const etl::evm::event_table table{declarations};
        const etl::evm::event event = etl::evm::parse_event(declarations[0]);
        require(etl::evm::parse_event(event.signature()).signature() == event.signature());
        static std::vector<etl::evm::parameter> parameters;
        parameters = event.parameters;
        for (const etl::evm::parameter& each : parameters) {
            of.push_back(&each.type);
            words += words_of(each.type);
        }
        check(of, etl::evm::decode(of, bytes_of(rest)));
    } catch (const etl::error&) {
        // no declaration, or no encoding of these parameters
    }
    if (words < 10000) {
        chooser from{bytes_of(rest)};
        std::vector<value> values;
        for (const type* each : of) {
            values.push_back(from.choose(*each));
        }
        check(of, values);
    }
    return 0;
}
