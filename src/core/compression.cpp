#include "core/compression.hpp"

#include "core/file_error.hpp"
#include "core/text.hpp"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <new>
#include <string>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::size_t piece = 128 * 1024;

// Of zstd the first level: on rows of text the next ones take up to three times as long, and files become hardly
// smaller.
// Of gzip its default.
constexpr int zstd_level = 1;
constexpr int gzip_level = 6;

constexpr int largest_zstd_window = 23; // 2^23 bytes: more than any level asks for but --ultra's
constexpr int gzip_window = 15 + 16;    // the largest window, and the format of gzip

std::size_t checked(std::size_t outcome)
{
    if (ZSTD_isError(outcome) != 0) {
        throw error(sqlstate::internal_error, std::string{"zstd cannot compress: "} + ZSTD_getErrorName(outcome));
    }
    return outcome;
}

class zstd_compressor final : public byte_sink {
  public:
    explicit zstd_compressor(byte_sink& to) : to_{to}, context_{ZSTD_createCCtx(), ZSTD_freeCCtx}
    {
        if (!context_) {
            throw std::bad_alloc{};
        }
        checked(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, zstd_level));
        checked(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1));
    }

    void write(std::string_view bytes) override
    {
        ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
        while (in.pos < in.size) {
            pass(in, ZSTD_e_continue);
        }
    }

    void finish() override
    {
        ZSTD_inBuffer in = {nullptr, 0, 0};
        while (pass(in, ZSTD_e_end) != 0) {
        }
    }

  private:
    std::size_t pass(ZSTD_inBuffer& in, ZSTD_EndDirective how)
    {
        ZSTD_outBuffer out = {bytes_.data(), bytes_.size(), 0};
        const std::size_t left = checked(ZSTD_compressStream2(context_.get(), &out, &in, how));
        to_.write({bytes_.data(), out.pos});
        return left;
    }

    byte_sink& to_;
    std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context_;
    std::array<char, piece> bytes_;
};

// The bytes of a compressed file, in pieces.
class input_piece {
  public:
    input_piece(byte_source& from, std::string name) : from_{from}, name_{std::move(name)} {}

    // Of what must go on.
    void refill()
    {
        if (!fill()) {
            refuse("The file ends before the compressed data does.");
        }
    }

    // At the end of a part, with `left` bytes that were not used: whether another part follows. Where there is only
    // one, nothing may.
    bool goes_on(std::size_t left, packed_parts parts)
    {
        const bool more = left > 0 || fill();
        if (more && parts == packed_parts::one) {
            refuse("The file goes on after the end of the compressed data.");
        }
        return more;
    }

    [[noreturn]] void refuse(std::string detail) const
    {
        throw error(file_sqlstate::data_corrupted, name_ + " is damaged", std::move(detail));
    }

    const char* data() const noexcept { return bytes_.data(); }
    char* data() noexcept { return bytes_.data(); }
    std::size_t size() const noexcept { return size_; }

  private:
    // False at the end.
    bool fill()
    {
        size_ = from_.read(bytes_);
        return size_ > 0;
    }

    byte_source& from_;
    std::string name_;
    std::array<char, piece> bytes_;
    std::size_t size_ = 0;
};

class zstd_decompressor final : public byte_source {
  public:
    zstd_decompressor(byte_source& from, const std::string& name, packed_parts parts)
        : from_{from, name}, parts_{parts}, context_{ZSTD_createDCtx(), ZSTD_freeDCtx}
    {
        if (!context_) {
            throw std::bad_alloc{};
        }
        checked(ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, largest_zstd_window));
    }

    std::size_t read(std::span<char> to) override
    {
        std::size_t made = read_part(to);
        while (ended_ && made == 0 && begins_part()) {
            made = read_part(to);
        }
        return made;
    }

  private:
    std::size_t read_part(std::span<char> to)
    {
        ZSTD_outBuffer out = {to.data(), to.size(), 0};
        while (!ended_ && out.pos == 0) {
            if (in_.pos == in_.size && !more_inside_) {
                refill();
            }
            const std::size_t left = ZSTD_decompressStream(context_.get(), &out, &in_);
            if (ZSTD_isError(left) != 0) {
                from_.refuse(std::string{"zstd says: "} + ZSTD_getErrorName(left) + ".");
            }
            ended_ = left == 0;
            more_inside_ = out.pos == out.size; // it may hold more than there was room for
        }
        return out.pos;
    }

    void refill()
    {
        from_.refill();
        take_input();
    }

    void take_input() noexcept { in_ = {from_.data(), from_.size(), 0}; }

    bool begins_part()
    {
        const std::size_t left = in_.size - in_.pos;
        if (!from_.goes_on(left, parts_)) {
            in_ = {nullptr, 0, 0};
            return false;
        }
        if (left == 0) {
            take_input();
        }
        ended_ = false;
        return true;
    }

    input_piece from_;
    packed_parts parts_;
    std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context_;
    ZSTD_inBuffer in_ = {nullptr, 0, 0};
    bool more_inside_ = false;
    bool ended_ = false;
};

