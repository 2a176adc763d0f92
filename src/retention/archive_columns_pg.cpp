#include "retention/archive_columns_pg.hpp"

#include "core/file_error.hpp"
#include "core/text.hpp"
#include "retention/archive_text_pg.hpp"
#include "retention/archive_writer.hpp"

extern "C" {
#include <access/htup_details.h>
#include <parser/parse_type.h>
#include <utils/jsonb.h>
}

#include <algorithm>

namespace etl {
namespace {

std::string_view name_of(TupleDesc row, int column)
{
    return NameStr(TupleDescAttr(row, column)->attname);
}

[[noreturn]] void refuse_columns()
{
    throw error(sqlstate::invalid_parameter_value, "columns are no list of the columns of an archive file", {},
                R"(They look like [{"name": "id", "type": "bigint"}], as etl.archives has them.)");
}

// A member of an object as a string in the current memory context.
const char* text_member(JsonbContainer* object, std::string_view key)
{
    const JsonbValue* found = getKeyJsonValueFromContainer(object, key.data(), static_cast<int>(key.size()), nullptr);
    if (found == nullptr || found->type != jbvString) {
        refuse_columns();
    }
    return pnstrdup(found->val.string.val, static_cast<Size>(found->val.string.len));
}

void read_column(JsonbContainer* list, int i, TupleDesc to)
{
    const JsonbValue* column = getIthJsonbValueFromContainer(list, static_cast<uint32>(i));
    if (column->type != jbvBinary || !JsonContainerIsObject(column->val.binary.data)) {
        refuse_columns();
    }
    JsonbContainer* object = column->val.binary.data;
    Oid type = InvalidOid;
    int32 modifier = -1;
#if PG_VERSION_NUM >= 160000
    parseTypeString(text_member(object, "type"), &type, &modifier, nullptr);
#else
    parseTypeString(text_member(object, "type"), &type, &modifier, false);
#endif
    TupleDescInitEntry(to, static_cast<AttrNumber>(i + 1), text_member(object, "name"), type, modifier, 0);
}

} // namespace

std::vector<std::string> archive_names(TupleDesc row)
{
    std::vector<std::string> names;
    for (int i = 0; i < row->natts; ++i) {
        const std::string_view name = name_of(row, i);
        names.emplace_back(pg::call([name] { return to_archive_text(name); }));
        if (std::find(names.begin(), names.end() - 1, names.back()) != names.end() - 1) {
            throw error(file_sqlstate::duplicate_column, "an archive file cannot have two columns " + in_quotes(name),
                        {}, "Give each column a name of its own with AS.");
        }
    }
    return names;
}

std::string describe_columns(TupleDesc row)
{
    std::string made = "[";
    for (int i = 0; i < row->natts; ++i) {
        const FormData_pg_attribute* attribute = TupleDescAttr(row, i);
        const char* type = pg::call([attribute] {
            return format_type_extended(attribute->atttypid, attribute->atttypmod, FORMAT_TYPE_TYPEMOD_GIVEN);
        });
        made += i == 0 ? "{\"name\": " : ", {\"name\": ";
        made += as_json_string(name_of(row, i)) + ", \"type\": " + as_json_string(type) + '}';
    }
    return made + ']';
}

TupleDesc read_columns(Datum list)
{
    JsonbContainer* root = &DatumGetJsonbP(list)->root;
    if (!JsonContainerIsArray(root) || JsonContainerIsScalar(root) ||
        JsonContainerSize(root) > MaxTupleAttributeNumber) {
        refuse_columns();
    }
    const int count = static_cast<int>(JsonContainerSize(root));
    TupleDesc made = CreateTemplateTupleDesc(count);
    for (int i = 0; i < count; ++i) {
        read_column(root, i, made);
    }
    return made;
}

} // namespace etl
