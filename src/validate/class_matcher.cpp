#include "validate/class_matcher.hpp"

#include "validate/regex_syntax.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

constexpr std::size_t no_limit = static_cast<std::size_t>(-1);

// Four independent chains, so that loads need not wait for each other.
bool all_in(const std::array<std::uint8_t, 256>& set, const char* at, std::size_t size) noexcept
{
    const auto* const bytes = reinterpret_cast<const unsigned char*>(at);
    unsigned a = 1;
    unsigned b = 1;
    unsigned c = 1;
    unsigned d = 1;
    std::size_t i = 0;
    for (; i + 4 <= size; i += 4) {
        a &= set[bytes[i]];
        b &= set[bytes[i + 1]];
        c &= set[bytes[i + 2]];
        d &= set[bytes[i + 3]];
    }
    for (; i < size; ++i) {
        a &= set[bytes[i]];
    }
    return (a & b & c & d) != 0;
}

std::size_t run_length(const std::array<std::uint8_t, 256>& set, const char* at, std::size_t limit) noexcept
{
    std::size_t i = 0;
    while (i < limit && set[static_cast<unsigned char>(at[i])] != 0) {
        ++i;
    }
    return i;
}

// Literals are short: a call of memcmp would cost more than its comparison.
bool starts_with(const char* at, const std::string& literal) noexcept
{
    unsigned difference = 0;
    for (std::size_t i = 0; i < literal.size(); ++i) {
        difference |= static_cast<unsigned char>(at[i]) ^ static_cast<unsigned char>(literal[i]);
    }
    return difference == 0;
}

bool intersect(const std::array<std::uint8_t, 256>& a, const std::array<std::uint8_t, 256>& b) noexcept
{
    unsigned common = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        common |= a[i] & b[i];
    }
    return common != 0;
}

bool holds_only_ascii(const regex_token& token) noexcept
{
    return std::ranges::all_of(token.ranges, [](const code_range& range) { return range.high < 0x80; });
}

} // namespace

// Makes the parts out of the tokens. Each step answers whether the pattern is still simple.
class class_compiler {
  public:
    explicit class_compiler(const regex_syntax& syntax) : tokens_{syntax.tokens}, only_ascii_{syntax.only_for_ascii} {}

    bool compile_all()
    {
        made_.begins_ = take_if(kind::begin);
        while (!tokens_.empty() && tokens_.front().is == kind::character) {
            if (!add_part()) {
                return false;
            }
        }
        made_.ends_ = take_if(kind::end);
        return tokens_.empty() && (made_.begins_ || is_plain_text()) && simplify_end() && is_deterministic();
    }

    class_matcher take_matcher()
    {
        for (const part& each : parts()) {
            made_.shortest_ += each.is == part::kind::literal ? each.literal.size() : each.least;
            const std::size_t most = each.is == part::kind::literal ? each.literal.size() : each.most;
            made_.longest_ = made_.longest_ == no_limit || most == no_limit ? no_limit : made_.longest_ + most;
        }
        if (!made_.ends_ || !made_.begins_) {
            made_.longest_ = no_limit;
        }
        return std::move(made_);
    }

  private:
    using kind = regex_token::kind;
    using part = class_matcher::part;
    using byte_set = class_matcher::byte_set;

    std::vector<part>& parts() noexcept { return made_.parts_; }

    bool take_if(kind wanted)
    {
        if (tokens_.empty() || tokens_.front().is != wanted) {
            return false;
        }
        tokens_ = tokens_.subspan(1);
        return true;
    }

    bool add_part()
    {
        const regex_token& token = tokens_.front();
        tokens_ = tokens_.subspan(1);
        if (tokens_.empty() || tokens_.front().is != kind::quantifier) {
            return token.is_single() ? add_literal(token.ranges[0].low) : add_counted(token, 1, 1);
        }
        const regex_token& quantifier = tokens_.front();
        tokens_ = tokens_.subspan(1);
        const bool open = quantifier.most == regex_token::no_limit;
        return add_counted(token, quantifier.least, open ? no_limit : quantifier.most);
    }

    bool add_literal(char32_t character)
    {
        if (parts().empty() || parts().back().is != part::kind::literal) {
            parts().push_back({.is = part::kind::literal});
        }
        append_utf8(parts().back().literal, character);
        return true;
    }

