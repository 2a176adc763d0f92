#include "validate/pattern_guess.hpp"

#include "validate/pattern_format.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr std::uint64_t least_to_guess = 2; // different texts
constexpr std::uint64_t least_for_constants = 10;
constexpr int most_runs = 3;  // of one class each in a part; more are noise
constexpr int enough_hex = 4; // different letters and digits that tell hexadecimal numbers

// --- classes of characters -----------------------------------------------------------------------------------------

struct char_class {
    const char* inner; // of a bracket expression
    charset set;
};

constexpr charset lower_hex = digits | charset::range('a', 'f');
constexpr charset upper_hex = digits | charset::range('A', 'F');

// The first that holds all characters is taken.
constexpr std::array classes{
    char_class{"0-9", digits},
    char_class{"a-z", lower_letters},
    char_class{"A-Z", upper_letters},
    char_class{"A-Za-z", letters},
    char_class{"0-9a-z", digits | lower_letters},
    char_class{"0-9A-Z", digits | upper_letters},
    char_class{"0-9A-Za-z", digits | letters},
};

constexpr std::array hex_classes{
    char_class{"0-9a-f", lower_hex},
    char_class{"0-9A-F", upper_hex},
    char_class{"0-9A-Fa-f", lower_hex | upper_hex},
};

template <std::size_t size>
const char_class* first_with(const std::array<char_class, size>& from, const charset& set)
{
    const auto found = std::ranges::find_if(from, [&set](const char_class& c) { return c.set.contains(set); });
    return found == from.end() ? nullptr : &*found;
}

// The class of hexadecimal digits, where characters that vary look like such.
const char_class* hex_of(const charset& varying)
{
    const charset seen = varying.within(letters);
    const char_class* found = first_with(hex_classes, varying);
    const bool is_hex = found != nullptr && seen.count() >= enough_hex && varying.within(digits).count() >= enough_hex;
    return is_hex ? found : nullptr;
}

// --- parts of a frame ----------------------------------------------------------------------------------------------

// Some characters of one set, or one and the same.
struct atom {
    charset set;
    std::uint32_t least = 1;
    bool is_open = false; // there may be more
    bool is_constant = false;
};

using atoms = std::vector<atom>;

charset set_of(const atoms& of)
{
    charset made;
    for (const atom& a : of) {
        made.add(a.set);
    }
    return made;
}

// The 0x before hexadecimal numbers is a constant however few they are.
bool is_hex_prefix(std::span<const charset> places, std::uint32_t shortest)
{
    return shortest > 2 && places[0] == charset::range('0', '0') &&
           (places[1] == charset::range('x', 'x') || places[1] == charset::range('X', 'X'));
}

atoms atoms_of(const text_shape& shape, std::size_t i, bool with_constants)
{
    const text_shape::part& part = shape.parts()[i];
    const auto places = shape.places(i);
    const std::size_t prefix = is_hex_prefix(places, part.shortest) ? 2 : 0;
    const auto fixed = std::min<std::size_t>(part.shortest, places.size());
    atoms made;
    for (std::size_t at = 0; at < fixed; ++at) {
        const bool is_constant = places[at].count() == 1 && (with_constants || at < prefix);
        made.push_back({.set = places[at], .is_constant = is_constant});
    }
    if (part.longest > fixed) {
        atom rest{.set = part.rest, .least = part.shortest - static_cast<std::uint32_t>(fixed)};
        rest.is_open = part.longest > part.shortest;
        for (const charset& set : places.subspan(fixed)) {
            rest.set.add(set);
        }
        made.push_back(rest);
    }
    return made;
}

// What turns sets into classes.
struct naming {
    const char_class* hex = nullptr;

    const char_class* of(const charset& set, const charset& part) const
    {
        const bool mixes = !part.within(letters).empty();
        return hex != nullptr && mixes && hex->set.contains(set) ? hex : first_with(classes, set);
    }
};

void widen(atoms& of, const naming& names)
{
    charset varying;
    for (const atom& a : of) {
        varying.add(a.is_constant ? charset{} : a.set);
    }
    for (atom& a : of) {
        const char_class* named = a.is_constant ? nullptr : names.of(a.set, varying);
        a.set = named == nullptr ? a.set : named->set;
    }
}

// A constant digit in a number, or a constant letter in a word, is one of its characters like the others.
void absorb_constants(atoms& of)
{
    const bool is_number = digits.contains(set_of(of));
    auto absorbs = [](const atom& by, const atom& a) { return !by.is_constant && by.set.contains(a.set); };
    for (bool changed = true; changed;) {
        changed = false;
        for (std::size_t i = 0; i < of.size(); ++i) {
            if (!of[i].is_constant) {
                continue;
            }
            const atom* by = i > 0 && absorbs(of[i - 1], of[i])               ? &of[i - 1]
                             : i + 1 < of.size() && absorbs(of[i + 1], of[i]) ? &of[i + 1]
                                                                              : nullptr;
            if (by != nullptr || is_number) {
                of[i].is_constant = false;
                of[i].set = by != nullptr ? by->set : digits;
                changed = true;
            }
        }
    }
}

