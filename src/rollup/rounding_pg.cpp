#include "rollup/rounding_pg.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/builtins.h>
#include <utils/fmgroids.h>
}

#include <cstring>

namespace etl::rollup {
namespace {

struct unit {
    const char* name;
    const char* span;
};
constexpr unit units[] = {{"second", "1 second"},   {"minute", "1 minute"},      {"hour", "1 hour"},
                          {"day", "1 day"},         {"week", "7 days"},          {"month", "1 month"},
                          {"quarter", "3 months"},  {"year", "1 year"},          {"decade", "10 years"},
                          {"century", "100 years"}, {"millennium", "1000 years"}};

const Const* constant(void* node)
{
    const auto* value = IsA(node, Const) ? static_cast<const Const*>(node) : nullptr;
    return value != nullptr && !value->constisnull ? value : nullptr;
}

const char* span_of(const Const* name)
{
    if (name == nullptr || name->consttype != TEXTOID) {
        return nullptr;
    }
    const char* spelt = text_to_cstring(DatumGetTextPP(name->constvalue));
    for (const unit& known : units) {
        if (pg_strcasecmp(known.name, spelt) == 0) {
            return known.span;
        }
    }
    return nullptr;
}

bool is_column(void* node)
{
    return IsA(node, Var);
}

rounding truncation_of(const FuncExpr* call)
{
    const char* span = span_of(constant(linitial(call->args)));
    Node* column = as_node(lsecond(call->args));
    Node* zone = list_length(call->args) == 3 ? as_node(lthird(call->args)) : nullptr;
    const bool fits = span != nullptr && is_column(column) && (zone == nullptr || constant(zone) != nullptr);
    return fits ? rounding{column, span, zone} : rounding{};
}

rounding bin_of(const FuncExpr* call)
{
    const Const* stride = constant(linitial(call->args));
    if (stride == nullptr || constant(lthird(call->args)) == nullptr || !is_column(lsecond(call->args))) {
        return {};
    }
    const char* span = DatumGetCString(DirectFunctionCall1(interval_out, stride->constvalue));
    return {as_node(lsecond(call->args)), span, nullptr};
}

} // namespace

rounding rounding_of(Node* expression)
{
    if (!IsA(expression, FuncExpr)) {
        return {};
    }
    const auto* call = reinterpret_cast<const FuncExpr*>(expression);
    switch (call->funcid) {
    case F_DATE_TRUNC_TEXT_TIMESTAMP:
    case F_DATE_TRUNC_TEXT_TIMESTAMPTZ:
    case F_DATE_TRUNC_TEXT_TIMESTAMPTZ_TEXT:
        return truncation_of(call);
    case F_DATE_BIN_INTERVAL_TIMESTAMP_TIMESTAMP:
    case F_DATE_BIN_INTERVAL_TIMESTAMPTZ_TIMESTAMPTZ:
        return bin_of(call);
    case F_DATE_TIMESTAMP:
    case F_DATE_TIMESTAMPTZ:
        return is_column(linitial(call->args)) ? rounding{as_node(linitial(call->args)), "1 day", nullptr} : rounding{};
    default:
        return {};
    }
}

} // namespace etl::rollup
