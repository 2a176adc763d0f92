// Where in a text one of a few bytes stands, 64 bytes at a time: each block becomes a mask of bits, of which the lowest
// one is taken off with every place that is asked for.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace etl {

template <std::size_t most>
class special_bytes {
  public:
    static constexpr std::size_t block = 64;

    explicit special_bytes(const std::array<char, most>& bytes) noexcept : bytes_{bytes} {}

    // Looks from a place on. Up to a block behind the end must be readable, whatever stands there.
    void begin(const char* at, const char* end) noexcept
    {
        block_ = at;
        end_ = end;
        mask_ = at < end ? mask_of(at) : 0;
    }

    // The next place, or the end.
    const char* next() noexcept
    {
        while (mask_ == 0) {
            if (end_ - block_ <= static_cast<std::ptrdiff_t>(block)) {
                return end_;
            }
            block_ += block;
            mask_ = mask_of(block_);
        }
        const char* found = block_ + std::countr_zero(mask_);
        mask_ &= mask_ - 1;
        return found < end_ ? found : end_;
    }

  private:
#if defined(__SSE2__)
    std::uint64_t mask_of(const char* at) const noexcept
    {
        std::uint64_t mask = 0;
        for (std::size_t i = 0; i < block; i += sizeof(__m128i)) {
            const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + i));
            __m128i found = _mm_setzero_si128();
            for (const char byte : bytes_) {
                found = _mm_or_si128(found, _mm_cmpeq_epi8(text, _mm_set1_epi8(byte)));
            }
            mask |= std::uint64_t{static_cast<unsigned>(_mm_movemask_epi8(found))} << i;
        }
        return mask;
    }
#else
    static constexpr std::uint64_t each(unsigned char byte) noexcept
    {
        return 0x0101010101010101U * byte;
    }

    // The top bit of every byte that is 0.
    static std::uint64_t zeros(std::uint64_t bytes) noexcept
    {
        return ~(((bytes & each(0x7f)) + each(0x7f)) | bytes | each(0x7f));
    }

    std::uint64_t mask_of(const char* at) const noexcept
    {
        std::uint64_t mask = 0;
        for (std::size_t i = 0; i < block; i += sizeof(std::uint64_t)) {
            std::uint64_t text = 0;
            std::memcpy(&text, at + i, sizeof text);
            std::uint64_t found = 0;
            for (const char byte : bytes_) {
                found |= zeros(text ^ each(static_cast<unsigned char>(byte)));
            }
            mask |= ((found >> 7U) * 0x0102040810204080U >> 56U) << i; // gathers the bits of eight bytes
        }
        return mask;
    }
#endif

    std::array<char, most> bytes_;
    const char* block_ = nullptr;
    const char* end_ = nullptr;
    std::uint64_t mask_ = 0;
};

} // namespace etl
