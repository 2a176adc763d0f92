// etl._match_pattern, etl._match_weight, etl._match_explain: a match model at work on one pair of values a comparison;
// etl._match_levels: what it holds. The model is read once for a calling expression, and again when it is another one.
#include "dedupe/match_model.hpp"
#include "dedupe/match_weight.hpp"
#include "pg/encoding.hpp"
#include "pg/function.hpp"
#include "pg/jsonb.hpp"
#include "pg/result_set.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <nodes/primnodes.h>
#include <utils/jsonb.h>
}

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace etl;
using namespace etl::dedupe;
using pg::arguments;

constexpr int first_value = 1; // the argument behind the model

[[noreturn]] void refuse_call(std::string message, std::string detail = {})
{
    throw error(sqlstate::invalid_parameter_value, std::move(message), std::move(detail),
                "Give two values a comparison in its order, a1, b1, a2, b2, and so on, cast to text or float8 as its "
                "\"type\" says.");
}

// What the values of a calling expression are; it never changes.
struct argument_types {
    std::array<Oid, FUNC_MAX_ARGS> of{};
    bool listed = true; // not as VARIADIC array
    bool constant_model = false;
};

// Whether the model is a constant of the plan: the same bytes at the same place for as long as the expression lives.
// A parameter is none: PL/pgSQL changes its variables under an expression that it keeps.
bool is_constant(const FmgrInfo* call)
{
    const auto* expression = reinterpret_cast<const FuncExpr*>(call->fn_expr);
    return expression != nullptr && IsA(expression, FuncExpr) && expression->args != NIL &&
           IsA(linitial(expression->args), Const);
}

argument_types types_of(arguments args)
{
    argument_types made;
    for (int i = first_value; i < args.count(); ++i) {
        made.of[static_cast<std::size_t>(i)] = args.type(i);
    }
    made.listed = !get_fn_expr_variadic(args.raw()->flinfo);
    made.constant_model = is_constant(args.raw()->flinfo);
    return made;
}

void check_type(const match_comparison& comparison, Oid type)
{
    const bool fits = comparison.levels.type() == value_type::text
                          ? type == TEXTOID || type == VARCHAROID || type == UNKNOWNOID
                          : type == FLOAT8OID || type == UNKNOWNOID;
    if (!fits) {
        refuse_call("comparison \"" + comparison.name + "\" of the match model does not compare values of this type",
                    comparison.levels.type() == value_type::text ? "It compares text." : "It compares float8.");
    }
}

void check_call(const match_model& model, const argument_types& types, int count)
{
    const auto& comparisons = model.comparisons();
    const auto values = static_cast<std::size_t>(count - first_value);
    if (!types.listed) {
        refuse_call("the values of a match model must be listed, not given as VARIADIC array");
    }
    if (values != 2 * comparisons.size()) {
        refuse_call("a match model of " + std::to_string(comparisons.size()) + " comparisons takes " +
                    std::to_string(2 * comparisons.size()) + " values, not " + std::to_string(values));
    }
    for (std::size_t i = 0; i < values; ++i) {
        check_type(comparisons[i / 2], types.of[first_value + i]);
    }
}

// A model that is ready for the calling expression, and room for a pair of values a comparison.
class ready_model {
  public:
    ready_model(std::string_view text, std::string_view bytes, const argument_types& types, int count)
        : bytes_{bytes}, model_{match_model::parse(text)}, values_(model_.comparisons().size()),
          levels_(model_.comparisons().size())
    {
        check_call(model_, types, count);
    }
    ready_model(const ready_model&) = delete;
    ready_model& operator=(const ready_model&) = delete;

    bool is_of(std::string_view bytes) const noexcept { return bytes == bytes_; }
    const match_model& model() const noexcept { return model_; }
    std::vector<compared_values>& values() noexcept { return values_; }

    const match_weigher& weigher()
    {
        if (!weigher_) {
            weigher_.emplace(pg::with_errors_of_server([this] { return match_weigher{model_}; }));
        }
        return *weigher_;
    }
    std::span<const std::uint8_t> find_levels()
    {
        dedupe::find_levels(model_, values_, levels_, pg::poll);
        return levels_;
    }

