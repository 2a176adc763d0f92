#include "sketch/top_n_pg.hpp"

extern "C" {
#include <catalog/pg_collation.h>
#include <catalog/pg_type.h>
#include <mb/pg_wchar.h>
#include <utils/float.h>
#include <utils/lsyscache.h>
}

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

namespace etl {
namespace {

using code = top_kind::code;

constexpr char indeterminate_collation[] = "42P22";
constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;

code code_of(const stored_type& order)
{
    switch (order.type) {
    case INT2OID:
        return code::int16;
    case INT4OID:
    case DATEOID:
        return code::int32;
    case INT8OID:
    case TIMEOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
        return code::int64;
    case FLOAT4OID:
        return code::float4;
    case FLOAT8OID:
        return code::float8;
    default:
        return order.is_plain_text ? code::prefix : code::none;
    }
}

// Unsigned numbers in the order of PostgreSQL's doubles: NaN is one value and the greatest, -0 is 0.
std::uint64_t ordered(double value) noexcept
{
    if (std::isnan(value)) {
        return std::numeric_limits<std::uint64_t>::max();
    }
    const auto bits = std::bit_cast<std::uint64_t>(value + 0.0);
    return (bits & sign_bit) != 0 ? ~bits : bits | sign_bit;
}

double from_ordered(std::uint64_t code) noexcept
{
    if (code == std::numeric_limits<std::uint64_t>::max()) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    return std::bit_cast<double>((code & sign_bit) != 0 ? code & ~sign_bit : ~code);
}

std::uint64_t ordered(std::int64_t value) noexcept
{
    return static_cast<std::uint64_t>(value) ^ sign_bit;
}

// The first eight bytes, as memcmp() compares them.
std::uint64_t prefix(Datum text) noexcept
{
    const auto* value = DatumGetPointer(text);
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, VARDATA_ANY(value), std::min<std::size_t>(VARSIZE_ANY_EXHDR(value), sizeof bytes));
    return __builtin_bswap64(bytes);
}

std::uint64_t rising_code(const top_kind& kind, Datum order) noexcept
{
    switch (kind.coded) {
    case code::int16:
        return ordered(std::int64_t{DatumGetInt16(order)});
    case code::int32:
        return ordered(std::int64_t{DatumGetInt32(order)});
    case code::int64:
        return ordered(DatumGetInt64(order));
    case code::float4:
        return ordered(static_cast<double>(DatumGetFloat4(order)));
    case code::float8:
        return ordered(DatumGetFloat8(order));
    case code::prefix:
        return prefix(order);
    default:
        return 0;
    }
}

// The order that an exact code stands for.
Datum decoded(const top_kind& kind, std::uint64_t coded) noexcept
{
    const std::uint64_t rising = kind.ascending ? coded : ~coded;
    const auto number = static_cast<std::int64_t>(rising ^ sign_bit);
    switch (kind.coded) {
    case code::int16:
        return Int16GetDatum(static_cast<std::int16_t>(number));
    case code::int32:
        return Int32GetDatum(static_cast<std::int32_t>(number));
    case code::float4:
        return Float4GetDatum(static_cast<float>(from_ordered(rising)));
    case code::float8:
        return Float8GetDatum(from_ordered(rising));
    default:
        return Int64GetDatum(number);
    }
}

void require_order(const stored_type& order)
{
    if (!order.has_order) {
        const char* name = format_type_be(order.type);
        throw error(sqlstate::undefined_function, std::string{"values of type "} + name + " have no order",
                    "The type has no default btree operator class, or is a row that holds a domain with a condition.",
                    "Order by another expression, as by a column of the row.");
    }
    if (type_is_collatable(order.type) && !OidIsValid(order.collation)) {
        throw error(indeterminate_collation, "could not determine which collation orders the values", {},
                    "Use the COLLATE clause to set the collation explicitly.");
    }
}

int sign_of(const top_kind& kind, int order) noexcept
{
    return kind.ascending ? order : -order;
}

Datum order_of(const top_kind& kind, const top_entry& entry) noexcept
{
    return kind.is_exact() ? decoded(kind, entry.code) : read_held(*kind.order, entry.order());
}

} // namespace