void append_joined(atoms& to, const atom& next)
{
    if (!to.empty() && !to.back().is_constant && !next.is_constant && to.back().set == next.set) {
        to.back().least += next.least;
        to.back().is_open = to.back().is_open || next.is_open;
    } else {
        to.push_back(next);
    }
}

// Neighbours of one class become one run; too many runs become one of the class of all.
atoms runs_of(const atoms& from, const naming& names)
{
    atoms made;
    for (const atom& a : from) {
        append_joined(made, a);
    }
    const auto is_run = [](const atom& a) { return !a.is_constant; };
    if (std::ranges::count_if(made, is_run) <= most_runs) {
        return made;
    }
    const auto first = std::ranges::find_if(made, is_run);
    atom all{.set = {}, .least = 0};
    for (auto at = first; at != made.end(); ++at) {
        all.set.add(at->set);
        all.least += at->least;
        all.is_open = all.is_open || at->is_open;
    }
    const char_class* named = names.of(all.set, all.set);
    all.set = named == nullptr ? all.set : named->set;
    made.erase(first, made.end());
    made.push_back(all);
    return made;
}

// --- as a regular expression ---------------------------------------------------------------------------------------

void append_literal(std::string& to, char c)
{
    constexpr std::string_view special = ".^$*+?()[]{}|\\";
    to += special.find(c) != std::string_view::npos ? "\\" : "";
    to += c;
}

bool append_run(std::string& to, const atom& run, const naming& names)
{
    const char_class* named = names.of(run.set, run.set);
    if (named == nullptr) {
        return false;
    }
    to += '[';
    to += named->inner;
    to += ']';
    if (run.is_open) {
        to += run.least == 0 ? '*' : '+';
    } else if (run.least != 1) {
        to += '{' + std::to_string(run.least) + '}';
    }
    return true;
}

bool append_part(std::string& to, atoms of, const naming& names)
{
    widen(of, names);
    absorb_constants(of);
    for (const atom& a : runs_of(of, names)) {
        if (a.is_constant) {
            append_literal(to, a.set.only());
        } else if (!append_run(to, a, names)) {
            return false;
        }
    }
    return true;
}

std::string framed_pattern(const text_shape& shape, bool with_constants)
{
    std::vector<atoms> parts;
    charset varying;
    for (std::size_t i = 0; i < shape.parts().size(); ++i) {
        parts.push_back(atoms_of(shape, i, with_constants));
        for (const atom& a : parts.back()) {
            varying.add(a.is_constant ? charset{} : a.set);
        }
    }
    const naming names{hex_of(varying)};
    std::string made;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (!append_part(made, std::move(parts[i]), names)) {
            return {};
        }
        if (i < shape.frame().size()) {
            append_literal(made, shape.frame()[i]);
        }
    }
    return made;
}

// One class of all characters, the hyphen last, where it means itself.
std::string unframed_pattern(const text_shape& shape)
{
    const charset inner = shape.characters().within(letters | digits);
    const charset between = shape.characters().within(delimiters);
    const char_class* hex = hex_of(inner);
    std::string made{"["};
    made += hex != nullptr ? hex->inner : first_with(classes, inner)->inner;
    for (char c = ' '; c < '\x7f'; ++c) {
        made += c != '-' && between.has(c) ? std::string{c} : std::string{};
    }
    made += between.has('-') ? "-" : "";
    return made + "]+";
}

std::optional<std::string> common_format(const text_shape& shape, std::initializer_list<std::uint8_t> formats)
{
    for (const std::uint8_t format : formats) {
        if ((shape.formats() & format) != 0) {
            return regex_of(format);
        }
    }
    return std::nullopt;
}

std::string body_of(const text_shape& shape, std::uint64_t distinct)
{
    if (const auto found = common_format(shape, {format::email, format::url, format::ipv4})) {
        return *found;
    }
    if (shape.is_framed()) {
        return framed_pattern(shape, distinct >= least_for_constants);
    }
    if (const auto found = common_format(shape, {format::moment, format::number})) {
        return *found;
    }
    return shape.is_narrow() ? unframed_pattern(shape) : std::string{};
}

} // namespace

std::string guess_pattern(const text_shape& shape, std::uint64_t distinct)
{
    if (!shape.has_texts() || distinct < least_to_guess) {
        return {};
    }
    std::string body = body_of(shape, distinct);
    if (body.empty()) {
        return {};
    }
    body = shape.has_empty() ? '(' + body + ")?" : body;
    return '^' + body + (shape.has_padded() ? " *$" : "$");
}

} // namespace etl::validate