class gzip_compressor final : public byte_sink {
  public:
    explicit gzip_compressor(byte_sink& to) : to_{to}
    {
        constexpr int memory = 8; // zlib's default
        if (deflateInit2(&stream_, gzip_level, Z_DEFLATED, gzip_window, memory, Z_DEFAULT_STRATEGY) != Z_OK) {
            throw std::bad_alloc{};
        }
    }
    ~gzip_compressor() override { deflateEnd(&stream_); }
    gzip_compressor(const gzip_compressor&) = delete;
    gzip_compressor& operator=(const gzip_compressor&) = delete;

    void write(std::string_view bytes) override
    {
        // zlib counts in 32 bits, and does not change what it reads.
        constexpr std::size_t most = std::size_t{1} << 30;
        while (!bytes.empty()) {
            const std::string_view part = bytes.substr(0, most);
            stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
            stream_.avail_in = static_cast<uInt>(part.size());
            while (stream_.avail_in > 0) {
                pass(Z_NO_FLUSH);
            }
            bytes.remove_prefix(part.size());
        }
    }

    void finish() override
    {
        stream_.avail_in = 0;
        while (pass(Z_FINISH) != Z_STREAM_END) {
        }
    }

  private:
    int pass(int how)
    {
        stream_.next_out = reinterpret_cast<Bytef*>(bytes_.data());
        stream_.avail_out = static_cast<uInt>(bytes_.size());
        const int outcome = deflate(&stream_, how);
        if (outcome == Z_STREAM_ERROR) {
            throw error(sqlstate::internal_error, "zlib cannot compress");
        }
        to_.write({bytes_.data(), bytes_.size() - stream_.avail_out});
        return outcome;
    }

    byte_sink& to_;
    z_stream stream_ = {};
    std::array<char, piece> bytes_;
};

class gzip_decompressor final : public byte_source {
  public:
    gzip_decompressor(byte_source& from, const std::string& name, packed_parts parts) : from_{from, name}, parts_{parts}
    {
        if (inflateInit2(&stream_, gzip_window) != Z_OK) {
            throw std::bad_alloc{};
        }
    }
    ~gzip_decompressor() override { inflateEnd(&stream_); }
    gzip_decompressor(const gzip_decompressor&) = delete;
    gzip_decompressor& operator=(const gzip_decompressor&) = delete;

    std::size_t read(std::span<char> to) override
    {
        std::size_t made = read_part(to);
        while (ended_ && made == 0 && begins_part()) {
            made = read_part(to);
        }
        return made;
    }

  private:
    std::size_t read_part(std::span<char> to)
    {
        constexpr std::size_t most = std::size_t{1} << 30;
        const std::size_t room = std::min(to.size(), most);
        stream_.next_out = reinterpret_cast<Bytef*>(to.data());
        stream_.avail_out = static_cast<uInt>(room);
        while (!ended_ && stream_.avail_out == room) {
            if (stream_.avail_in == 0 && !more_inside_) {
                refill();
            }
            step();
        }
        return room - stream_.avail_out;
    }

    void refill()
    {
        from_.refill();
        take_input();
    }

    void take_input() noexcept
    {
        stream_.next_in = reinterpret_cast<Bytef*>(from_.data());
        stream_.avail_in = static_cast<uInt>(from_.size());
    }

    bool begins_part()
    {
        if (!from_.goes_on(stream_.avail_in, parts_)) {
            return false;
        }
        if (stream_.avail_in == 0) {
            take_input();
        }
        inflateReset(&stream_);
        ended_ = false;
        return true;
    }

    void step()
    {
        const int outcome = inflate(&stream_, Z_NO_FLUSH);
        if (outcome == Z_MEM_ERROR) {
            throw std::bad_alloc{};
        }
        // Z_BUF_ERROR: nothing is left inside, although there was room for it.
        if (outcome != Z_OK && outcome != Z_STREAM_END && outcome != Z_BUF_ERROR) {
            from_.refuse(std::string{"zlib says: "} + (stream_.msg == nullptr ? "wrong data" : stream_.msg) + ".");
        }
        ended_ = outcome == Z_STREAM_END;
        more_inside_ = stream_.avail_out == 0;
    }

    input_piece from_;
    packed_parts parts_;
    z_stream stream_ = {};
    bool more_inside_ = false;
    bool ended_ = false;
};

} // namespace

std::unique_ptr<byte_sink> make_compressor(packed_by method, byte_sink& to)
{
    switch (method) {
    case packed_by::zstd:
        return std::make_unique<zstd_compressor>(to);
    case packed_by::gzip:
        return std::make_unique<gzip_compressor>(to);
    case packed_by::nothing:
        break;
    }
    return nullptr;
}

std::unique_ptr<byte_source> make_decompressor(packed_by method, byte_source& from, const std::string& name,
                                               packed_parts parts)
{
    switch (method) {
    case packed_by::zstd:
        return std::make_unique<zstd_decompressor>(from, name, parts);
    case packed_by::gzip:
        return std::make_unique<gzip_decompressor>(from, name, parts);
    case packed_by::nothing:
        break;
    }
    return nullptr;
}

} // namespace etl