top_kind* make_top_kind(Oid value, Oid order, Oid order_collation, bool ascending, MemoryContext memory)
{
    auto* made = static_cast<top_kind*>(MemoryContextAllocZero(memory, sizeof(top_kind)));
    const Oid base = getBaseType(order);
    const Oid collation = type_is_collatable(base) ? order_collation : InvalidOid;
    made->value = make_stored_type(value, C_COLLATION_OID, memory);
    made->order = make_stored_type(base, collation, memory);
    require_order(*made->order);
    made->coded = code_of(*made->order);
    made->ascending = ascending;
    const qualified_name collated = name_of_collation(collation, memory);
    made->header = {ascending,           GetDatabaseEncoding(), 0,
                    made->value->schema, made->value->name,     made->order->schema,
                    made->order->name,   collated.schema,       collated.name,
                    made->value->shape,  made->order->shape};
    return made;
}

std::uint64_t order_code(const top_kind& kind, Datum order) noexcept
{
    const std::uint64_t rising = rising_code(kind, order);
    return kind.ascending ? rising : ~rising;
}

// By the order, then by the value: NULL last, else by its type's order; texts by their bytes. What is equal in these
// and looks different is told apart by its bytes, so that no two rows may stand for each other but equal ones.
int entries_of::compare(const top_entry& a, const top_entry& b) const
{
    if (!kind_.is_exact()) {
        if (const int order = compare_held(*kind_.order, order_of(kind_, a), order_of(kind_, b)); order != 0) {
            return sign_of(kind_, order < 0 ? -1 : 1);
        }
    }
    if (a.is_null() != b.is_null()) {
        return a.is_null() ? 1 : -1;
    }
    if (!a.is_null()) {
        const Datum left = read_held(*kind_.value, a.value());
        const Datum right = read_held(*kind_.value, b.value());
        if (const int value = compare_held(*kind_.value, left, right); value != 0) {
            return value;
        }
        if (const int bytes = compare_bytes(*kind_.value, left, right); bytes != 0) {
            return bytes;
        }
    }
    return kind_.is_exact() ? 0 : compare_bytes(*kind_.order, order_of(kind_, a), order_of(kind_, b));
}

void top_n_state::put(std::uint64_t code, Datum value, bool is_null, Datum order)
{
    const bool exact = kind_->is_exact();
    top_entry& made = rows_.append(code, exact ? 0 : held_size(*kind_->order, order),
                                   is_null ? 0 : held_size(*kind_->value, value), is_null);
    if (!exact) {
        write_held(*kind_->order, order, top_n::order_of(made));
    }
    if (!is_null) {
        write_held(*kind_->value, value, top_n::value_of(made));
    }
    rows_.settle(entries_of{*kind_}, pg::poll);
}

void top_n_state::add(Datum value, bool is_null, Datum order)
{
    const Datum held_order = held_value(*kind_->order, order);
    const std::uint64_t code = order_code(*kind_, held_order);
    if (rows_.wants(code)) {
        put(code, is_null ? Datum{0} : held_value(*kind_->value, value), is_null, held_order);
    }
}

void top_n_state::add_stored(top_n_reader& from)
{
    poller polls{pg::poll};
    for (std::size_t i = 0; i < from.entries(); ++i) {
        const stored_entry entry = from.next();
        const Datum order = held_from_stored(*kind_->order, entry.order, top_n_type);
        const Datum value = entry.is_null ? Datum{0} : held_from_stored(*kind_->value, entry.value, top_n_type);
        const std::uint64_t code = order_code(*kind_, order);
        if (rows_.wants(code)) {
            put(code, value, entry.is_null, order);
        }
        polls.tick();
    }
    from.expect_end();
}

std::span<const top_entry* const> top_n_state::sorted() const
{
    pg::context_resource memory;
    const auto found = rows_.sorted(entries_of{*kind_}, pg::poll, &memory);
    auto* made = pg::allocate_array<const top_entry*>(found.size());
    std::ranges::copy(found, made);
    return {made, found.size()};
}

void top_n_state::write(std::pmr::vector<std::byte>& to) const
{
    const auto entries = sorted();
    top_n_header header = kind_->header;
    header.n = n();
    byte_writer writer{to};
    write_top_n_header(writer, header, entries.size());
    poller polls{pg::poll};
    for (const top_entry* entry : entries) {
        const auto order = stored_bytes(*kind_->order, order_of(*kind_, *entry));
        const auto value = entry->is_null() ? std::string_view{}
                                            : stored_bytes(*kind_->value, read_held(*kind_->value, entry->value()));
        write_top_n_entry(writer, {entry->is_null(), order, value});
        polls.tick();
    }
}

} // namespace etl
