#include "sketch/stored_value_pg.hpp"

#include "core/bytes.hpp"
#include "pg/collation.hpp"
#include "pg/portable_settings.hpp"
#include "sketch/stored_types_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <catalog/namespace.h>
#include <catalog/pg_collation.h>
#include <catalog/pg_type.h>
#include <lib/stringinfo.h>
#include <mb/pg_wchar.h>
#include <nodes/value.h>
#include <utils/datum.h>
#include <utils/expandeddatum.h>
#include <utils/lsyscache.h>
#include <utils/syscache.h>
#include <utils/typcache.h>
}

#include <algorithm>
#include <cstring>
#include <string>

namespace etl {
namespace {

using form = stored_type::form;

// Types whose send functions write the same bytes in every session, and whose receive functions check them.
constexpr Oid sent_types[] = {BOOLOID, INT2OID,  INT4OID,    INT8OID,     FLOAT4OID,    FLOAT8OID,      NUMERICOID,
                              OIDOID,  DATEOID,  TIMEOID,    TIMETZOID,   TIMESTAMPOID, TIMESTAMPTZOID, INTERVALOID,
                              UUIDOID, BYTEAOID, MACADDROID, MACADDR8OID, PG_LSNOID,    POINTOID};

form form_of(Oid type)
{
    if (type == TEXTOID || type == VARCHAROID || type == BPCHAROID) {
        return form::text;
    }
    return std::ranges::find(sent_types, type) != std::end(sent_types) ? form::binary : form::written;
}

[[noreturn]] void refuse_type(Oid type)
{
    const bool is_row = type == RECORDOID || type == RECORDARRAYOID;
    const char* name = format_type_be(type);
    throw error(sqlstate::feature_not_supported, std::string{"values of type "} + name + " cannot be kept in a state",
                is_row ? "The row is of no named type, so that nobody else could read it." : "",
                is_row ? "Give a row of a table or view, or cast it to a composite type." : "");
}

std::string_view kept_name(const char* name, MemoryContext memory)
{
    return MemoryContextStrdup(memory, name);
}

void name_type(stored_type& to, MemoryContext memory)
{
    HeapTuple found = SearchSysCache1(TYPEOID, ObjectIdGetDatum(to.type));
    if (!HeapTupleIsValid(found)) {
        throw error(sqlstate::internal_error, "there is no type " + std::to_string(to.type));
    }
    const auto* form = reinterpret_cast<Form_pg_type>(GETSTRUCT(found));
    to.name = kept_name(NameStr(form->typname), memory);
    to.schema = kept_name(get_namespace_name(form->typnamespace), memory);
    ReleaseSysCache(found);
}

void find_io(stored_type& to, MemoryContext memory)
{
    Oid write = InvalidOid;
    Oid read = InvalidOid;
    bool is_varlena = false;
    if (to.stored == form::binary) {
        getTypeBinaryOutputInfo(to.type, &write, &is_varlena);
        getTypeBinaryInputInfo(to.type, &read, &to.io_parameter);
    } else {
        getTypeOutputInfo(to.type, &write, &is_varlena);
        getTypeInputInfo(to.type, &read, &to.io_parameter);
    }
    fmgr_info_cxt(write, &to.write, memory);
    fmgr_info_cxt(read, &to.read, memory);
}

void find_order(stored_type& to, MemoryContext memory)
{
    const TypeCacheEntry* known = lookup_type_cache(to.type, TYPECACHE_CMP_PROC);
    to.has_order = OidIsValid(known->cmp_proc) && !to.held_as_text;
    if (to.has_order) {
        fmgr_info_cxt(known->cmp_proc, &to.order, memory);
    }
}

// The bytes of a value, a varlena's without its header.
std::string_view held_bytes(const stored_type& of, const Datum& held) noexcept
{
    if (of.by_value) {
        return {reinterpret_cast<const char*>(&held), sizeof held};
    }
    const auto* pointer = DatumGetPointer(held);
    if (of.length > 0) {
        return {pointer, static_cast<std::size_t>(of.length)};
    }
    return {VARDATA_ANY(pointer), VARSIZE_ANY_EXHDR(pointer)};
}

[[noreturn]] void refuse_value(const stored_type& of, const char* state_type)
{
    refuse_state(state_type, "It holds bytes that are no value of type " + std::string{of.name} + ".");
}

Datum received(stored_type& of, std::string_view bytes, const char* state_type)
{
    StringInfoData from;
    initStringInfo(&from);
    appendBinaryStringInfo(&from, bytes.data(), static_cast<int>(bytes.size()));
    const Datum made = ReceiveFunctionCall(&of.read, &from, of.io_parameter, -1);
    if (from.cursor != from.len) {
        refuse_value(of, state_type);
    }
    return made;
}

Datum from_text(stored_type& of, const char* text)
{
    const int level = NewGUCNestLevel();
    pg::set_portable_settings();
    const Datum made = InputFunctionCall(&of.read, const_cast<char*>(text), of.io_parameter, -1);
    AtEOXact_GUC(true, level);
    return made;
}

char* to_text(stored_type& of, Datum value)
{
    const int level = NewGUCNestLevel();
    pg::set_portable_settings();
    char* made = OutputFunctionCall(&of.write, value);
    AtEOXact_GUC(true, level);
    return made;
}

} // namespace

stored_type* make_stored_type(Oid type, Oid collation, MemoryContext memory)
{
    auto* made = static_cast<stored_type*>(MemoryContextAllocZero(memory, sizeof(stored_type)));
    made->type = type;
    if (get_typtype(type) == TYPTYPE_PSEUDO || get_typlen(type) == -2) {
        refuse_type(type);
    }
    get_typlenbyval(type, &made->length, &made->by_value);
    made->stored = form_of(type);
    made->held_as_text = !reads_no_code(type);
    made->shape = shape_of(type);
    if (made->held_as_text) {
        made->length = -1;
        made->by_value = false;
    }
    made->collation = collation;
    made->is_plain_text =
        (type == TEXTOID || type == VARCHAROID) && OidIsValid(collation) && pg::orders_by_bytes(collation);
    name_type(*made, memory);
    find_io(*made, memory);
    find_order(*made, memory);
    return made;
}

void require_shape(std::uint64_t now, std::uint64_t stored, std::string_view schema, std::string_view name)
{
    if (now != stored) {
        throw error(sqlstate::datatype_mismatch,
                    "the state holds rows of type " + std::string{schema} + "." + std::string{name} +
                        " as it was before its columns changed",
                    "A row is stored as the list of its columns' values, which is not that of the type any more.",
                    "Make the state anew from its rows.");
    }
}

Oid find_type(std::string_view schema, std::string_view name)
{
    const std::string of{schema};
    const std::string type{name};
    return pg::call([&of, &type] {
        const Oid space = get_namespace_oid(of.c_str(), true);
        return OidIsValid(space) && type.size() < NAMEDATALEN
                   ? GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(type.c_str()),
                                     ObjectIdGetDatum(space))
                   : InvalidOid;
    });
}

