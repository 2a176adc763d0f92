// Simple patterns without a regular expression engine: ^0x[0-9a-f]{40}$ over a text of 42 bytes takes some 10 ns, where
// RE2 takes 85 and PostgreSQL's engine 1,500.
//
// A pattern is simple when reading it from left to right, each part taking as much as it can, finds a match if there is
// one: characters and sets of them between ^ and $, with fixed counts anywhere, and with other counts only where
// nothing that the set holds can begin the rest. Patterns without ^ are simple when they are plain texts. All others
// are left to RE2.
//
// The parts are matched by bytes. A character beyond ASCII is several, so it may stand for itself but not be counted,
// and a set that holds such characters ('.', [^a]) may be repeated (* and +) but not counted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace etl::validate {

struct regex_syntax;

class class_matcher {
  public:
    // Nothing where the pattern is not simple.
    static std::optional<class_matcher> compile(std::string_view pattern);
    static std::optional<class_matcher> compile(const regex_syntax& syntax);

    bool matches(std::string_view text) const noexcept;

  private:
    friend class class_compiler;

    using byte_set = std::array<std::uint8_t, 256>; // 1 for each byte of the set, else 0

    struct part {
        enum class kind : std::uint8_t {
            literal, // these bytes
            exact,   // `least` bytes of the set
            run,     // as many as there are, `least` to `most`
            rest,    // so many to the end of the text
        };
        kind is;
        const byte_set* set = nullptr;
        std::size_t least = 0;
        std::size_t most = 0;
        std::string literal{};
    };

    bool finds_literal(std::string_view text) const noexcept;

    std::vector<part> parts_;
    std::vector<std::shared_ptr<const byte_set>> sets_;
    bool begins_ = false; // with ^
    bool ends_ = false;   // with $
    std::size_t shortest_ = 0;
    std::size_t longest_ = 0;
};

} // namespace etl::validate
