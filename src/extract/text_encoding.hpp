// Texts in UTF-16, and the marks (BOM) that tell encodings of Unicode apart.
#pragma once

#include "core/byte_stream.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace etl {

enum class byte_order { little, big };

// Refuses (22P04) a content whose first bytes are those of an archive, a packed file or a workbook, which is no text in
// any encoding. It names what it is, and what to do.
void require_no_archive(std::string_view begin);

// What a mark at the beginning says, and how long it is; 0 bytes where there is none.
struct encoding_mark {
    std::optional<byte_order> utf16; // nullopt: UTF-8
    std::size_t size;

    static encoding_mark at_begin_of(std::string_view text) noexcept;
};

// A stream whose first bytes can be looked at before they are read.
class peeked_source final : public byte_source {
  public:
    static constexpr std::size_t most = 10;

    explicit peeked_source(byte_source& from);

    std::string_view begin() const noexcept { return {bytes_.data() + at_, size_ - at_}; }
    void skip(std::size_t bytes) noexcept { at_ += bytes; }

    std::size_t read(std::span<char> to) override;

  private:
    byte_source& from_;
    std::array<char, most> bytes_;
    std::size_t at_ = 0;
    std::size_t size_ = 0;
};

// A stream that is made of another one block by block.
class block_source : public byte_source {
  public:
    std::size_t read(std::span<char> to) final;

  protected:
    explicit block_source(byte_source& from);

    // Appends what is made of the bytes that wait (is_last: nothing follows them), and says how many of them were used.
    // Unless they are the last, those that are only a part of something may be left.
    virtual std::size_t convert(std::string_view waiting, bool is_last, std::vector<char>& to) = 0;

  private:
    bool fill();

    byte_source& from_;
    std::vector<char> in_;
    std::size_t waiting_ = 0;
    bool is_last_ = false;
    std::vector<char> out_;
    std::size_t at_ = 0;
};

// UTF-16 as UTF-8. What is no character (half of a surrogate pair, half of a unit at the end) becomes a byte 0xff,
// which no text in UTF-8 has: so it is a fault of the line that it stands in.
class utf16_source final : public block_source {
  public:
    utf16_source(byte_source& from, byte_order order) : block_source{from}, order_{order} {}

  private:
    std::size_t convert(std::string_view waiting, bool is_last, std::vector<char>& to) override;

    byte_order order_;
};

} // namespace etl