Oid find_collation(std::string_view schema, std::string_view name)
{
    std::string of{schema};
    std::string collation{name};
    return pg::call([&of, &collation] {
        return get_collation_oid(list_make2(makeString(of.data()), makeString(collation.data())), true);
    });
}

qualified_name name_of_collation(Oid collation, MemoryContext memory)
{
    if (!OidIsValid(collation)) {
        return {};
    }
    HeapTuple found = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
    if (!HeapTupleIsValid(found)) {
        throw error(sqlstate::internal_error, "there is no collation " + std::to_string(collation));
    }
    const auto* form = reinterpret_cast<Form_pg_collation>(GETSTRUCT(found));
    const qualified_name made{kept_name(get_namespace_name(form->collnamespace), memory),
                              kept_name(NameStr(form->collname), memory)};
    ReleaseSysCache(found);
    return made;
}

Datum held_value(stored_type& of, Datum value)
{
    if (of.held_as_text) {
        return pg::call([&of, value] { return PointerGetDatum(cstring_to_text(to_text(of, value))); });
    }
    if (of.length != -1) {
        return value;
    }
    auto* pointer = reinterpret_cast<varlena*>(DatumGetPointer(value));
    if (VARATT_IS_EXTERNAL(pointer) || VARATT_IS_COMPRESSED(pointer)) {
        return pg::call([pointer] { return PointerGetDatum(pg_detoast_datum(pointer)); });
    }
    return value;
}

