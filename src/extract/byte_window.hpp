// The part of a stream that is being looked at: contiguous, and only as long as what is not used up yet.
#pragma once

#include "core/byte_stream.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace etl {

class byte_window {
  public:
    static constexpr std::size_t padding = 64; // bytes behind the end that may be read, whatever stands there

    // It is made longer only to hold what is not used up, and never by more than a buffer beyond `most`.
    byte_window(byte_source& from, std::size_t buffer, std::size_t most) : from_{from}, buffer_{buffer}, most_{most} {}

    const char* begin() const noexcept { return at_; }
    const char* end() const noexcept { return end_; }
    std::size_t size() const noexcept { return static_cast<std::size_t>(end_ - at_); }
    std::string_view text() const noexcept { return {at_, size()}; }

    // Nothing follows the end.
    bool is_last() const noexcept { return is_last_; }

    // Uses up what stands before a place.
    void pass(const char* to) noexcept { at_ = to; }

    // Reads on until there is no room: of twice the size, where what is left has taken more than a half. So whatever
    // pieces the source gives, what is long is looked at as often as it doubles the room. Moves what is left.
    void fill()
    {
        const std::size_t kept = size();
        const std::size_t room = std::max(buffer_, std::min(2 * kept, most_ + buffer_)) + padding;
        if (room > bytes_.size()) {
            std::vector<char> larger(room);
            std::copy(at_, end_, larger.begin());
            bytes_ = std::move(larger);
        } else {
            std::copy(at_, end_, bytes_.begin());
        }
        char* to = bytes_.data() + kept;
        char* const stop = bytes_.data() + bytes_.size() - padding;
        while (to < stop && !is_last_) {
            const std::size_t count = from_.read({to, static_cast<std::size_t>(stop - to)});
            is_last_ = count == 0;
            to += count;
        }
        at_ = bytes_.data();
        end_ = to;
    }

  private:
    byte_source& from_;
    std::size_t buffer_;
    std::size_t most_;
    std::vector<char> bytes_;
    const char* at_ = nullptr;
    const char* end_ = nullptr;
    bool is_last_ = false;
};

} // namespace etl
