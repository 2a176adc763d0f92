#include "pg/jsonb_members.hpp"

#include "pg/encoding.hpp"

extern "C" {
#include <utils/jsonb.h>
}

namespace etl::pg {

namespace {

std::string_view text_of(const JsonbValue& value)
{
    switch (value.type) {
    case jbvString:
        return as_utf8({value.val.string.val, static_cast<std::size_t>(value.val.string.len)});
    case jbvNumeric:
        return call([number = value.val.numeric] {
            return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
        });
    default:
        return value.val.boolean ? "true" : "false";
    }
}

[[noreturn]] void refuse(const char* what, const std::string& why)
{
    throw error(sqlstate::invalid_parameter_value, std::string{what} + ' ' + why, {},
                std::string{"Give "} + what + R"( as '{"name": "value", "more": ["one", "two"]}'::jsonb.)");
}

} // namespace

std::vector<std::pair<std::string, std::string>> jsonb_members(Datum object, const char* what)
{
    std::vector<std::pair<std::string, std::string>> members;
    Jsonb* document = call([object] { return DatumGetJsonbP(object); });
    if (!JB_ROOT_IS_OBJECT(document)) {
        refuse(what, "is not a JSON object");
    }
    JsonbIterator* iterator = call([document] { return JsonbIteratorInit(&document->root); });
    std::string name;
    int depth = 0;
    for (;;) {
        JsonbValue value;
        switch (call([&] { return JsonbIteratorNext(&iterator, &value, false); })) {
        case WJB_DONE:
            return members;
        case WJB_KEY:
            name = text_of(value);
            break;
        case WJB_BEGIN_OBJECT:
        case WJB_BEGIN_ARRAY:
            if (++depth > 2 || (depth == 2 && value.type != jbvArray)) {
                refuse(what, "has a member \"" + name + "\" that is neither a value nor an array of values");
            }
            break;
        case WJB_END_OBJECT:
        case WJB_END_ARRAY:
            --depth;
            break;
        default:
            if (value.type != jbvNull) {
                members.emplace_back(name, text_of(value));
            }
        }
    }
}

} // namespace etl::pg
