// SHA-256, by the implementation that the server has: OpenSSL's where it was built with it.
#pragma once

#include "core/byte_stream.hpp"
#include "pg/boundary.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" {
#include <common/cryptohash.h>
#include <common/sha2.h>
}

namespace etl::pg {

class sha256 {
  public:
    using digest = std::array<std::byte, PG_SHA256_DIGEST_LENGTH>;

    sha256();
    ~sha256() { pg_cryptohash_free(context_); }
    sha256(const sha256&) = delete;
    sha256& operator=(const sha256&) = delete;

    void add(std::string_view bytes);

    // Nothing is added after it.
    digest finish();

  private:
    pg_cryptohash_ctx* context_;
};

// Of all bytes that pass, which it counts.
class sha256_watcher final : public byte_watcher {
  public:
    void see(std::string_view bytes) override
    {
        hash_.add(bytes);
        bytes_ += bytes.size();
    }
    sha256::digest finish() { return hash_.finish(); }
    std::uint64_t bytes() const noexcept { return bytes_; }

  private:
    sha256 hash_;
    std::uint64_t bytes_ = 0;
};

} // namespace etl::pg
