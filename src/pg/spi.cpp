#include "pg/spi.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <executor/spi.h>
}

#include <exception>

namespace etl::pg {

spi_session::spi_session() : exceptions_{std::uncaught_exceptions()}
{
    call([] { SPI_connect(); });
}

spi_session::~spi_session()
{
    if (std::uncaught_exceptions() == exceptions_) {
        SPI_finish();
    }
}

void* session_plan(const char* query, std::span<const Oid> types)
{
    return SPI_prepare(query, static_cast<int>(types.size()), const_cast<Oid*>(types.data()));
}

void* keep_plan(const char* query, std::span<const Oid> types)
{
    void* plan = session_plan(query, types);
    SPI_keepplan(static_cast<SPIPlanPtr>(plan));
    return plan;
}

Datum row_value(int column)
{
    bool is_null = false;
    const Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &is_null);
    if (is_null) {
        throw error(sqlstate::internal_error, "column " + std::to_string(column) + " of a row is NULL");
    }
    return value;
}

namespace {

Portal open_cursor(const char* query)
{
    SPIParseOpenOptions options = {};
    options.read_only = true;
    options.cursorOptions = CURSOR_OPT_NO_SCROLL | CURSOR_OPT_PARALLEL_OK;
    return SPI_cursor_parse_open(nullptr, query, &options);
}

void check_columns(Portal portal, int columns, const char* what)
{
    const int found = portal->tupDesc == nullptr ? 0 : portal->tupDesc->natts;
    if (found != columns) {
        throw error(sqlstate::datatype_mismatch, std::string{what} + " must return " + std::to_string(columns) +
                                                     " columns, not " + std::to_string(found));
    }
}

// All fields of the batch in SPI_tuptable, in the given context. May raise.
text_cursor::field* convert_batch(int columns)
{
    const std::uint64_t rows = SPI_processed;
    auto* fields = static_cast<text_cursor::field*>(palloc(sizeof(text_cursor::field) * (rows * columns + 1)));
    auto* at = fields;
    for (std::uint64_t row = 0; row < rows; ++row) {
        for (int column = 1; column <= columns; ++column) {
            const char* text = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
            *at++ = {text, text == nullptr ? 0 : strlen(text)};
        }
    }
    return fields;
}

} // namespace

text_cursor::text_cursor(const std::string& query, int columns, const char* what)
    : portal_{call([text = query.c_str()] { return open_cursor(text); })}, columns_{columns}
{
    check_columns(static_cast<Portal>(portal_), columns, what);
}

std::span<const text_cursor::field> text_cursor::fetch(std::uint64_t rows)
{
    batch_.reset();
    auto fetch_rows = [portal = static_cast<Portal>(portal_), rows, columns = columns_,
                       context = batch_.get()]() -> field* {
        SPI_cursor_fetch(portal, true, static_cast<long>(rows));
        MemoryContext old = MemoryContextSwitchTo(context);
        field* fields = convert_batch(columns);
        MemoryContextSwitchTo(old);
        SPI_freetuptable(SPI_tuptable);
        return fields;
    };
    field* fields = call(fetch_rows);
    return {fields, SPI_processed * static_cast<std::size_t>(columns_)};
}

std::optional<std::string> query_text(const char* query, std::span<const std::string_view> arguments)
{
    constexpr std::size_t most = 8;
    Datum values[most];
    Oid types[most];
    const auto count = static_cast<int>(arguments.size());
    if (arguments.size() > most) {
        throw error(sqlstate::internal_error, "too many arguments for query_text");
    }
    for (int i = 0; i < count; ++i) {
        const std::string_view text = arguments[i];
        values[i] = call([text] { return PointerGetDatum(cstring_to_text_with_len(text.data(), text.size())); });
        types[i] = TEXTOID;
    }
    const spi_session session;
    const char* found = call([&]() -> const char* {
        SPI_execute_with_args(query, count, types, values, nullptr, true, 1);
        return SPI_processed == 0 ? nullptr : SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
    });
    return found == nullptr ? std::nullopt : std::optional<std::string>{found};
}

} // namespace etl::pg