  private:
    std::string bytes_; // of the jsonb
    match_model model_;
    std::optional<match_weigher> weigher_;
    std::vector<compared_values> values_;
    std::vector<std::uint8_t> levels_;
};

struct kept_model {
    argument_types types;
    std::unique_ptr<ready_model> model;
};

// Phase one, but for the C++ objects behind `kept`, which no error skips.
ready_model& model_of(arguments args, kept_model& kept)
{
    const Datum given = args.given(0);
    if (kept.model != nullptr && kept.types.constant_model) {
        return *kept.model;
    }
    const Datum whole = PointerGetDatum(PG_DETOAST_DATUM(given));
    const std::string_view bytes = pg::varlena_text(whole);
    if (kept.model == nullptr || !kept.model->is_of(bytes)) {
        const std::string_view text = pg::as_utf8(pg::jsonb_text(whole));
        kept.model.reset();
        kept.model = pg::with_errors_of_server(
            [&] { return std::make_unique<ready_model>(text, bytes, kept.types, args.count()); });
    }
    return *kept.model;
}

match_value text_value(Oid type, Datum value)
{
    if (type == UNKNOWNOID) { // a quoted literal
        return match_value::of(pg::as_utf8(DatumGetCString(value)));
    }
    return match_value::of(pg::as_utf8(pg::varlena_text(value)));
}

match_value read_value(arguments args, int i, value_type type, Oid given)
{
    if (args.is_null(i)) {
        return {};
    }
    if (type == value_type::text) {
        return text_value(given, args.datum(i));
    }
    if (given == UNKNOWNOID) {
        refuse_call("a comparison of numbers cannot compare a literal without a type");
    }
    return match_value::of(DatumGetFloat8(args.datum(i)));
}

// The model of the call, with the values of the call in its room.
ready_model& ready_for(arguments args)
{
    auto& kept = args.cached<kept_model>([args] { return kept_model{types_of(args), nullptr}; });
    ready_model& ready = model_of(args, kept);
    int at = first_value;
    for (std::size_t i = 0; i < ready.values().size(); ++i, at += 2) {
        const auto type = ready.model().comparisons()[i].levels.type();
        const auto number = static_cast<std::size_t>(at);
        ready.values()[i] = {read_value(args, at, type, kept.types.of[number]),
                             read_value(args, at + 1, type, kept.types.of[number + 1])};
    }
    return ready;
}

} // namespace

ETL_FUNCTION(etl_match_pattern, args)
{
    return args.result(std::as_bytes(ready_for(args).find_levels()));
}

ETL_FUNCTION(etl_match_weight, args)
{
    ready_model& ready = ready_for(args);
    return args.result(to_bits(ready.weigher().weight(ready.values(), pg::poll)));
}

ETL_FUNCTION(etl_match_explain, args)
{
    ready_model& ready = ready_for(args);
    return pg::make_jsonb(ready.weigher().explain(ready.values(), pg::poll));
}

// One row a level: comparison, number of the comparison, level, number of the level, m, u, weight.
ETL_FUNCTION(etl_match_levels, args)
{
    const std::string_view text = pg::as_utf8(pg::jsonb_text(args.given(0)));
    pg::result_set rows{args};

    const auto model = pg::with_errors_of_server([text] { return match_model::parse(text); });
    for (std::size_t i = 0; i < model.comparisons().size(); ++i) {
        const match_comparison& each = model.comparisons()[i];
        for (std::size_t level = 0; level < each.levels.size(); ++level) {
            const bool unknown = each.shares.empty();
            const level_shares shares = unknown ? level_shares{1, 1} : each.shares[level];
            std::array values{Int32GetDatum(static_cast<std::int32_t>(i + 1)),
                              pg::make_text(pg::from_utf8(each.name)),
                              Int32GetDatum(static_cast<std::int32_t>(level)),
                              pg::make_text(pg::from_utf8(each.levels[level].shown())),
                              Float8GetDatum(shares.m),
                              Float8GetDatum(shares.u),
                              Float8GetDatum(to_bits(shares.weight()))};
            std::array nulls{false, false, false, false, unknown, unknown, unknown};
            rows.put(values, nulls);
        }
    }
    return rows.finish();
}
