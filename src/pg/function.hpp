// How a C++ function becomes an SQL function.
//
//   ETL_FUNCTION(etl_haversine_km, args)
//   {
//       return args.result(haversine_km(args.get<double>(0), …));
//   }
//
// The macro defines the symbol that CREATE FUNCTION … LANGUAGE C names, with PostgreSQL's calling convention, and
// puts the body behind boundary(). Everything else of the library is hidden.
#pragma once

#include "pg/boundary.hpp"
#include "pg/memory.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace etl::pg {

// Bytes of a varlena (text, bytea, a state type), detoasted. May raise: phase one only.
inline std::span<const std::byte> varlena_bytes(Datum value)
{
    const auto* packed = PG_DETOAST_DATUM_PACKED(value);
    return {reinterpret_cast<const std::byte*>(VARDATA_ANY(packed)), VARSIZE_ANY_EXHDR(packed)};
}

inline std::string_view varlena_text(Datum value)
{
    const auto bytes = varlena_bytes(value);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A new varlena in the current memory context, under any live object.
inline Datum make_varlena(std::span<const std::byte> bytes)
{
    auto* made = static_cast<varlena*>(call([size = bytes.size()] { return palloc(size + VARHDRSZ); }));
    SET_VARSIZE(made, bytes.size() + VARHDRSZ);
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::byte*>(VARDATA(made)));
    return PointerGetDatum(made);
}

inline Datum make_text(std::string_view text)
{
    return make_varlena(std::as_bytes(std::span{text}));
}

// The arguments of one call and the ways to return. Copies are cheap: it is a pointer.
class arguments {
  public:
    explicit arguments(FunctionCallInfo fcinfo) noexcept : fcinfo_{fcinfo} {}

    FunctionCallInfo raw() const noexcept { return fcinfo_; }
    int count() const noexcept { return fcinfo_->nargs; }
    bool is_null(int i) const noexcept { return fcinfo_->args[i].isnull; }
    Datum datum(int i) const noexcept { return fcinfo_->args[i].value; }
    Oid type(int i) const { return get_fn_expr_argtype(fcinfo_->flinfo, i); }
    Oid collation() const noexcept { return fcinfo_->fncollation; }

    // An argument that must not be NULL. Whatever a function is made for, any role may call it with NULL, unless it is
    // STRICT.
    Datum given(int i) const
    {
        if (is_null(i)) [[unlikely]] {
            refuse_null(i);
        }
        return datum(i);
    }

    // The argument, not NULL, as a C++ value: bool, int32_t, int64_t (also timestamptz), double, std::string_view
    // (text), std::span<const std::byte> (bytea and the like). Detoasting may raise: phase one only.
    template <class T>
    T get(int i) const
    {
        const Datum value = given(i);
        if constexpr (std::is_same_v<T, bool>) {
            return DatumGetBool(value);
        } else if constexpr (std::is_same_v<T, std::int32_t>) {
            return DatumGetInt32(value);
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
            return DatumGetInt64(value);
        } else if constexpr (std::is_same_v<T, double>) {
            return DatumGetFloat8(value);
        } else if constexpr (std::is_same_v<T, std::string_view>) {
            return varlena_text(value);
        } else {
            static_assert(std::is_same_v<T, std::span<const std::byte>>, "no conversion for this type");
            return varlena_bytes(value);
        }
    }

    Datum null_result() const noexcept
    {
        fcinfo_->isnull = true;
        return Datum{0};
    }
    Datum result(bool value) const noexcept { return BoolGetDatum(value); }
    Datum result(std::int32_t value) const noexcept { return Int32GetDatum(value); }
    Datum result(std::int64_t value) const noexcept { return Int64GetDatum(value); }
    Datum result(double value) const noexcept { return Float8GetDatum(value); }
    Datum result(std::string_view value) const { return make_text(value); }
    Datum result(std::span<const std::byte> value) const { return make_varlena(value); }

    // An object kept from one call to the next for as long as the calling expression lives: compiled once, used for
    // every row. `make` returns what T's constructor takes.
    template <class T, class Make>
    T& cached(Make&& make) const
    {
        FmgrInfo* flinfo = fcinfo_->flinfo;
        if (flinfo->fn_extra == nullptr) {
            flinfo->fn_extra = construct_in<T>(flinfo->fn_mcxt, make());
        }
        return *static_cast<T*>(flinfo->fn_extra);
    }

  private:
    [[noreturn]] static void refuse_null(int i)
    {
        throw error(sqlstate::null_value_not_allowed, "argument " + std::to_string(i + 1) + " must not be NULL");
    }

    FunctionCallInfo fcinfo_;
};

static_assert(sizeof(std::int64_t) <= sizeof(Datum), "bigint and float8 are passed by value from PostgreSQL 15 on");

} // namespace etl::pg

#define ETL_FUNCTION(name, args)                                                                                       \
    static Datum name##_body(etl::pg::arguments args);                                                                 \
    extern "C" {                                                                                                       \
    [[gnu::visibility("default")]] const Pg_finfo_record* pg_finfo_##name(void);                                       \
    [[gnu::visibility("default")]] Datum name(FunctionCallInfo fcinfo);                                                \
    const Pg_finfo_record* pg_finfo_##name(void)                                                                       \
    {                                                                                                                  \
        static const Pg_finfo_record info = {1};                                                                       \
        return &info;                                                                                                  \
    }                                                                                                                  \
    Datum name(FunctionCallInfo fcinfo)                                                                                \
    {                                                                                                                  \
        return etl::pg::boundary([fcinfo] { return name##_body(etl::pg::arguments{fcinfo}); });                        \
    }                                                                                                                  \
    }                                                                                                                  \
    static Datum name##_body([[maybe_unused]] etl::pg::arguments args)
