#include "validate/pattern_shape.hpp"

#include "validate/pattern_format.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr charset named = letters | digits | delimiters;
constexpr int most_kinds = 3; // of delimiters in a pattern of all characters

bool is_delimiter(char c) noexcept
{
    return delimiters.has(c);
}

charset set_of(std::string_view text) noexcept
{
    charset made;
    for (const char c : text) {
        made.add(c);
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
    constexpr charset not_in_brackets = [] {
        charset made;
        for (const char c : {'[', ']', '\\', '^'}) {
            made.add(c);
        }
        return made;
    }();
    const charset inner = characters_.within(letters | digits);
    const charset between = characters_.within(delimiters);
    return named.contains(characters_) && !inner.empty() && between.count() <= most_kinds &&
           between.within(not_in_brackets).empty() && (!between.has(' ') || digits.contains(inner));
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
    formats_ = formats_of(text, formats_);
    characters_.add(set_of(text));
    if (is_framed_ && !(named.contains(characters_) && add_framed(text))) {
        drop_frame();
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
    for (std::size_t i = 0; i < frame_.size(); ++i) {
        const auto* const end = std::find_if(text.begin(), text.end(), is_delimiter);
        const auto length = static_cast<std::size_t>(end - text.begin());
        if (end == text.end() || *end != frame_[i]) {
            return false;
        }
        add_part(i, text.substr(0, length));
        text.remove_prefix(length + 1);
    }
    add_part(frame_.size(), text);
    return std::ranges::none_of(text, is_delimiter);
}

void text_shape::add_part(std::size_t i, std::string_view text)
{
    part& to = parts_[i];
    const auto length = static_cast<std::uint32_t>(text.size());
    to.shortest = std::min(to.shortest, length);
    to.longest = std::max(to.longest, length);
    charset* places = &places_[i * most_places];
    for (const char c : text.substr(0, most_places)) {
        places++->add(c);
    }
    if (text.size() > most_places) {
        to.rest.add(set_of(text.substr(most_places)));
    }
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
