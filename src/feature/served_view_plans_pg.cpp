// Serving one entity from a known view: its values read and fitted to parameters, and the plans that are kept for them.
#include "feature/served_view_pg.hpp"

#include "pg/error_context.hpp"
#include "pg/role_lock.hpp"
#include "pg/search_path.hpp"
#include "pg/spi.hpp"

extern "C" {
#include <access/transam.h>
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <parser/parse_coerce.h>
#include <storage/bufmgr.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/relcache.h>
}

#include <algorithm>
#include <optional>

namespace etl::feature {
namespace {

constexpr char cardinality_violation[] = "21000";
constexpr std::size_t most_plans = 16; // of one view, one for each combination of types

std::string type_name(Oid type)
{
    return pg::call([type] { return format_type_be(type); });
}

} // namespace

served_view::plans::~plans()
{
    for (void* plan : of) {
        if (plan != nullptr) {
            SPI_freeplan(static_cast<SPIPlanPtr>(plan));
        }
    }
}

Datum served_view::read(std::size_t column, const char* text) const
{
    const Oid type = types_[column];
    const std::string line = "entity column \"" + entity_[column] + "\" of feature view \"" + name_ + '"';
    auto input = [type, text] {
        Oid function;
        Oid parameter;
        getTypeInputInfo(type, &function, &parameter);
        return OidInputFunctionCall(function, const_cast<char*>(text), parameter, -1);
    };
    if (type < FirstNormalObjectId) {
        return pg::call_in_context(line.c_str(), input);
    }
    // A user's type may call functions: they are the owner's matter, and not that of whoever asks.
    const pg::pinned_search_path pinned;
    return pg::call_in_context(line.c_str(), [&input, owner = owner_] {
        Datum made{};
        pg::as_owner(owner, [&] { made = input(); });
        return made;
    });
}

// The type of the parameter for a value of the given type. A domain is taken as its base. What PostgreSQL brings may
// become the column's type by itself; the cast of a user's type would call that user's function with the owner's
// rights.
Oid served_view::parameter_type(std::size_t column, Oid given) const
{
    Oid to = types_[column];
    if (given == to) {
        return to;
    }
    Oid from = pg::call([given] { return getBaseType(given); });
    const bool fits = pg::call([&from, &to] {
        return from == getBaseType(to) ||
               (from < FirstNormalObjectId && can_coerce_type(1, &from, &to, COERCION_IMPLICIT));
    });
    if (!fits) {
        throw error(sqlstate::datatype_mismatch,
                    "entity column \"" + entity_[column] + "\" of feature view \"" + name_ + "\" is " + type_name(to) +
                        ", and the value given is " + type_name(given),
                    {}, "Cast the value: ::" + type_name(to) + ".");
    }
    return from;
}

// The text of the query is read under the pinned path; the plan keeps that path for when it is made anew.
void* served_view::prepared(plans& with, source from) const
{
    if (with.of[from] == nullptr) {
        const pg::pinned_search_path pinned;
        with.of[from] = pg::call([query = queries_[from].c_str(), &types = with.parameters, owner = owner_] {
            void* made = nullptr;
            pg::as_owner(owner, [&] { made = pg::keep_plan(query, types); });
            return made;
        });
    }
    return with.of[from];
}

// Shared with whoever runs them: what that calls may ask for the same view, and so take the last place from them.
std::shared_ptr<served_view::plans> served_view::plans_for(const std::vector<entity_value>& entity)
{
    for (const auto& made : plans_) {
        const auto same = [](const entity_value& value, Oid type) { return value.type == type; };
        if (std::equal(entity.begin(), entity.end(), made->given.begin(), made->given.end(), same)) {
            return made;
        }
    }
    auto made = std::make_shared<plans>();
    made->parameters = {TIMESTAMPTZOID, JSONBOID}; // now and the request
    for (std::size_t i = 0; i < entity.size(); ++i) {
        made->given.push_back(entity[i].type);
        made->parameters.push_back(parameter_type(i, entity[i].type));
    }
    if (plans_.size() == most_plans) {
        plans_.erase(plans_.begin());
    }
    return plans_.emplace_back(std::move(made));
}

// After a crash an unlogged table has no page.
bool served_view::is_emptied() const
{
    return unlogged_ && pg::call([this] {
               Relation online = RelationIdGetRelation(online_);
               const bool empty = RelationIsValid(online) && RelationGetNumberOfBlocks(online) == 0;
               if (RelationIsValid(online)) {
                   RelationClose(online);
               }
               return empty;
           });
}

served served_view::get(const std::vector<entity_value>& entity, const serving_request& with)
{
    std::vector<Datum> values{with.now, with.request};
    std::string nulls{' ', with.has_request ? ' ' : 'n'};
    for (const entity_value& value : entity) {
        values.push_back(value.value);
        nulls.push_back(value.is_null ? 'n' : ' ');
    }
    const pg::spi_session session;
    // Whose functions are called with the owner's rights must not find others' objects instead of their own; and an
    // expression means the same for everyone.
    std::optional<pg::pinned_search_path> pinned;
    if (runs_code_) {
        pinned.emplace();
    }
    const std::shared_ptr<plans> made = plans_for(entity);
    auto ask = [&](source from) {
        void* plan = prepared(*made, from);
        pg::call([&] {
            pg::as_owner(owner_, [&] {
                SPI_execute_plan(static_cast<SPIPlanPtr>(plan), values.data(), nulls.c_str(), true, 1);
            });
        });
        return SPI_processed == 0
                   ? Datum{0}
                   : pg::call([document = pg::row_value(1)] { return SPI_datumTransfer(document, false, -1); });
    };
    served got = ask(online_table);
    if (got == 0 && is_emptied()) {
        got = ask(history_table);
    }
    if (got == 0) {
        got = ask(nowhere);
    }
    if (got == 0) {
        throw error(cardinality_violation, "the on-demand features of feature view \"" + name_ + "\" have no row", {},
                    "A function in them has come to return a set. Let each expression give one value.");
    }
    return got;
}

} // namespace etl::feature
