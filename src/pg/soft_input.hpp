// Texts into values of any type, so that a text that its type refuses ends neither the statement nor what was read
// before it.
#pragma once

#include "pg/subtransaction.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace etl::pg {

// Why a value was refused.
struct value_fault {
    std::string sqlstate;
    std::string message;
    std::string detail;
};

// Pieces of PostgreSQL that may refuse a value. They run in one subtransaction, which is begun with the first of them,
// ends when one raises an error, and is begun again with the next one: so only what is refused costs. Cancellation,
// lost memory and the like are no faults of a value and go on, and so does a missing privilege.
class soft_batch {
  public:
    soft_batch() = default;
    ~soft_batch();
    soft_batch(const soft_batch&) = delete;
    soft_batch& operator=(const soft_batch&) = delete;

    // Runs f, which may raise and owns nothing. nullopt where it did not raise.
    template <class F>
    std::optional<value_fault> attempt(F&& f)
    {
        begin();
        try {
            call(f);
            return std::nullopt;
        } catch (const error_in_flight&) { // dealt with below, when the clause has ended
        }
        return fault_raised();
    }

    // Ends the batch and keeps what it has done. Without it the destructor rolls back.
    void finish();

  private:
    void begin();
    value_fault fault_raised();

    std::optional<subtransaction> inner_;
    bool is_open_ = false;
};

// The input function of a type, for as long as a statement lasts.
class value_input {
  public:
    value_input(Oid type, std::int32_t modifier);

    // The value in the current memory context. The text is in the server's encoding.
    std::optional<value_fault> read(std::string_view text, soft_batch& batch, Datum& value);

    // Whether the type takes NULL: of a domain its constraints say so.
    std::optional<value_fault> read_null(soft_batch& batch);

    Oid type() const noexcept { return type_; }
    std::int32_t modifier() const noexcept { return modifier_; }

  private:
    // A null pointer is NULL.
    std::optional<value_fault> read_text(const char* text, soft_batch& batch, Datum& value);

    FmgrInfo function_;
    Oid type_;
    Oid parameter_;
    std::int32_t modifier_;
    bool is_strict_;
    std::string text_; // the one being read, with the zero that ends it
};

} // namespace etl::pg
