// State types: aggregates whose state is one flat value of a type of its own.
//
// The core class keeps its state flat in a flat_buffer (core/bytes.hpp); here that buffer is a varlena. Within an
// aggregate the transition and combine functions change those bytes in place; called from anywhere else they work on
// a copy, because then the value belongs to somebody else.
//
// A function that has grown its state returns a new varlena in the current (per-row) context: the executor copies it
// into the aggregate's context and frees the old one. Growth by doubling makes that cheap.
#pragma once

#include "core/bytes.hpp"
#include "pg/function.hpp"

namespace etl::pg {

class state_buffer final : public flat_buffer {
  public:
    state_buffer() = default;
    explicit state_buffer(varlena* value) noexcept : value_{value} {}

    std::byte* data() noexcept override
    {
        return value_ == nullptr ? nullptr : reinterpret_cast<std::byte*>(VARDATA(value_));
    }
    std::size_t size() const noexcept override { return value_ == nullptr ? 0 : VARSIZE(value_) - VARHDRSZ; }
    void resize(std::size_t size) override;

    Datum datum() const noexcept { return PointerGetDatum(value_); }

  private:
    varlena* value_ = nullptr; // four-byte header, never toasted
    bool owned_ = false;       // made by this object in this call, so it may be freed by it
};

static_assert(std::is_trivially_destructible_v<state_buffer>, "PostgreSQL may raise while one is alive");

// The first argument of a transition or combine function, ready to be changed; empty when it is NULL. Phase one.
state_buffer own_state(arguments args);

// A state that is only read: the second argument of a combine function, an accessor's argument. Phase one.
inline std::span<const std::byte> read_state(arguments args, int i)
{
    return args.get<std::span<const std::byte>>(i);
}

// The four I/O functions of a state type, over the core's check of foreign bytes (it throws where they are not a
// state). The text form is that of bytea: \x and hexadecimal digits.
using state_check = void (*)(std::span<const std::byte>);
Datum state_in(arguments args, const char* type, state_check check);
Datum state_out(arguments args);
Datum state_recv(arguments args, state_check check);
Datum state_send(arguments args);

} // namespace etl::pg

// Defines etl_<type>_in, _out, _recv and _send.
#define ETL_STATE_TYPE(type, check)                                                                                    \
    ETL_FUNCTION(etl_##type##_in, args)                                                                                \
    {                                                                                                                  \
        return etl::pg::state_in(args, "etl." #type, check);                                                           \
    }                                                                                                                  \
    ETL_FUNCTION(etl_##type##_out, args)                                                                               \
    {                                                                                                                  \
        return etl::pg::state_out(args);                                                                               \
    }                                                                                                                  \
    ETL_FUNCTION(etl_##type##_recv, args)                                                                              \
    {                                                                                                                  \
        return etl::pg::state_recv(args, check);                                                                       \
    }                                                                                                                  \
    ETL_FUNCTION(etl_##type##_send, args)                                                                              \
    {                                                                                                                  \
        return etl::pg::state_send(args);                                                                              \
    }
