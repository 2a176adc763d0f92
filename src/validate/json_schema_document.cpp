// The parser: RFC 8259 to the letter, one pass, no recursion.
#include "validate/json_schema_document.hpp"

#include "validate/json_schema_scan.hpp"
#include "validate/json_schema_value.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::validate::schema {
namespace {

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

} // namespace

class parser {
  public:
    parser(document& into, poll_fn poll)
        : into_{into}, at_{into.text_.data()}, end_{at_ + into.text_.size()}, polling_{poll}
    {
    }

    bool run()
    {
        while (read_value()) {
            if (!opened_ && !close_finished()) {
                return false;
            }
            if (!opened_ && into_.open_.empty()) {
                skip_blanks();
                return at_ == end_ || fail("something follows the value");
            }
        }
        return false;
    }

  private:
    bool fail(const char* why)
    {
        into_.complaint_ = why;
        into_.complaint_at_ = static_cast<std::size_t>(at_ - into_.text_.data());
        return false;
    }

    void skip_blanks()
    {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) {
            ++at_;
        }
    }

    bool take_if(char wanted)
    {
        if (at_ == end_ || *at_ != wanted) {
            return false;
        }
        ++at_;
        return true;
    }

    void add(json_kind kind, std::size_t first = 0, std::size_t second = 0, bool decoded = false)
    {
        if (into_.nodes_.size() == most_nodes) {
            throw error(sqlstate::program_limit_exceeded,
                        "a JSON document must not hold more than " + std::to_string(most_nodes) + " values and names");
        }
        polling_.tick();
        into_.nodes_.emplace_back(kind, first, second, decoded);
    }

    std::size_t offset(const char* at) const { return static_cast<std::size_t>(at - into_.text_.data()); }

    bool read_value()
    {
        skip_blanks();
        opened_ = false;
        if (at_ == end_) {
            return fail("the text ends where a value is expected");
        }
        switch (*at_) {
        case '{':
            return open(json_kind::object);
        case '[':
            return open(json_kind::array);
        case '"':
            return read_string();
        case 't':
            return read_word("true", json_kind::yes);
        case 'f':
            return read_word("false", json_kind::no);
        case 'n':
            return read_word("null", json_kind::null);
        default:
            return read_number();
        }
    }

    bool read_word(std::string_view word, json_kind kind)
    {
        if (!std::string_view{at_, end_}.starts_with(word)) {
            return fail("a value is expected");
        }
        at_ += word.size();
        add(kind);
        return true;
    }

    bool read_number()
    {
        const char* start = at_;
        take_if('-');
        if (!take_if('0') && !skip_digits()) {
            return fail("a value is expected");
        }
        if (take_if('.') && !skip_digits()) {
            return fail("a digit is expected");
        }
        if (take_if('e') || take_if('E')) {
            if (!take_if('+')) {
                take_if('-');
            }
            if (!skip_digits()) {
                return fail("a digit is expected");
            }
        }
        add(json_kind::number, offset(start), static_cast<std::size_t>(at_ - start));
        return true;
    }

    bool skip_digits()
    {
        const char* start = at_;
        while (at_ != end_ && is_digit(*at_)) {
            ++at_;
        }
        return at_ != start;
    }

    bool read_string()
    {
        const char* start = ++at_;
        at_ = plain_end(at_, end_);
        if (at_ != end_ && *at_ == '\\') {
            return decode_string(start);
        }
        if (!take_if('"')) {
            return fail("a string does not end");
        }
        add(json_kind::string, offset(start), static_cast<std::size_t>(at_ - start - 1));
        return true;
    }

    // A string with escapes: its plain runs and decoded escapes go to the buffer.
    bool decode_string(const char* start)
    {
        std::string& out = into_.decoded_;
        const std::size_t begin = out.size();
        out.append(start, at_);
        while (at_ != end_ && *at_ == '\\') {
            ++at_;
            if (!decode_escape(out)) {
                return false;
            }
            const char* plain = at_;
            at_ = plain_end(at_, end_);
            out.append(plain, at_);
            polling_.tick();
        }
        if (!take_if('"')) {
            return fail("a string does not end");
        }
        add(json_kind::string, begin, out.size() - begin, true);
        return true;
    }

    bool decode_escape(std::string& out)
    {
        constexpr std::string_view letters = "\"\\/bfnrt";
        constexpr std::string_view meant = "\"\\/\b\f\n\r\t";
        if (take_if('u')) {
            return decode_code_point(out);
        }
        const std::size_t found = at_ == end_ ? std::string_view::npos : letters.find(*at_);
        if (found == std::string_view::npos) {
            return fail("unknown escape in a string");
        }
        ++at_;
        out += meant[found];
        return true;
    }

    bool decode_code_point(std::string& out)
    {
        std::uint32_t unit = 0;
        if (!read_hex(unit)) {
            return fail("\\u must be followed by four hexadecimal digits");
        }
        std::uint32_t low = 0;
        const char* behind = at_;
        if (unit >= 0xd800 && unit < 0xdc00 && take_if('\\') && take_if('u') && read_hex(low) && low >= 0xdc00 &&
            low < 0xe000) {
            unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        } else { // a half of a pair by itself counts as one character
            at_ = behind;
        }
        append_utf8(out, unit);
        return true;
    }

    bool read_hex(std::uint32_t& unit)
    {
        unit = 0;
        for (int i = 0; i < 4; ++i, ++at_) {
            const int digit = at_ == end_ ? -1 : hex_digit(*at_);
            if (digit < 0) {
                return false;
            }
            unit = unit * 16 + static_cast<std::uint32_t>(digit);
        }
        return true;
    }

    // Behind a bracket that opens: an empty container ends here, of others the first value is next.
    bool open(json_kind kind)
    {
        if (into_.open_.size() == deepest_document) {
            throw error(sqlstate::program_limit_exceeded,
                        "a JSON document must not nest deeper than " + std::to_string(deepest_document) + " levels");
        }
        const bool is_object = kind == json_kind::object;
        into_.open_.push_back({static_cast<std::uint32_t>(into_.nodes_.size()), 0});
        add(kind);
        ++at_;
        skip_blanks();
        if (take_if(is_object ? '}' : ']')) {
            close();
            return true;
        }
        opened_ = true;
        return !is_object || read_name();
    }

    bool read_name()
    {
        skip_blanks();
        if (at_ == end_ || *at_ != '"') {
            return fail("a name in quotes is expected");
        }
        if (!read_string()) {
            return false;
        }
        skip_blanks();
        return take_if(':') || fail("a colon is expected");
    }

    // Behind a value: ends the containers that end here, up to the one that has another value.
    bool close_finished()
    {
        while (!into_.open_.empty()) {
            const bool in_object = into_.nodes_[into_.open_.back().node].kind() == json_kind::object;
            ++into_.open_.back().size;
            skip_blanks();
            if (take_if(',')) {
                return !in_object || read_name();
            }
            if (!take_if(in_object ? '}' : ']')) {
                return fail(in_object ? "a comma or } is expected" : "a comma or ] is expected");
            }
            close();
        }
        return true;
    }

    void close()
    {
        const document::container ended = into_.open_.back();
        into_.open_.pop_back();
        const json_kind kind = into_.nodes_[ended.node].kind();
        std::uint32_t size = ended.size;
        if (kind == json_kind::object && size > 1) {
            size -= shadow_repeated(ended.node + 1, size);
        }
        into_.nodes_[ended.node] = tape_node{kind, size, into_.nodes_.size()};
    }

    // Marks all but the last of equal names, of the object whose first name is given; returns how many.
    std::uint32_t shadow_repeated(std::uint32_t first, std::uint32_t size)
    {
        const bool pairwise = size <= 8;
        auto& names = into_.names_;
        names.clear();
        std::uint32_t at = first;
        for (std::uint32_t i = 0; i < size; ++i) {
            const std::string_view name = into_.text_of(into_.nodes_[at]);
            names.push_back({pairwise ? name.size() : hash_text(name), at});
            at = value{into_, at + 1}.after();
        }
        if (!pairwise) {
            std::sort(names.begin(), names.end(), [this](const auto& a, const auto& b) { return precedes(a, b); });
        }
        std::uint32_t shadowed = 0;
        for (std::size_t i = 1; i < names.size(); ++i) {
            for (std::size_t k = pairwise ? 0 : i - 1; k < i; ++k) {
                shadowed += shadow_if_equal(names[k], names[i]) ? 1 : 0;
            }
        }
        return shadowed;
    }

    std::string_view name_at(const document::hashed_name& name) const { return into_.text_of(into_.nodes_[name.at]); }

    // Brings equal names side by side, in the order of the text.
    bool precedes(const document::hashed_name& a, const document::hashed_name& b) const
    {
        if (a.hash != b.hash) {
            return a.hash < b.hash;
        }
        const int order = name_at(a).compare(name_at(b));
        return order != 0 ? order < 0 : a.at < b.at;
    }

    bool shadow_if_equal(const document::hashed_name& earlier, const document::hashed_name& later)
    {
        tape_node& node = into_.nodes_[earlier.at];
        if (earlier.hash != later.hash || node.is_shadowed() || name_at(earlier) != name_at(later)) {
            return false;
        }
        node.shadow();
        return true;
    }

    document& into_;
    const char* at_;
    const char* end_;
    bool opened_ = false; // the value that was just read is a container with values to come
    poller polling_;
};

bool document::parse(std::string_view text, poll_fn poll)
{
    if (text.size() > longest_text) {
        throw error(sqlstate::program_limit_exceeded, "a JSON document must not be longer than 1 GB");
    }
    text_ = text;
    decoded_.clear();
    nodes_.clear();
    open_.clear();
    nodes_.reserve(std::min<std::size_t>(text.size() / 4 + 4, most_nodes));
    complaint_ = "";
    complaint_at_ = 0;
    return parser{*this, poll}.run();
}

void document::trim()
{
    constexpr std::size_t usual = 1U << 20;
    if (nodes_.capacity() * sizeof(tape_node) + decoded_.capacity() > usual) {
        *this = document{};
    }
}

std::optional<value> value::find(std::string_view name) const
{
    for (const auto [key, content] : members(*this)) {
        if (key.text() == name) {
            return content;
        }
    }
    return std::nullopt;
}

std::optional<value> value::element(std::size_t index) const
{
    for (const value each : elements(*this)) {
        if (index-- == 0) {
            return each;
        }
    }
    return std::nullopt;
}

} // namespace etl::validate::schema
