// Where the content of a load comes from: a file below pg_etl.import_directory, or an argument; decompressed, and in
// the server's encoding.
#pragma once

#include "core/compression.hpp"
#include "core/source_file.hpp"
#include "pg/foreign_descriptors.hpp"
#include "pg/sha256.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace etl {

inline constexpr file_kind import_files{"import file", "pg_etl.import_directory",
                                        "Write a path below that directory, as in 'orders/2025.csv'."};

// Refuses (42501) a role that may not call etl.load_file.
void require_right_to_load();

// Where a file lies that the current role may load.
file_path import_path(std::string_view path);

// Bytes that are there.
class memory_source final : public byte_source {
  public:
    explicit memory_source(std::string_view bytes) noexcept : bytes_{bytes} {}

    std::size_t read(std::span<char> to) override;

  private:
    std::string_view bytes_;
};

struct content_format {
    packed_by packed = packed_by::nothing;
    std::string encoding; // empty: a mark tells, or it is UTF-8; of a text: the server's
};

// Whether bytes of a content are text, and without a zero byte.
bool is_content_text(std::string_view bytes);

// A text of a content in the server's encoding; nullopt where that lacks a character.
std::optional<std::string> content_of_server(std::string_view text);

// The whole way from the bytes as they lie to texts. Bytes that are no text in their encoding come as ones that are
// none in UTF-8 either.
class load_source final : public byte_source {
  public:
    // `name` is for messages: import file "/a/b".
    load_source(std::unique_ptr<byte_source> raw, const content_format& format, const std::string& name);
    ~load_source() override;

    std::size_t read(std::span<char> to) override;

    // Of the bytes as they lie, when all of them have been read.
    pg::sha256::digest hash();
    std::uint64_t bytes() const noexcept { return watcher_.bytes(); }

  private:
    void decode(const content_format& format);

    std::unique_ptr<byte_source> raw_;
    pg::sha256_watcher watcher_;
    watched_source watched_;
    std::unique_ptr<byte_source> unpacked_;
    std::unique_ptr<byte_source> peeked_;
    std::unique_ptr<byte_source> unicode_;
    std::unique_ptr<byte_source> converted_;
    byte_source* last_;
};

} // namespace etl