std::size_t held_size(const stored_type& of, Datum held) noexcept
{
    return of.by_value || of.length > 0 ? held_bytes(of, held).size()
                                        : VARSIZE_ANY_EXHDR(DatumGetPointer(held)) + VARHDRSZ;
}

void write_held(const stored_type& of, Datum held, std::byte* to) noexcept
{
    const auto bytes = held_bytes(of, held);
    if (!of.by_value && of.length == -1) {
        SET_VARSIZE(to, bytes.size() + VARHDRSZ);
        to += VARHDRSZ;
    }
    std::memcpy(to, bytes.data(), bytes.size());
}

Datum read_held(const stored_type& of, const std::byte* from) noexcept
{
    return of.by_value ? load<Datum>(from) : PointerGetDatum(from);
}

int compare_bytes(const stored_type& of, Datum a, Datum b) noexcept
{
    const auto left = held_bytes(of, a);
    const auto right = held_bytes(of, b);
    const int head = std::memcmp(left.data(), right.data(), std::min(left.size(), right.size()));
    return head != 0 ? head
                     : static_cast<int>(left.size() > right.size()) - static_cast<int>(left.size() < right.size());
}

int compare_held(stored_type& of, Datum a, Datum b)
{
    if (!of.has_order || of.is_plain_text) {
        return compare_bytes(of, a, b);
    }
    return pg::call([&of, a, b] { return DatumGetInt32(FunctionCall2Coll(&of.order, of.collation, a, b)); });
}

std::string_view stored_bytes(stored_type& of, Datum held)
{
    if (of.stored == form::text || of.held_as_text) {
        return held_bytes(of, held);
    }
    return pg::call([&of, held]() -> std::string_view {
        if (of.stored == form::binary) {
            const bytea* made = SendFunctionCall(&of.write, held);
            return {VARDATA_ANY(made), VARSIZE_ANY_EXHDR(made)};
        }
        return to_text(of, held);
    });
}

Datum held_from_stored(stored_type& of, std::string_view bytes, const char* state_type)
{
    return pg::call([&of, bytes, state_type] {
        if (of.stored == form::binary) {
            return received(of, bytes, state_type);
        }
        const auto size = static_cast<int>(bytes.size());
        if (!pg_verifymbstr(bytes.data(), size, true)) {
            refuse_value(of, state_type);
        }
        if (of.stored == form::text || of.held_as_text) {
            return PointerGetDatum(cstring_to_text_with_len(bytes.data(), size));
        }
        return from_text(of, pnstrdup(bytes.data(), bytes.size()));
    });
}

Datum real_value(stored_type& of, Datum held)
{
    if (!of.held_as_text) {
        return held;
    }
    return pg::call([&of, held] { return from_text(of, text_to_cstring(DatumGetTextPP(held))); });
}

Datum make_array(Oid type, Datum* values, bool* nulls, std::size_t size)
{
    if (size == 0) {
        return PointerGetDatum(construct_empty_array(type));
    }
    int elements = static_cast<int>(size);
    int from = 1;
    std::int16_t length = 0;
    bool by_value = false;
    char alignment = 0;
    get_typlenbyvalalign(type, &length, &by_value, &alignment);
    return PointerGetDatum(construct_md_array(values, nulls, 1, &elements, &from, type, length, by_value, alignment));
}

} // namespace etl
