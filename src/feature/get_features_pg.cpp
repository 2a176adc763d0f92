// etl.features_of, etl.get_features and etl.get_features_of_all: entities as SQL values or as JSON.
#include "feature/served_view_pg.hpp"
#include "pg/result_set.hpp"

extern "C" {
#include <access/xact.h>
#include <catalog/pg_type.h>
#include <utils/array.h>
#include <utils/jsonb.h>
}

#include <algorithm>
#include <array>

namespace etl::feature {
namespace {

using view_list = std::vector<std::shared_ptr<served_view>>;

std::string listed(const std::vector<std::string>& names)
{
    std::string made;
    for (const std::string& name : names) {
        made += (made.empty() ? "" : ", ") + name;
    }
    return made;
}

// Entities as SQL values ---------------------------------------------------------------------------------------------

void require_count(pg::arguments args, const served_view& view)
{
    const auto given = static_cast<std::size_t>(args.count() - 1);
    if (given != view.entity().size()) {
        throw error(sqlstate::invalid_parameter_value,
                    "feature view \"" + view.name() + "\" has " + std::to_string(view.entity().size()) +
                        " entity columns, and " + std::to_string(given) + " values were given",
                    {}, "Give a value for each of " + listed(view.entity()) + ".");
    }
}

entity_value read_argument(pg::arguments args, int number, served_view& view)
{
    const auto column = static_cast<std::size_t>(number - 1);
    Oid type = args.type(number);
    if (args.is_null(number)) {
        return {view.type(column), Datum{0}, true};
    }
    if (type != UNKNOWNOID) {
        return {type, args.datum(number), false};
    }
    return {view.type(column), view.read(column, DatumGetCString(args.datum(number))), false};
}

// Entities as JSON ----------------------------------------------------------------------------------------------------

JsonbContainer* object_of(const Jsonb* document)
{
    if (!JB_ROOT_IS_OBJECT(document)) {
        throw error(sqlstate::invalid_parameter_value, "an entity must be a JSON object", {},
                    "Give the entity columns and their values, as in '{\"user_id\": 7}'.");
    }
    return const_cast<JsonbContainer*>(&document->root);
}

// A JSON value as a type's input function reads it; nullptr is NULL. May raise.
const char* text_of(JsonbValue* value)
{
    switch (value->type) {
    case jbvNull:
        return nullptr;
    case jbvString:
        return pnstrdup(value->val.string.val, value->val.string.len);
    case jbvNumeric:
        return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
    case jbvBool:
        return value->val.boolean ? "true" : "false";
    default:
        return JsonbToCString(nullptr, value->val.binary.data, value->val.binary.len);
    }
}

entity_value read_member(JsonbContainer* object, std::size_t column, served_view& view)
{
    const std::string& name = view.entity()[column];
    JsonbValue* found = pg::call([object, &name] {
        return getKeyJsonValueFromContainer(object, name.data(), static_cast<int>(name.size()), nullptr);
    });
    if (found == nullptr) {
        throw error(sqlstate::invalid_parameter_value,
                    "the entity lacks column \"" + name + "\" of feature view \"" + view.name() + '"',
                    "Its entity columns are " + listed(view.entity()) + ".", "Give it as a member of the JSON object.");
    }
    const char* text = pg::call([found] { return text_of(found); });
    if (text == nullptr) {
        return {view.type(column), Datum{0}, true};
    }
    return {view.type(column), view.read(column, text), false};
}

std::vector<entity_value> read_entity(JsonbContainer* object, served_view& view)
{
    std::vector<entity_value> made;
    for (std::size_t i = 0; i < view.entity().size(); ++i) {
        made.push_back(read_member(object, i, view));
    }
    return made;
}

bool is_entity_column(const view_list& views, std::string_view name)
{
    return std::any_of(views.begin(), views.end(), [name](const auto& view) {
        return std::find(view->entity().begin(), view->entity().end(), name) != view->entity().end();
    });
}

// Throws where the object has a member that no view knows.
void require_known_members(JsonbContainer* object, const view_list& views)
{
    JsonbIterator* at = pg::call([object] { return JsonbIteratorInit(object); });
    JsonbValue member;
    auto next = [&] { return pg::call([&] { return JsonbIteratorNext(&at, &member, true); }); };
    for (JsonbIteratorToken token = next(); token != WJB_DONE; token = next()) {
        if (token != WJB_KEY) {
            continue;
        }
        const std::string_view name{member.val.string.val, static_cast<std::size_t>(member.val.string.len)};
        if (!is_entity_column(views, name)) {
            throw error(sqlstate::invalid_parameter_value,
                        "the entity has a member \"" + std::string{name} + "\" that is no entity column of the views",
                        {}, "Values for on-demand expressions belong into the request, the third argument.");
        }
    }
}

// Several views -------------------------------------------------------------------------------------------------------

view_list find_views(Datum names)
{
    Datum* values = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    pg::call([&] {
        deconstruct_array(DatumGetArrayTypeP(names), TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
    });
    view_list made;
    for (int i = 0; i < count; ++i) {
        if (nulls[i]) {
            throw error(sqlstate::null_value_not_allowed, "the name of a feature view must not be NULL");
        }
        made.push_back(served_view::find(pg::varlena_text(values[i])));
    }
    return made;
}

// A document with a member for each view.
Datum get_all(const view_list& views, JsonbContainer* object, const serving_request& with)
{
    require_known_members(object, views);
    JsonbParseState* state = nullptr;
    pg::call([&] { pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr); });
    for (const auto& view : views) {
        const Datum features = view->get(read_entity(object, *view), with);
        pg::call([&] {
            JsonbValue key;
            key.type = jbvString;
            key.val.string = {static_cast<int>(view->name().size()), const_cast<char*>(view->name().data())};
            pushJsonbValue(&state, WJB_KEY, &key);
            JsonbValue value;
            JsonbToJsonbValue(DatumGetJsonbP(features), &value);
            pushJsonbValue(&state, WJB_VALUE, &value);
        });
    }
    return pg::call([&] { return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, nullptr))); });
}

