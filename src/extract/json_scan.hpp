// A strict reader of JSON (RFC 8259) that copies nothing and makes nothing: it passes over a text, and says where what
// it passed by stands. It has no memory beside the text, which may be a page of any size, and numbers stay as they are
// written, however long they are.
//
// What it does not look at: whether the text is UTF-8 (the caller has that checked for the whole of it), and which
// characters the escapes of a string stand for (\u0000 and halves of surrogate pairs are for those who read the string).
#pragma once

#include "core/error.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace etl {

struct scan_limits {
    int depth = 256;
    std::size_t field = std::size_t{64} << 20U; // bytes of one string or number
};

enum class json_kind { object, array, string, number, boolean, null };

class json_scanner {
  public:
    json_scanner(std::string_view text, scan_limits limits, poll_fn poll)
        : text_{text.data()}, at_{text.data()}, end_{text.data() + text.size()}, limits_{limits}, poll_{poll}
    {
    }

    // Passes over blanks, and says whether nothing follows.
    bool at_end() noexcept;
    // What begins behind the blanks. Throws where no value can.
    json_kind next();
    // Passes over a whole value. Returns its text.
    std::string_view value();
    // Passes over an array or an object. For each element, or each member with the text of its key (in quotes, as it is
    // escaped), calls `each`, which must pass over the value.
    template <class Each>
    void elements(Each&& each)
    {
        open('[');
        for (bool more = !close(']'); more; more = continues(']')) {
            each();
        }
        --depth_;
    }
    template <class Each>
    void members(Each&& each)
    {
        open('{');
        for (bool more = !close('}'); more; more = continues('}')) {
            each(key());
        }
        --depth_;
    }
    std::size_t position() const noexcept { return static_cast<std::size_t>(at_ - text_); }
    // Throws that something else stands here than what may, or that the text ends.
    [[noreturn]] void fail(const char* expected) const;

  private:
    void skip_blanks() noexcept
    {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) {
            ++at_;
        }
    }
    void open(char bracket);
    bool close(char bracket) noexcept;
    bool continues(char bracket);
    std::string_view key();
    void pass_value();
    void pass_string();
    void pass_escape();
    void pass_number();
    void pass_digits();
    void pass_word(std::string_view word);
    void check_field(const char* from) const;

    const char* text_;
    const char* at_;
    const char* end_;
    scan_limits limits_;
    poller poll_;
    int depth_ = 0;
};

} // namespace etl
