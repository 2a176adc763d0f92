#include "validate/pattern_shape.hpp"

#include "validate/pattern_format.hpp"

#include <algorithm>
#include <array>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr charset named = letters | digits | delimiters;
constexpr int most_kinds = 3; // of delimiters in a pattern of all characters

// Of each byte: the set of it, and whether it is a delimiter.
struct byte_facts {
    charset set;
    bool is_delimiter;
};

constexpr std::array<byte_facts, 256> facts = [] {
    std::array<byte_facts, 256> made{};
    for (std::size_t i = 0; i < made.size(); ++i) {
        made[i].set.add(static_cast<char>(i));
        made[i].is_delimiter = delimiters.contains(made[i].set);
    }
    return made;
}();

const byte_facts& facts_of(char c) noexcept
{
    return facts[static_cast<unsigned char>(c)];
}

bool is_delimiter(char c) noexcept
{
    return facts_of(c).is_delimiter;
}

charset set_of(std::string_view text) noexcept
{
    charset made;
    for (const char c : text) {
        made.add(facts_of(c).set);
    }
    return made;
}

std::string frame_of(std::string_view text)
{
    std::string made;
    std::ranges::copy_if(text, std::back_inserter(made), is_delimiter);
    return made;
}

} // namespace

bool text_shape::is_narrow() const noexcept
{
    return !is_wide() && !characters_.within(letters | digits).empty();
}

// More characters do not make it narrow again, so what comes in which order does not matter.
bool text_shape::is_wide() const noexcept
{
    constexpr charset not_in_brackets = [] {
        charset made;
        for (const char c : {'[', ']', '\\', '^'}) {
            made.add(c);
        }
        return made;
    }();
    const charset inner = characters_.within(letters | digits);
    const charset between = characters_.within(delimiters);
    return !named.contains(characters_) || between.count() > most_kinds || !between.within(not_in_brackets).empty() ||
           (between.has(' ') && !digits.contains(inner));
}

// --- gathering -----------------------------------------------------------------------------------------------------

void text_shape::add(std::string_view text, bool is_padded)
{
    has_padded_ = has_padded_ || is_padded;
    if (text.empty()) {
        has_empty_ = true;
        return;
    }
    if (is_hopeless()) {
        return;
    }
    if (!has_texts_) {
        begin_frame(text);
        has_texts_ = true;
    }
    formats_ = formats_ == 0 ? 0 : formats_of(text, formats_);
    if (is_framed_) {
        if (add_framed(text)) {
            return;
        }
        drop_frame();
    }
    if (!is_wide()) {
        characters_.add(set_of(text));
    }
}

void text_shape::begin_frame(std::string_view text)
{
    frame_ = frame_of(text.substr(0, most_characters));
    if (frame_.size() > most_delimiters || text.size() > most_characters) {
        drop_frame();
        return;
    }
    parts_.assign(frame_.size() + 1, part{.shortest = most_characters});
    places_.assign(parts_.size() * most_places, charset{});
}

// Whether the text has the frame of the others.
bool text_shape::add_framed(std::string_view text)
{
    if (text.size() > most_characters) {
        return false;
    }
    charset seen;
    std::size_t i = 0;
    std::size_t length = 0;
    for (const char c : text) {
        const byte_facts& of = facts_of(c);
        seen.add(of.set);
        if (of.is_delimiter) {
            if (i == frame_.size() || frame_[i] != c) {
                return false;
            }
            end_part(i++, length);
            length = 0;
        } else {
            (length < most_places ? places_[i * most_places + length] : parts_[i].rest).add(of.set);
            ++length;
        }
    }
    end_part(i, length);
    characters_.add(seen);
    return i == frame_.size() && named.contains(seen);
}

void text_shape::end_part(std::size_t i, std::size_t length)
{
    parts_[i].shortest = std::min(parts_[i].shortest, static_cast<std::uint32_t>(length));
    parts_[i].longest = std::max(parts_[i].longest, static_cast<std::uint32_t>(length));
}

void text_shape::drop_frame()
{
    is_framed_ = false;
    frame_.clear();
    parts_ = std::pmr::vector<part>{parts_.get_allocator()};
    places_ = std::pmr::vector<charset>{places_.get_allocator()};
}

// --- merging -------------------------------------------------------------------------------------------------------

void text_shape::merge(const text_shape& other)
{
    has_empty_ = has_empty_ || other.has_empty_;
    has_padded_ = has_padded_ || other.has_padded_;
    if (!other.has_texts_) {
        return;
    }
    if (!has_texts_) {
        has_texts_ = true;
        is_framed_ = other.is_framed_;
        frame_ = other.frame_;
        parts_ = other.parts_;
        places_ = other.places_;
    } else if (is_framed_ && !merge_framed(other)) {
        drop_frame();
    }
    formats_ &= other.formats_;
    characters_.add(other.characters_);
}

bool text_shape::merge_framed(const text_shape& other)
{
    if (!other.is_framed_ || frame_ != other.frame_) {
        return false;
    }
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        parts_[i].shortest = std::min(parts_[i].shortest, other.parts_[i].shortest);
        parts_[i].longest = std::max(parts_[i].longest, other.parts_[i].longest);
        parts_[i].rest.add(other.parts_[i].rest);
    }
    for (std::size_t i = 0; i < places_.size(); ++i) {
        places_[i].add(other.places_[i]);
    }
    return true;
}

// --- the flat form -------------------------------------------------------------------------------------------------

void text_shape::write(byte_writer& to) const
{
    for (const bool flag : {has_texts_, has_empty_, has_padded_, is_framed_}) {
        to.value(static_cast<std::uint8_t>(flag));
    }
    to.value(formats_);
    to.value(characters_);
    to.string(frame_);
    to.values(std::span<const part>{parts_});
    to.values(std::span<const charset>{places_});
}

void text_shape::read(byte_reader& from)
{
    has_texts_ = from.flag();
    has_empty_ = from.flag();
    has_padded_ = from.flag();
    is_framed_ = from.flag();
    formats_ = from.value<std::uint8_t>();
    characters_ = from.value<charset>();
    frame_ = from.string();
    if (frame_.size() > most_delimiters || !std::ranges::all_of(frame_, is_delimiter)) {
        from.refuse("The frame of its texts is damaged.");
    }
    const std::size_t parts = has_texts_ && is_framed_ ? frame_.size() + 1 : 0;
    from.values(parts_, parts);
    from.values(places_, parts * most_places);
    const auto is_damaged = [](const part& p) { return p.shortest > p.longest || p.longest > most_characters; };
    if (std::ranges::any_of(parts_, is_damaged)) {
        from.refuse("The parts of its texts are damaged.");
    }
}

} // namespace etl::validate
