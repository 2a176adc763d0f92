// Queries from C++: a session of the server programming interface, and a cursor that hands the core whole batches.
#pragma once

#include "pg/memory.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace etl::pg {

// SPI_connect for a scope. Where an exception passes, SPI is left to the transaction's abort, as PostgreSQL's own
// functions leave it.
class spi_session {
  public:
    spi_session();
    ~spi_session();
    spi_session(const spi_session&) = delete;
    spi_session& operator=(const spi_session&) = delete;

  private:
    int exceptions_;
};

// A plan that is kept until SPI_freeplan takes it (an SPIPlanPtr). Needs an SPI session. May raise.
void* keep_plan(const char* query, std::span<const Oid> types);

// A plan that lives as long as the SPI session. May raise.
void* session_plan(const char* query, std::span<const Oid> types);

// A column of the first row that the latest query of the SPI session has given; throws where it is NULL.
Datum row_value(int column);

// A read-only query, fetched in batches; every value in its type's text form, so that one core serves any type.
// Needs a live spi_session.
class text_cursor {
  public:
    struct field {
        const char* text; // nullptr is NULL
        std::size_t length;
        bool is_null() const noexcept { return text == nullptr; }
        std::string_view view() const noexcept { return {text, length}; }
    };

    // Opens the query and checks that it returns `columns` columns; `what` names the argument in the error.
    text_cursor(const std::string& query, int columns, const char* what);

    // The next rows, row by row, `columns` fields each; valid until the next call; empty at the end.
    std::span<const field> fetch(std::uint64_t rows = 4096);

  private:
    void* portal_;
    int columns_;
    scratch_context batch_;
};

// The first column of a query's only row as text; nullopt where there is no row or it is NULL. Arguments are text ($1…).
// Connects for itself.
std::optional<std::string> query_text(const char* query, std::span<const std::string_view> arguments);

} // namespace etl::pg
