#include "extract/text_encoding.hpp"

#include "core/error.hpp"
#include "core/file_error.hpp"

#include <algorithm>
#include <string>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::size_t piece = 64 * 1024;
constexpr char no_utf8 = '\xff';

char* put_utf8(char32_t character, char* to) noexcept
{
    if (character < 0x80) {
        *to++ = static_cast<char>(character);
        return to;
    }
    const int more = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
    constexpr std::array<unsigned, 4> lead{0, 0xc0, 0xe0, 0xf0};
    *to++ = static_cast<char>(lead[static_cast<std::size_t>(more)] | character >> (6 * more));
    for (int i = more - 1; i >= 0; --i) {
        *to++ = static_cast<char>(0x80U | (character >> (6 * i) & 0x3fU));
    }
    return to;
}

// What no text begins with.
struct archive_mark {
    std::string_view begin;
    const char* what;
    const char* hint;
};

using namespace std::string_view_literals;

constexpr char unpack_hint[] = "Unpack it, and load what is in it.";
constexpr char sheet_hint[] =
    "Unpack it or, if it is a workbook of a spreadsheet (.xlsx, .ods), save the sheet as CSV.";
constexpr std::array archive_marks{
    archive_mark{"PK\x03\x04"sv, "a ZIP archive", sheet_hint},
    archive_mark{"PK\x05\x06"sv, "an empty ZIP archive", unpack_hint},
    archive_mark{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv, "a workbook or document of Microsoft Office",
                 "Save the sheet as CSV."},
    archive_mark{"\x1f\x8b\x08"sv, "compressed by gzip",
                 "Let its name end in .gz, as in 'orders.csv.gz', or decompress it before."},
    archive_mark{"\x28\xb5\x2f\xfd"sv, "compressed by zstd",
                 "Let its name end in .zst, as in 'orders.csv.zst', or decompress it before."},
    archive_mark{"BZh91AY&SY"sv, "compressed by bzip2", unpack_hint},
    archive_mark{"\xfd\x37zXZ\0"sv, "compressed by xz", unpack_hint},
    archive_mark{"7z\xbc\xaf\x27\x1c"sv, "a 7z archive", unpack_hint},
    archive_mark{"PAR1\x15"sv, "a Parquet file", "Let a program that reads it write CSV or NDJSON."},
};

} // namespace

void require_no_archive(std::string_view begin)
{
    const auto found = std::ranges::find_if(
        archive_marks, [begin](const archive_mark& mark) { return begin.starts_with(mark.begin); });
    if (found != archive_marks.end()) {
        throw error(file_sqlstate::bad_file_format, std::string{"the content is "} + found->what + ", not a text", {},
                    found->hint);
    }
}

encoding_mark encoding_mark::at_begin_of(std::string_view text) noexcept
{
    if (text.starts_with("\xef\xbb\xbf")) {
        return {std::nullopt, 3};
    }
    if (text.starts_with("\xff\xfe")) {
        return {byte_order::little, 2};
    }
    if (text.starts_with("\xfe\xff")) {
        return {byte_order::big, 2};
    }
    return {std::nullopt, 0};
}

peeked_source::peeked_source(byte_source& from) : from_{from}
{
    while (size_ < most) {
        const std::size_t count = from_.read({bytes_.data() + size_, most - size_});
        if (count == 0) {
            break;
        }
        size_ += count;
    }
}

std::size_t peeked_source::read(std::span<char> to)
{
    if (at_ == size_) {
        return from_.read(to);
    }
    const std::size_t count = std::min(to.size(), size_ - at_);
    std::copy_n(bytes_.data() + at_, count, to.data());
    at_ += count;
    return count;
}

block_source::block_source(byte_source& from) : from_{from}, in_(piece) {}

std::size_t block_source::read(std::span<char> to)
{
    while (at_ == out_.size()) {
        if (!fill()) {
            return 0;
        }
    }
    const std::size_t count = std::min(to.size(), out_.size() - at_);
    std::copy_n(out_.data() + at_, count, to.data());
    at_ += count;
    return count;
}

bool block_source::fill()
{
    if (is_last_) {
        return false;
    }
    const std::size_t count = from_.read(std::span{in_}.subspan(waiting_));
    is_last_ = count == 0;
    waiting_ += count;
    out_.clear();
    at_ = 0;
    const std::size_t used = convert({in_.data(), waiting_}, is_last_, out_);
    std::copy(in_.data() + used, in_.data() + waiting_, in_.data());
    waiting_ -= used;
    return true;
}

std::size_t utf16_source::convert(std::string_view waiting, bool is_last, std::vector<char>& to)
{
    const auto unit = [this, waiting](std::size_t at) {
        const auto first = static_cast<unsigned char>(waiting[at]);
        const auto second = static_cast<unsigned char>(waiting[at + 1]);
        return static_cast<char32_t>(order_ == byte_order::little ? second << 8U | first : first << 8U | second);
    };
    to.resize(2 * waiting.size());
    char* out = to.data();
    std::size_t at = 0;
    while (waiting.size() - at >= 4 || (is_last && waiting.size() - at >= 2)) {
        const char32_t first = unit(at);
        const bool is_half = first >= 0xd800 && first < 0xe000;
        const char32_t second = is_half && first < 0xdc00 && waiting.size() - at >= 4 ? unit(at + 2) : 0;
        const bool is_pair = second >= 0xdc00 && second < 0xe000;
        if (is_half && !is_pair) {
            *out++ = no_utf8;
        } else {
            out = put_utf8(is_pair ? 0x10000 + ((first & 0x3ffU) << 10U | (second & 0x3ffU)) : first, out);
        }
        at += is_pair ? 4 : 2;
    }
    if (is_last && at < waiting.size()) {
        *out++ = no_utf8;
        ++at;
    }
    to.resize(static_cast<std::size_t>(out - to.data()));
    return at;
}

} // namespace etl
