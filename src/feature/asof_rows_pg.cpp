#include "feature/asof_rows_pg.hpp"

#include "pg/memory.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/date.h>
#include <utils/datum.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

#include <algorithm>
#include <cstring>
#include <limits>

namespace etl::feature {
namespace {

constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();

HeapTupleHeader header_of(std::span<const std::byte> row)
{
    return reinterpret_cast<HeapTupleHeader>(const_cast<std::byte*>(row.data()));
}

int sign(int of) noexcept
{
    return (of > 0) - (of < 0);
}

int compare_bytes(const void* a, std::size_t a_size, const void* b, std::size_t b_size)
{
    const int common = std::memcmp(a, b, std::min(a_size, b_size));
    return common != 0 ? sign(common) : (a_size > b_size) - (a_size < b_size);
}

int compare_images(const FormData_pg_attribute& of, Datum a, Datum b)
{
    if (of.attbyval) {
        return (a > b) - (a < b);
    }
    if (of.attlen == -1) {
        const auto left = pg::varlena_bytes(a);
        const auto right = pg::varlena_bytes(b);
        return compare_bytes(left.data(), left.size(), right.data(), right.size());
    }
    return compare_bytes(DatumGetPointer(a), datumGetSize(a, false, of.attlen), DatumGetPointer(b),
                         datumGetSize(b, false, of.attlen));
}

} // namespace

// Of the 64 MB beside work_mem × hash_mem_multiplier some are left to PostgreSQL.
std::size_t asof_budget()
{
    return get_hash_memory_limit() + (std::size_t{48} << 20);
}

std::span<const std::byte> composite_bytes(Datum value)
{
    const HeapTupleHeader row = DatumGetHeapTupleHeader(value);
    return {reinterpret_cast<const std::byte*>(row), HeapTupleHeaderGetDatumLength(row)};
}

void read_columns(std::span<const std::byte> row, TupleDesc columns, Datum* values, bool* nulls)
{
    HeapTupleData tuple = {};
    tuple.t_len = static_cast<uint32>(row.size());
    tuple.t_data = header_of(row);
    heap_deform_tuple(&tuple, columns, values, nulls);
}

bool is_moment(Oid type) noexcept
{
    constexpr Oid known[] = {INT2OID, INT4OID, INT8OID, DATEOID, TIMESTAMPOID, TIMESTAMPTZOID};
    return std::ranges::find(known, type) != std::end(known);
}

std::int64_t read_moment(Oid type, Datum value) noexcept
{
    switch (type) {
    case INT2OID:
        return DatumGetInt16(value);
    case INT4OID:
        return DatumGetInt32(value);
    case DATEOID: {
        const DateADT day = DatumGetDateADT(value);
        return DATE_IS_NOBEGIN(day) ? lowest : DATE_IS_NOEND(day) ? highest : day;
    }
    default:
        return DatumGetInt64(value);
    }
}

Datum moment_datum(Oid type, std::int64_t value) noexcept
{
    switch (type) {
    case INT2OID:
        return Int16GetDatum(static_cast<std::int16_t>(value));
    case INT4OID:
        return Int32GetDatum(static_cast<std::int32_t>(value));
    case DATEOID:
        return DateADTGetDatum(value == lowest    ? DATEVAL_NOBEGIN
                               : value == highest ? DATEVAL_NOEND
                                                  : static_cast<DateADT>(value));
    default:
        return Int64GetDatum(value);
    }
}

int column_ranking::compare(std::span<const std::byte> a, std::span<const std::byte> b)
{
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0
               ? 0
               : pg::call([&] { return compare_rows(a, b); });
}

// May raise, as all below.
int column_ranking::compare_rows(std::span<const std::byte> a, std::span<const std::byte> b)
{
    if (columns_ == nullptr || modifier_ != HeapTupleHeaderGetTypMod(header_of(a))) {
        learn(a);
    }
    const int count = columns_->natts;
    read_columns(a, columns_, values_, nulls_);
    read_columns(b, columns_, values_ + count, nulls_ + count);
    MemoryContext before = MemoryContextSwitchTo(work_);
    int found = 0;
    for (int i = 0; i < count && found == 0; ++i) {
        const bool a_null = nulls_[i];
        const bool b_null = nulls_[count + i];
        found = a_null || b_null ? b_null - a_null : compare_values(i, values_[i], values_[count + i]);
    }
    for (int i = 0; i < count && found == 0; ++i) {
        if (!nulls_[i]) {
            found = compare_images(*TupleDescAttr(columns_, i), values_[i], values_[count + i]);
        }
    }
    MemoryContextSwitchTo(before);
    MemoryContextReset(work_);
    return found;
}

int column_ranking::compare_values(int column, Datum a, Datum b) const
{
    const FormData_pg_attribute& of = *TupleDescAttr(columns_, column);
    if (!OidIsValid(orders_[column].fn_oid)) {
        return compare_images(of, a, b);
    }
    return sign(DatumGetInt32(FunctionCall2Coll(const_cast<FmgrInfo*>(&orders_[column]), of.attcollation, a, b)));
}

void column_ranking::learn(std::span<const std::byte> row)
{
    MemoryContext before = MemoryContextSwitchTo(memory_);
    modifier_ = HeapTupleHeaderGetTypMod(header_of(row));
    columns_ = lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(header_of(row)), modifier_);
    const auto count = static_cast<std::size_t>(columns_->natts);
    orders_ = static_cast<FmgrInfo*>(MemoryContextAllocZero(memory_, sizeof(FmgrInfo) * (count + 1)));
    values_ = static_cast<Datum*>(MemoryContextAllocZero(memory_, sizeof(Datum) * (2 * count + 1)));
    nulls_ = static_cast<bool*>(MemoryContextAllocZero(memory_, sizeof(bool) * (2 * count + 1)));
    for (int i = 0; i < columns_->natts; ++i) {
        const TypeCacheEntry* type = lookup_type_cache(TupleDescAttr(columns_, i)->atttypid, TYPECACHE_CMP_PROC);
        if (OidIsValid(type->cmp_proc)) {
            fmgr_info_cxt(type->cmp_proc, &orders_[i], memory_);
        }
    }
    if (work_ == nullptr) {
        work_ = AllocSetContextCreate(memory_, "pg_etl comparison", ALLOCSET_SMALL_SIZES);
    }
    MemoryContextSwitchTo(before);
}

} // namespace etl::feature
