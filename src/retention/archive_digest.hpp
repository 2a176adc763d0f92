// What tells a stream of bytes from one that was changed by accident, in less time than it takes to read it.
#pragma once

#include "core/byte_stream.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <utility>

namespace etl {

class byte_digest final : public byte_watcher {
  public:
    using value = std::pair<std::uint64_t, std::uint64_t>;

    byte_digest() { XXH3_128bits_reset(&state_); }

    void see(std::string_view bytes) override { XXH3_128bits_update(&state_, bytes.data(), bytes.size()); }

    value finish() const noexcept
    {
        const XXH128_hash_t hash = XXH3_128bits_digest(&state_);
        return {hash.high64, hash.low64};
    }

  private:
    XXH3_state_t state_;
};

} // namespace etl
