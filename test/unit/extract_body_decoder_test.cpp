// Content codings: whole, in pieces, cut at each byte, followed by more, and changed.
#include "extract/body_decoder.hpp"

#include <gtest/gtest.h>

#include <zlib.h>
#include <zstd.h>

#include <algorithm>

namespace {

using etl::body_decoder;
using outcome = body_decoder::outcome;

std::string numbers(int count)
{
    std::string text;
    for (int i = 0; i < count; ++i) {
        text += std::to_string(i * 7919) + ',';
    }
    return text;
}

std::string zipped(const std::string& text, int window)
{
    z_stream stream{};
    deflateInit2(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
    std::string made(text.size() + 1000, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(made.data());
    stream.avail_out = static_cast<uInt>(made.size());
    deflate(&stream, Z_FINISH);
    made.resize(stream.total_out);
    deflateEnd(&stream);
    return made;
}

std::string zstd(const std::string& text)
{
    std::string made(ZSTD_compressBound(text.size()), '\0');
    made.resize(ZSTD_compress(made.data(), made.size(), text.data(), text.size(), 3));
    return made;
}

// Made by libbrotlienc of numbers(40).
const std::string brotli{"\x1B\x05\x01\xF8\xC5\x1D\x6C\x9E\x86\x4A\x50\x92\x20\x17\x23\x04\x16\xF6\xF9\x60"
                         "\xCE\x07\x79\xB3\x30\x67\x07\xFE\x7C\xD0\x1B\x36\x92\xB6\x31\x76\x84\xA5\x96\xD8"
                         "\xE7\x17\x6E\x59\x8F\x4F\xE9\xC0\xD2\xF7\x82\xAC\x9B\x01\x79\x7B\x01\x35\x5B\x0D"
                         "\xBA\x47\x06\x5B\x69\x81\xA9\x1E\x82\x39\x5F\x81\x33\xFA\x07\xB7\xC5\x03\x4F\xF4"
                         "\x82\x5F\x95\x01\x7F\x7F\x03\x55\xEE\x1B\xA2\x8F\x86\xC4\xB5\x20\xFD\x84\x90\x37"
                         "\x5B\x50\xA7\xEF\xA1\xB8\xEB\xA0\xA1\xB5\xD0\xBC\x7A\xA0\x5D\x4E\xA0\x4B\x5D\x43"
                         "\xEF\x2A\xC3\x55\x2F\xC1\x75\x08",
                         128};

// The text, and how it ended: "text", "text…" where it was cut, "wrong".
std::string decoded(const char* coding, std::string_view bytes, std::size_t piece = std::string::npos)
{
    const auto decoder = body_decoder::make(coding);
    std::string text;
    while (!bytes.empty()) {
        const auto result = decoder->decode(bytes.substr(0, piece), [&text](std::string_view more) {
            text += more;
            return true;
        });
        if (result == outcome::wrong) {
            return "wrong";
        }
        bytes.remove_prefix(std::min(piece, bytes.size()));
    }
    return text + (decoder->is_complete() ? "" : "…");
}

struct sample {
    const char* coding;
    std::string bytes;
    std::string text;
};

std::vector<sample> samples(int count)
{
    const std::string text = numbers(count);
    return {{"gzip", zipped(text, 15 + 16), text},
            {"X-Gzip", zipped(text, 15 + 16), text},
            {"deflate", zipped(text, 15), text},
            {"zstd", zstd(text), text},
            {"BR", brotli, numbers(40)}};
}

TEST(BodyDecoder, InPieces)
{
    for (const auto& [coding, bytes, text] : samples(100'000)) {
        for (const std::size_t piece : {std::size_t{7}, std::size_t{4096}, std::string::npos}) {
            EXPECT_TRUE(decoded(coding, bytes, piece) == text) << coding << ' ' << piece;
        }
    }
    for (const auto& [coding, bytes, text] : samples(100)) {
        EXPECT_EQ(decoded(coding, bytes, 1), text) << coding;
    }
}

TEST(BodyDecoder, CutAtEachByte)
{
    for (const auto& [coding, bytes, text] : samples(100)) {
        for (std::size_t size = 1; size < bytes.size(); ++size) {
            const std::string got = decoded(coding, std::string_view{bytes}.substr(0, size));
            ASSERT_TRUE(got.ends_with("…")) << coding << " cut to " << size;
            ASSERT_TRUE(text.starts_with(got.substr(0, got.size() - 3)));
        }
    }
}

TEST(BodyDecoder, MoreBehindTheEnd)
{
    for (const auto& [coding, bytes, text] : samples(10)) {
        const bool is_brotli = std::string_view{coding} == "BR"; // which has one part only
        EXPECT_EQ(decoded(coding, bytes + bytes), is_brotli ? "wrong" : text + text) << coding;
        EXPECT_EQ(decoded(coding, bytes + "garbage, and more of it"), "wrong") << coding;
        EXPECT_TRUE(decoded(coding, bytes + bytes.substr(0, 5)).ends_with("…") || is_brotli) << coding;
    }
}

TEST(BodyDecoder, Changed)
{
    for (const auto& [coding, bytes, text] : samples(1000)) {
        int found = 0;
        for (std::size_t at = 0; at < bytes.size(); ++at) {
            std::string changed = bytes;
            changed[at] = static_cast<char>(changed[at] ^ 0x10);
            found += decoded(coding, changed) != text ? 1 : 0;
        }
        EXPECT_GT(found * 2, static_cast<int>(bytes.size())) << coding;
    }
    EXPECT_EQ(decoded("gzip", "hello, this is no gzip"), "wrong");
    EXPECT_EQ(decoded("zstd", "hello, this is no zstd"), "wrong");
}

// What it grows to is known while it grows: megabytes of zeros, refused after a megabyte.
TEST(BodyDecoder, Refused)
{
    const auto stop_at = [](const char* coding, const std::string& bytes) {
        const auto decoder = body_decoder::make(coding);
        std::size_t size = 0;
        const auto result = decoder->decode(bytes, [&size](std::string_view more) {
            size += more.size();
            return size < (1U << 20U);
        });
        EXPECT_EQ(result, outcome::refused);
        return size;
    };
    const std::string zeros(std::size_t{1} << 24U, '\0');
    EXPECT_LT(stop_at("zstd", zstd(zeros)), (1U << 20U) + (64U << 10U));
    EXPECT_LT(stop_at("deflate", zipped(zeros, 15)), (1U << 20U) + (64U << 10U));
}

TEST(BodyDecoder, LargeWindows)
{
    std::string bytes(ZSTD_compressBound(1 << 26U), '\0');
    const std::string zeros(std::size_t{1} << 26U, '\0');
    ZSTD_CCtx* context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 27);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    bytes.resize(ZSTD_compress2(context, bytes.data(), bytes.size(), zeros.data(), zeros.size()));
    ZSTD_freeCCtx(context);
    EXPECT_EQ(decoded("zstd", bytes), "wrong") << "RFC 9659 allows 8 MB";
}

TEST(BodyDecoder, OtherFormatsOfZstd)
{
    const std::string good = zstd("hello");
    const std::string skipped{"\x5A\x2A\x4D\x18\x03\0\0\0abc", 11};
    EXPECT_EQ(decoded("zstd", skipped + good + skipped + good, 3), "hellohello");
    for (const char version : {'\x22', '\x23', '\x24', '\x25', '\x26', '\x27'}) {
        EXPECT_EQ(decoded("zstd", version + good.substr(1)), "wrong") << "of an old library";
    }
}

TEST(BodyDecoder, Codings)
{
    for (const char* coding : {"", "identity", "compress", "rot13", "gzip, br", "gzi"}) {
        EXPECT_EQ(body_decoder::make(coding), nullptr) << coding;
    }
}

} // namespace
