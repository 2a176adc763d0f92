#include "extract/body_decoder.hpp"

#include "extract/http_types.hpp"

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <new>

#include "core/cpp_only.hpp"

namespace etl {

namespace {

// Of gzip and of zlib (which HTTP calls deflate), told apart by their first bytes.
class zlib_decoder final : public body_decoder {
  public:
    zlib_decoder()
    {
        constexpr int largest_window_of_both = 15 + 32;
        if (inflateInit2(&stream_, largest_window_of_both) != Z_OK) {
            throw std::bad_alloc{};
        }
    }
    ~zlib_decoder() override { inflateEnd(&stream_); }
    zlib_decoder(const zlib_decoder&) = delete;
    zlib_decoder& operator=(const zlib_decoder&) = delete;

  private:
    progress step(std::string_view bytes, std::span<char> to) override
    {
        constexpr std::size_t most = std::size_t{1} << 30U; // zlib counts in 32 bits, and does not change what it reads
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
        stream_.avail_in = static_cast<uInt>(std::min(bytes.size(), most));
        stream_.next_out = reinterpret_cast<Bytef*>(to.data());
        stream_.avail_out = static_cast<uInt>(to.size());
        const uInt given = stream_.avail_in;
        const int result = inflate(&stream_, Z_NO_FLUSH);
        if (result == Z_MEM_ERROR) {
            throw std::bad_alloc{};
        }
        return {given - stream_.avail_in, to.size() - stream_.avail_out,
                result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR, result == Z_STREAM_END};
    }

    bool restart() override { return inflateReset(&stream_) == Z_OK; }

    z_stream stream_ = {};
};

class zstd_decoder final : public body_decoder {
  public:
    zstd_decoder() : context_{ZSTD_createDCtx(), ZSTD_freeDCtx}
    {
        constexpr int largest_window = 23; // 8 MB: RFC 9659
        if (!context_ ||
            ZSTD_isError(ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, largest_window)) != 0) {
            throw std::bad_alloc{};
        }
    }

  private:
    progress step(std::string_view bytes, std::span<char> to) override
    {
        if (!begins_well(bytes)) {
            return {0, 0, false};
        }
        ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
        ZSTD_outBuffer out = {to.data(), to.size(), 0};
        const std::size_t left = ZSTD_decompressStream(context_.get(), &out, &in);
        return {in.pos, out.pos, ZSTD_isError(left) == 0, left == 0};
    }

    bool restart() override // a frame after a frame
    {
        seen_ = 0;
        return true;
    }

    // The library may know older formats too, which are none of HTTP's: a frame begins as RFC 8878 says, or is to be
    // skipped.
    bool begins_well(std::string_view bytes) noexcept
    {
        constexpr std::string_view frame = "\x28\xB5\x2F\xFD";
        constexpr std::string_view skipped = "\x50\x2A\x4D\x18"; // the first byte up to 0x5F
        for (; seen_ < frame.size() && !bytes.empty(); ++seen_, bytes.remove_prefix(1)) {
            if (seen_ == 0) {
                skips_ = (bytes.front() & 0xF0) == skipped.front();
            }
            if (bytes.front() != (skips_ ? skipped : frame)[seen_] && !(skips_ && seen_ == 0)) {
                return false;
            }
        }
        return true;
    }

    std::size_t seen_ = 0; // of the four bytes that a frame begins with
    bool skips_ = false;
    std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context_;
};

class brotli_decoder final : public body_decoder {
  public:
    brotli_decoder() : state_{BrotliDecoderCreateInstance(nullptr, nullptr, nullptr), BrotliDecoderDestroyInstance}
    {
        if (!state_) {
            throw std::bad_alloc{};
        }
    }

  private:
    progress step(std::string_view bytes, std::span<char> to) override
    {
        std::size_t left = bytes.size();
        const auto* in = reinterpret_cast<const std::uint8_t*>(bytes.data());
        std::size_t room = to.size();
        auto* out = reinterpret_cast<std::uint8_t*>(to.data());
        const auto result = BrotliDecoderDecompressStream(state_.get(), &left, &in, &room, &out, nullptr);
        return {bytes.size() - left, to.size() - room, result != BROTLI_DECODER_RESULT_ERROR,
                result == BROTLI_DECODER_RESULT_SUCCESS};
    }

    bool restart() override { return false; }

    std::unique_ptr<BrotliDecoderState, decltype(&BrotliDecoderDestroyInstance)> state_;
};

} // namespace

std::unique_ptr<body_decoder> body_decoder::make(std::string_view coding)
{
    if (same_header(coding, "gzip") || same_header(coding, "x-gzip") || same_header(coding, "deflate")) {
        return std::make_unique<zlib_decoder>();
    }
    if (same_header(coding, "br")) {
        return std::make_unique<brotli_decoder>();
    }
    return same_header(coding, "zstd") ? std::make_unique<zstd_decoder>() : nullptr;
}

body_decoder::step_result body_decoder::next(std::string_view bytes)
{
    if (has_ended_ && !restart()) {
        return {0, 0, false};
    }
    const progress made = step(bytes, buffer_);
    has_ended_ = made.has_ended;
    is_full_ = made.made == buffer_.size() && !has_ended_;
    const bool moves = made.used > 0 || made.made > 0 || bytes.empty();
    return {made.used, made.made, made.is_right && moves};
}

} // namespace etl
