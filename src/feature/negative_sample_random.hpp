// Random numbers of a user: the same for the same user and seed, whatever was drawn for others.
//
// The generator is xoshiro256** (D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators", 2021), whose
// state is filled from the user's fingerprint and the seed by the finalizer of SplitMix64. Whole numbers below a bound
// come without bias by D. Lemire's multiplication ("Fast random integer generation in an interval", 2019).
#pragma once

#include "sketch/fingerprint.hpp"

#include <bit>
#include <cstdint>

namespace etl::feature {

class random_numbers {
  public:
    random_numbers(const fingerprint& of, std::uint64_t seed) noexcept
    {
        std::uint64_t filled = detail::mix64(seed + step);
        for (const std::uint64_t part : {of.low, of.high, of.low + step, of.high + 2 * step}) {
            filled = detail::mix64((filled + step) ^ part);
            state_[at_++] = filled;
        }
        state_[0] |= state_[1] == 0 && state_[2] == 0 && state_[3] == 0; // all zeros would stay zeros
    }

    std::uint64_t next() noexcept
    {
        const std::uint64_t made = std::rotl(state_[1] * 5, 7) * 9;
        const std::uint64_t shifted = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = std::rotl(state_[3], 45);
        return made;
    }

    // Each number below the bound, which is not 0, is as likely as any other.
    std::uint64_t below(std::uint64_t bound) noexcept
    {
        auto product = static_cast<unsigned __int128>(next()) * bound;
        if (static_cast<std::uint64_t>(product) < bound) {
            const std::uint64_t uneven = (0 - bound) % bound;
            while (static_cast<std::uint64_t>(product) < uneven) {
                product = static_cast<unsigned __int128>(next()) * bound;
            }
        }
        return static_cast<std::uint64_t>(product >> 64);
    }

    // From 0 to less than 1, in steps of 2^-53.
    double fraction() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }

  private:
    static constexpr std::uint64_t step = 0x9e3779b97f4a7c15; // SplitMix64's: 2^64 over the golden ratio

    std::uint64_t state_[4];
    unsigned at_ = 0;
};

} // namespace etl::feature