void put_entity(pg::result_set& rows, const view_list& views, Jsonb* entities, std::uint32_t i,
                const serving_request& with)
{
    const pg::scratch_context row;
    const pg::within_context here{row.get()};
    const Datum entity = pg::call(
        [entities, i] { return JsonbPGetDatum(JsonbValueToJsonb(getIthJsonbValueFromContainer(&entities->root, i))); });
    std::array values{Int64GetDatum(static_cast<std::int64_t>(i) + 1), entity,
                      get_all(views, object_of(DatumGetJsonbP(entity)), with)};
    std::array nulls{false, false, false};
    rows.put(values, nulls);
}

serving_request read_request(pg::arguments args)
{
    return {args.given(3), args.is_null(2) ? Datum{0} : args.datum(2), !args.is_null(2)};
}

} // namespace
} // namespace etl::feature

using namespace etl;
using namespace etl::feature;

ETL_FUNCTION(etl_features_of, args)
{
    const auto name = args.get<std::string_view>(0);
    if (get_fn_expr_variadic(args.raw()->flinfo)) {
        throw error(sqlstate::feature_not_supported, "the values of an entity cannot be given as one array", {},
                    "Give them one after the other, without VARIADIC.");
    }
    const auto view = served_view::find(name);
    require_count(args, *view);
    std::vector<entity_value> entity;
    for (int i = 1; i < args.count(); ++i) {
        entity.push_back(read_argument(args, i, *view));
    }
    return view->get(entity, {TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()), Datum{0}, false});
}

ETL_FUNCTION(etl_get_features, args)
{
    const Datum names = args.given(0);
    const Jsonb* entity = DatumGetJsonbP(args.given(1));
    const serving_request with = read_request(args);
    const view_list views = find_views(names);
    return get_all(views, object_of(entity), with);
}

ETL_FUNCTION(etl_get_features_of_all, args)
{
    const Datum names = args.given(0);
    Jsonb* entities = DatumGetJsonbP(args.given(1));
    const serving_request with = read_request(args);
    if (!JB_ROOT_IS_ARRAY(entities) || JB_ROOT_IS_SCALAR(entities)) {
        throw error(sqlstate::invalid_parameter_value, "entities must be a JSON array of objects", {},
                    "Give them as in '[{\"user_id\": 7}, {\"user_id\": 8}]'.");
    }
    pg::result_set rows{args};
    const view_list views = find_views(names);
    const std::uint32_t count = JB_ROOT_COUNT(entities);
    for (std::uint32_t i = 0; i < count; ++i) {
        pg::poll();
        put_entity(rows, views, entities, i, with);
    }
    return rows.finish();
}
