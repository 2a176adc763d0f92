// Flat states: how a state type lays its bytes out, reads them back from strangers, and grows.
//
// An aggregate's state is one flat value: the same bytes serve as transition state, as stored column and on the
// wire between parallel workers, servers and dumps. So the byte order is fixed (little-endian), a header names the
// type and its version, and a parser believes nothing that it reads.
#pragma once

#include "core/error.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>

namespace etl {

// Integers and doubles in the fixed byte order, at any alignment: a varlena's payload starts four bytes past an
// eight-byte boundary.
template <class T>
requires std::is_trivially_copyable_v<T> T load(const std::byte* from)
noexcept
{
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

template <class T>
requires std::is_trivially_copyable_v<T>
void store(std::byte* to, T value) noexcept
{
    std::memcpy(to, &value, sizeof value);
}

static_assert(std::endian::native == std::endian::little,
              "flat states are little-endian: load() and store() need a byte swap on this machine");

// The first eight bytes of every flat state.
struct state_header {
    std::uint32_t magic;   // four letters that name the type
    std::uint32_t version; // raised when the layout changes; old versions stay readable
};

// Four letters as the magic of a state type, so that they read as text in a hex dump.
constexpr std::uint32_t make_magic(const char (&letters)[5])
{
    return static_cast<std::uint32_t>(letters[0]) | static_cast<std::uint32_t>(letters[1]) << 8 |
           static_cast<std::uint32_t>(letters[2]) << 16 | static_cast<std::uint32_t>(letters[3]) << 24;
}

[[noreturn]] inline void refuse_state(const char* type, const std::string& why)
{
    throw error(sqlstate::invalid_binary_representation, std::string{"invalid value for type "} + type, why,
                "States are made by their aggregate and merged by etl.merge; they are not written by hand.");
}

// Checks length and header of bytes that come from outside. Each state type checks the rest in its own parser.
inline void check_header(std::span<const std::byte> bytes, std::uint32_t magic, std::uint32_t version, const char* type)
{
    if (bytes.size() < sizeof(state_header)) {
        refuse_state(type, "The value is " + std::to_string(bytes.size()) + " bytes long, which is too short.");
    }
    if (load<std::uint32_t>(bytes.data()) != magic) {
        refuse_state(type, "The value does not start with the mark of this type.");
    }
    const auto found = load<std::uint32_t>(bytes.data() + sizeof(std::uint32_t));
    if (found != version) {
        refuse_state(type, "The value has layout version " + std::to_string(found) + "; this release reads version " +
                               std::to_string(version) + ".");
    }
}

// The bytes of one state, owned by whoever implements this: the boundary keeps them in a memory context, tests in a
// vector. resize() keeps the old content and may move it, so a core class takes data() anew after it.
class flat_buffer {
  public:
    virtual std::byte* data() noexcept = 0;
    virtual std::size_t size() const noexcept = 0;
    virtual void resize(std::size_t size) = 0;

    std::span<const std::byte> bytes() noexcept { return {data(), size()}; }

  protected:
    ~flat_buffer() = default;
};

} // namespace etl