    bool add_counted(const regex_token& token, std::size_t least, std::size_t most)
    {
        const bool counts_bytes = only_ascii_ || !token.negated || (least <= 1 && most == no_limit);
        if (!holds_only_ascii(token) || !counts_bytes) {
            return false;
        }
        if (most > 0) {
            const auto is = least == most ? part::kind::exact : part::kind::run;
            parts().push_back({.is = is, .set = keep_set(token), .least = least, .most = most});
        }
        return true;
    }

    const byte_set* keep_set(const regex_token& token)
    {
        byte_set set{};
        set.fill(token.negated ? 1 : 0);
        for (const code_range& range : token.ranges) {
            std::fill(set.begin() + range.low, set.begin() + range.high + 1, token.negated ? 0 : 1);
        }
        for (const auto& kept : made_.sets_) {
            if (*kept == set) {
                return kept.get();
            }
        }
        made_.sets_.push_back(std::make_shared<const byte_set>(set));
        return made_.sets_.back().get();
    }

    bool is_plain_text() const
    {
        return std::ranges::all_of(made_.parts_, [](const part& each) { return each.is == part::kind::literal; });
    }

    // Without $ the last part need not take more than the least; with it, it takes all that is left.
    bool simplify_end()
    {
        if (made_.ends_) {
            if (!parts().empty() && parts().back().is == part::kind::run) {
                parts().back().is = part::kind::rest;
            }
            return true;
        }
        while (!parts().empty() && parts().back().is == part::kind::run) {
            part& last = parts().back();
            if (last.least > 0) {
                last.is = part::kind::exact;
                last.most = last.least;
                break;
            }
            parts().pop_back();
        }
        return true;
    }

    // Whether no part can begin with a byte that a run before it may take.
    bool is_deterministic() const
    {
        for (auto at = made_.parts_.begin(); at != made_.parts_.end(); ++at) {
            if (at->is == part::kind::run && !ends_before_rest(*at->set, at + 1)) {
                return false;
            }
        }
        return true;
    }

    bool ends_before_rest(const byte_set& set, std::vector<part>::const_iterator next) const
    {
        for (; next != made_.parts_.end(); ++next) {
            if (next->is == part::kind::literal) {
                return set[static_cast<unsigned char>(next->literal[0])] == 0;
            }
            if (intersect(set, *next->set)) {
                return false;
            }
            if (next->least > 0) {
                return true;
            }
        }
        return true;
    }

    std::span<const regex_token> tokens_;
    bool only_ascii_;
    class_matcher made_;
};

std::optional<class_matcher> class_matcher::compile(std::string_view pattern)
{
    const auto syntax = read_regex(pattern);
    return syntax ? compile(*syntax) : std::nullopt;
}

std::optional<class_matcher> class_matcher::compile(const regex_syntax& syntax)
{
    class_compiler compiler{syntax};
    if (syntax.folds_case || !compiler.compile_all()) {
        return std::nullopt;
    }
    return compiler.take_matcher();
}

bool class_matcher::matches(std::string_view text) const noexcept
{
    if (text.size() < shortest_ || text.size() > longest_) {
        return false;
    }
    if (!begins_) {
        return finds_literal(text);
    }
    const char* at = text.data();
    const char* const end = at + text.size();
    for (const part& each : parts_) {
        const auto left = static_cast<std::size_t>(end - at);
        switch (each.is) {
        case part::kind::literal:
            if (left < each.literal.size() || !starts_with(at, each.literal)) {
                return false;
            }
            at += each.literal.size();
            break;
        case part::kind::exact:
            if (left < each.least || !all_in(*each.set, at, each.least)) {
                return false;
            }
            at += each.least;
            break;
        case part::kind::run: {
            const std::size_t taken = run_length(*each.set, at, std::min(left, each.most));
            if (taken < each.least) {
                return false;
            }
            at += taken;
            break;
        }
        case part::kind::rest:
            return left >= each.least && left <= each.most && all_in(*each.set, at, left);
        }
    }
    return !ends_ || at == end;
}

bool class_matcher::finds_literal(std::string_view text) const noexcept
{
    if (parts_.empty()) {
        return true;
    }
    const std::string& literal = parts_[0].literal;
    return ends_ ? text.ends_with(literal)
                 : ::memmem(text.data(), text.size(), literal.data(), literal.size()) != nullptr;
}

} // namespace etl::validate
