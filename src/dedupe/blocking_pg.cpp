// What blocking asks of C++: the columns that an expression reads, and the first key that two rows share.
#include "pg/function.hpp"
#include "pg/interrupts.hpp"
#include "pg/row_expression.hpp"
#include "pg/text_array.hpp"

extern "C" {
#include <access/table.h>
#include <catalog/pg_type.h>
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/rel.h>
#include <utils/uuid.h>
}

#include <algorithm>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

namespace etl::dedupe {
namespace {

// A relation open for a scope. Where an exception passes, it is left to the transaction's abort.
class open_relation {
  public:
    explicit open_relation(Oid id) : relation_{pg::call([id] { return table_open(id, AccessShareLock); })} {}
    ~open_relation()
    {
        if (std::uncaught_exceptions() == exceptions_) {
            table_close(relation_, NoLock);
        }
    }
    open_relation(const open_relation&) = delete;
    open_relation& operator=(const open_relation&) = delete;

    TupleDesc row() const noexcept { return RelationGetDescr(relation_); }

  private:
    Relation relation_;
    int exceptions_ = std::uncaught_exceptions();
};

struct uuids {
    const pg_uuid_t* at;
    int count;
};

// Elements of an array of keys, which has no NULL. May raise.
uuids keys_of(Datum value)
{
    ArrayType* array = DatumGetArrayTypeP(value);
    if (ARR_HASNULL(array) || ARR_ELEMTYPE(array) != UUIDOID) {
        throw error(sqlstate::invalid_parameter_value, "an array of block keys has no NULL");
    }
    return {reinterpret_cast<const pg_uuid_t*>(ARR_DATA_PTR(array)), ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array))};
}

// Whether an ascending array has the key.
bool holds(const uuids& keys, const pg_uuid_t& key)
{
    const auto is_before = [](const pg_uuid_t& x, const pg_uuid_t& y) { return std::memcmp(&x, &y, sizeof x) < 0; };
    return std::binary_search(keys.at, keys.at + keys.count, key, is_before);
}

} // namespace
} // namespace etl::dedupe

using namespace etl;

ETL_FUNCTION(etl_expression_columns, args)
{
    const Oid id = DatumGetObjectId(args.given(0));
    const auto expressions = args.get<std::string_view>(1);
    const auto purpose = args.get<std::string_view>(2);
    if (expressions.find_first_not_of(" \t\r\n") == std::string_view::npos) {
        throw error(sqlstate::invalid_parameter_value, std::string{purpose} + " has no expression", {},
                    "Give one or more SQL expressions over a row.");
    }
    const dedupe::open_relation relation{id};
    const auto compiled = pg::row_expression::condition("num_nulls(\n" + std::string{expressions} + "\n) = 0",
                                                        relation.row(), id, std::string{purpose});
    if (compiled.is_volatile()) {
        throw error(sqlstate::invalid_parameter_value, std::string{purpose} + " has a volatile function",
                    "Its value may be another one each time: \"" + std::string{expressions} + "\".",
                    "Use functions that are STABLE or IMMUTABLE.");
    }
    std::vector<std::string> columns;
    for (int i = 0; i < relation.row()->natts; ++i) {
        if (compiled.reads(i)) {
            columns.emplace_back(NameStr(TupleDescAttr(relation.row(), i)->attname));
        }
    }
    return pg::make_text_array(columns);
}

ETL_FUNCTION(etl_first_common_key, args)
{
    const dedupe::uuids left = dedupe::keys_of(args.given(0));
    const dedupe::uuids right = dedupe::keys_of(args.given(1));
    for (int i = 0; i < left.count; ++i) {
        pg::check_interrupts();
        if (dedupe::holds(right, left.at[i])) {
            return UUIDPGetDatum(&left.at[i]);
        }
    }
    return args.null_result();
}
