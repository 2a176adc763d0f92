// Keys of one size as the names of nodes, numbered in the order of their first appearance: what node_names is to texts.
#pragma once

#include "sketch/number_slots.hpp"

#include <array>
#include <span>

namespace etl {

// The 16 bytes of a UUID, which are also its order.
using uuid_key = std::array<std::uint8_t, 16>;

// Half of the bits serve as hash, for print_hash reaches each of them with each bit of the key.
inline std::uint32_t key_hash(std::int64_t key) noexcept
{
    return static_cast<std::uint32_t>(print_hash{}(fingerprint_of(key, number_kind::integer)));
}

inline std::uint32_t key_hash(const uuid_key& key) noexcept
{
    return static_cast<std::uint32_t>(print_hash{}(std::bit_cast<fingerprint>(key)));
}

template <class Key>
class key_ids {
  public:
    explicit key_ids(std::pmr::memory_resource* memory) : keys_{memory}, slots_{memory} {}

    // The number of the key, which is given one when it is new.
    std::uint32_t number_of(const Key& key)
    {
        return slots_.number_of(
            key_hash(key), [&](std::uint32_t number) { return keys_[number] == key; }, [&] { keys_.push_back(key); });
    }

    // The numbers of many keys, at less than the cost of one after the other.
    void numbers_of(std::span<const Key> keys, std::uint32_t* numbers)
    {
        for (const Key& key : keys) {
            slots_.prefetch(key_hash(key));
        }
        for (const Key& key : keys) {
            if (const auto likely = slots_.guess(key_hash(key))) {
                __builtin_prefetch(&keys_[*likely]);
            }
        }
        for (const Key& key : keys) {
            *numbers++ = number_of(key);
        }
    }

    // The number of the key, if it has one.
    std::optional<std::uint32_t> known(const Key& key) const
    {
        return slots_.known(key_hash(key), [&](std::uint32_t number) { return keys_[number] == key; });
    }

    std::uint32_t count() const noexcept { return slots_.count(); }
    const Key& name(std::uint32_t number) const noexcept { return keys_[number]; }

  private:
    std::pmr::vector<Key> keys_; // by number
    number_slots slots_;
};

using integer_ids = key_ids<std::int64_t>;
using uuid_ids = key_ids<uuid_key>;

} // namespace etl
