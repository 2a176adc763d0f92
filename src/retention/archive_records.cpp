#include "retention/archive_records.hpp"

#include "core/file_error.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::size_t first_room = 256 * 1024;

} // namespace

record_cutter::record_cutter(byte_source& from, archive_format format, std::string name, std::size_t longest)
    : from_{from}, format_{format}, name_{std::move(name)}, longest_{longest}
{
}

std::optional<std::span<char>> record_cutter::next()
{
    ++line_;
    while (!find_end()) {
        if (!fill()) {
            if (read_ > start_) {
                refuse("The file ends within it.");
            }
            --line_;
            return std::nullopt;
        }
    }
    const std::span<char> record{bytes_.get() + start_, scanned_ - start_};
    start_ = ++scanned_;
    return record;
}

void record_cutter::refuse(std::string detail) const
{
    throw error(file_sqlstate::bad_file_format,
                "line " + std::to_string(line_) + " of archive file " + in_quotes(name_) + " is wrong",
                std::move(detail));
}

// Leaves `scanned_` where the record ends, or where there are no more bytes. In CSV a line feed between quotes is part
// of a value.
bool record_cutter::find_end()
{
    while (scanned_ < read_) {
        const char* from = bytes_.get() + scanned_;
        const auto* end = static_cast<const char*>(std::memchr(from, '\n', read_ - scanned_));
        if (format_.rows == archive_format::rows_as::csv) {
            pass_quotes(end == nullptr ? bytes_.get() + read_ : end);
        }
        scanned_ = end == nullptr ? read_ : static_cast<std::size_t>(end - bytes_.get());
        if (end != nullptr && !quoted_) {
            return true;
        }
        scanned_ += end != nullptr ? 1 : 0;
    }
    return false;
}

void record_cutter::pass_quotes(const char* to)
{
    const char* at = bytes_.get() + scanned_;
    while ((at = static_cast<const char*>(std::memchr(at, '"', static_cast<std::size_t>(to - at)))) != nullptr) {
        quoted_ = !quoted_;
        ++at;
    }
}

bool record_cutter::fill()
{
    if (read_ == room_) {
        make_room();
    }
    const std::size_t count = from_.read({bytes_.get() + read_, room_ - read_});
    read_ += count;
    return count > 0;
}

void record_cutter::make_room()
{
    const std::size_t kept = read_ - start_;
    if (kept > longest_) {
        throw error(sqlstate::program_limit_exceeded,
                    "line " + std::to_string(line_) + " of archive file " + in_quotes(name_) + " is too long",
                    "It has more than " + std::to_string(longest_) + " bytes.");
    }
    if (kept > room_ / 2 || room_ == 0) {
        room_ = std::max(first_room, std::min(2 * room_, longest_ + 1));
        std::unique_ptr<char[]> larger{new char[room_]};
        std::copy_n(bytes_.get() + start_, kept, larger.get());
        bytes_ = std::move(larger);
    } else {
        std::memmove(bytes_.get(), bytes_.get() + start_, kept);
    }
    read_ = kept;
    scanned_ -= start_;
    start_ = 0;
}

} // namespace etl
