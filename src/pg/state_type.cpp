#include "pg/state_type.hpp"

#include "pg/expanded_state.hpp"

extern "C" {
#include <lib/stringinfo.h>
#include <libpq/pqformat.h>
}

#include <algorithm>
#include <string>

namespace etl::pg {
namespace {

// PostgreSQL's limit for one value.
constexpr std::size_t largest_value = MaxAllocSize - VARHDRSZ;

int hex_digit(char c) noexcept
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

[[noreturn]] void refuse_text(const char* type)
{
    throw error(sqlstate::invalid_text_representation, std::string{"invalid input syntax for type "} + type,
                "The text form of a state is \\x and an even number of hexadecimal digits.",
                std::string{"Where the aggregate "} + type +
                    "(x) was meant, cast x, as in x::text: of a value of its type PostgreSQL takes that for a cast.");
}

} // namespace

void require_value_size(std::size_t bytes)
{
    if (bytes > largest_value) {
        throw error(sqlstate::program_limit_exceeded, "aggregate state would be larger than 1 GB",
                    "A state is one value, and PostgreSQL's values end at 1 GB.",
                    "Aggregate fewer rows at a time: smaller groups, or parts of the table that a condition chooses.");
    }
}

void state_buffer::resize(std::size_t size)
{
    require_value_size(size);
    auto* made = static_cast<varlena*>(allocate_in(CurrentMemoryContext, size + VARHDRSZ));
    const std::size_t kept = std::min(size, this->size());
    if (kept > 0) {
        std::memcpy(VARDATA(made), data(), kept);
    }
    std::memset(VARDATA(made) + kept, 0, size - kept);
    SET_VARSIZE(made, size + VARHDRSZ);
    if (owned_) {
        pfree(value_);
    }
    value_ = made;
    owned_ = true;
}

state_buffer own_state(arguments args)
{
    if (args.is_null(0)) {
        return state_buffer{};
    }
    auto* value = reinterpret_cast<varlena*>(DatumGetPointer(args.datum(0)));
    const bool in_place = AggCheckCallContext(args.raw(), nullptr) != 0 && VARATT_IS_4B_U(value);
    return state_buffer{in_place ? value : PG_DETOAST_DATUM_COPY(args.datum(0))};
}

Datum state_in(arguments args, const char* type, state_check check)
{
    const std::string_view text = DatumGetCString(args.datum(0));
    if (text.size() % 2 != 0 || !text.starts_with("\\x")) {
        refuse_text(type);
    }
    state_buffer made;
    made.resize(text.size() / 2 - 1);
    for (std::size_t i = 0; i < made.size(); ++i) {
        const int high = hex_digit(text[2 + 2 * i]);
        const int low = hex_digit(text[3 + 2 * i]);
        if (high < 0 || low < 0) {
            refuse_text(type);
        }
        made.data()[i] = static_cast<std::byte>(high << 4 | low);
    }
    check(made.bytes());
    return made.datum();
}

Datum state_out(arguments args)
{
    constexpr char digits[] = "0123456789abcdef";
    const auto bytes = read_state(args, 0);
    auto* text = static_cast<char*>(allocate_in(CurrentMemoryContext, 2 * bytes.size() + 3));
    char* at = text;
    *at++ = '\\';
    *at++ = 'x';
    for (const std::byte b : bytes) {
        *at++ = digits[std::to_integer<unsigned>(b) >> 4];
        *at++ = digits[std::to_integer<unsigned>(b) & 15];
    }
    *at = '\0';
    return CStringGetDatum(text);
}

Datum state_recv(arguments args, state_check check)
{
    auto* message = reinterpret_cast<StringInfo>(DatumGetPointer(args.datum(0)));
    const int size = message->len - message->cursor;
    const char* bytes = pq_getmsgbytes(message, size);
    check(std::as_bytes(std::span{bytes, static_cast<std::size_t>(size)}));
    return make_varlena(std::as_bytes(std::span{bytes, static_cast<std::size_t>(size)}));
}

Datum state_send(arguments args)
{
    return make_varlena(read_state(args, 0));
}

} // namespace etl::pg
