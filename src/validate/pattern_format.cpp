#include "validate/pattern_format.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

// Takes what stands at the front of a text; each function leaves the text behind what it took.
class scanner {
  public:
    explicit scanner(std::string_view text) : rest_{text} {}

    bool at_end() const noexcept { return rest_.empty(); }

    bool take(char c) noexcept
    {
        const bool found = rest_.starts_with(c);
        rest_.remove_prefix(found ? 1 : 0);
        return found;
    }
    bool take_any(std::string_view chars) noexcept
    {
        const bool found = !rest_.empty() && chars.find(rest_.front()) != std::string_view::npos;
        rest_.remove_prefix(found ? 1 : 0);
        return found;
    }
    // At least so many digits, and at most so many.
    bool take_digits(std::size_t least, std::size_t most) noexcept
    {
        std::size_t taken = 0;
        while (taken < most && take_any("0123456789")) {
            ++taken;
        }
        return taken >= least;
    }

  private:
    std::string_view rest_;
};

constexpr std::size_t any_number = static_cast<std::size_t>(-1);

bool is_email(std::string_view text) noexcept
{
    const std::size_t at = text.find('@');
    if (at == 0 || at == std::string_view::npos || text.find(' ') != std::string_view::npos) {
        return false;
    }
    const std::string_view domain = text.substr(at + 1);
    return domain.size() >= 3 && domain.find('@') == std::string_view::npos &&
           domain.substr(1, domain.size() - 2).find('.') != std::string_view::npos;
}

bool is_url(std::string_view text) noexcept
{
    const std::size_t scheme = text.starts_with("http://") ? 7 : text.starts_with("https://") ? 8 : 0;
    return scheme > 0 && text.size() > scheme && text.find(' ') == std::string_view::npos;
}

bool is_ipv4(std::string_view text) noexcept
{
    scanner in{text};
    for (int i = 0; i < 4; ++i) {
        if ((i > 0 && !in.take('.')) || !in.take_digits(1, 3)) {
            return false;
        }
    }
    return in.at_end();
}

bool take_day(scanner& in) noexcept
{
    return in.take_digits(4, 4) && in.take('-') && in.take_digits(2, 2) && in.take('-') && in.take_digits(2, 2);
}

bool take_time(scanner& in) noexcept
{
    if (!(in.take_digits(2, 2) && in.take(':') && in.take_digits(2, 2))) {
        return false;
    }
    return !in.take(':') || (in.take_digits(2, 2) && (!in.take_any(".,") || in.take_digits(1, any_number)));
}

bool take_zone(scanner& in) noexcept
{
    if (in.take('Z') || !in.take_any("+-")) {
        return true;
    }
    return in.take_digits(2, 2) && (in.take(':') ? in.take_digits(2, 2) : in.at_end() || in.take_digits(2, 2));
}

bool is_moment(std::string_view text) noexcept
{
    scanner in{text};
    return take_day(in) && in.take_any("T ") && take_time(in) && take_zone(in) && in.at_end();
}

bool is_number(std::string_view text) noexcept
{
    scanner in{text};
    in.take('-');
    return in.take_digits(1, any_number) && (!in.take('.') || in.take_digits(1, any_number)) && in.at_end();
}

struct known {
    std::uint8_t bit;
    bool (*is)(std::string_view) noexcept;
    const char* regex;
};

constexpr std::array formats{
    known{format::email, is_email, "[^@ ]+@[^@ ]+\\.[^@ ]+"},
    known{format::url, is_url, "https?://[^ ]+"},
    known{format::ipv4, is_ipv4, "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}"},
    known{format::moment, is_moment,
          "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?"},
    known{format::number, is_number, "-?[0-9]+(\\.[0-9]+)?"},
};

} // namespace

std::uint8_t formats_of(std::string_view text, std::uint8_t possible) noexcept
{
    std::uint8_t found = 0;
    for (const known& one : formats) {
        if ((possible & one.bit) != 0 && one.is(text)) {
            found |= one.bit;
        }
    }
    return found;
}

const char* regex_of(std::uint8_t format) noexcept
{
    return std::ranges::find(formats, format, &known::bit)->regex;
}

} // namespace etl::validate
