#include "feature/served_view_pg.hpp"

#include "pg/error_context.hpp"
#include "pg/own_query.hpp"
#include "pg/role_lock.hpp"
#include "pg/search_path.hpp"
#include "pg/spi.hpp"
#include "pg/trigger.hpp"

extern "C" {
#include <catalog/namespace.h>
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <parser/parse_coerce.h>
#include <storage/bufmgr.h>
#include <storage/lmgr.h>
#include <utils/acl.h>
#include <utils/array.h>
#include <utils/inval.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
#include <utils/relcache.h>
#include <utils/rls.h>
#include <utils/snapmgr.h>
}

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace etl::feature {
namespace {

constexpr char insufficient_privilege[] = "42501";
constexpr std::size_t most_views = 1000;
constexpr std::size_t most_plans = 16;  // of one view, one for each combination of types
constexpr std::size_t first_entity = 2; // parameters before it: now and the request

using view_map = std::unordered_map<std::string, std::shared_ptr<served_view>>;

view_map& known_views()
{
    static view_map views;
    return views;
}

// Definitions are rows, and tell nobody when they change; the table that they stand in does so for them.
std::uint64_t changes = 1;
Oid definitions = InvalidOid;

void note_change(Datum, Oid relation)
{
    if (relation == definitions || relation == InvalidOid) {
        ++changes;
        return;
    }
    for (auto& [name, view] : known_views()) {
        view->forget_table(relation);
    }
}

// May raise.
void watch_definitions()
{
    static bool watching = false;
    if (!watching) {
        CacheRegisterRelcacheCallback(note_change, Datum{0});
        watching = true;
    }
    definitions = get_relname_relid("feature_view", get_namespace_oid("etl", false));
}

// The name of a view's owner, in the current memory context; nullptr where there is no such view. May raise.
const char* find_owner(std::string_view name)
{
    static constexpr Oid types[] = {TEXTOID};
    static pg::own_query query{
        "feature_view", "SELECT v.owner FROM etl.feature_view AS v WHERE v.name OPERATOR(pg_catalog.=) $1", types};
    const Datum values[] = {PointerGetDatum(cstring_to_text_with_len(name.data(), static_cast<int>(name.size())))};
    return query.text(values);
}

constexpr int switched = SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION;

// Acts as a role while f runs. f may raise, and owns nothing; where an error passes, the transaction's abort puts the
// role back.
template <class F>
void as_role(Oid role, F&& f)
{
    Oid caller;
    int context;
    GetUserIdAndSecContext(&caller, &context);
    SetUserIdAndSecContext(role, context | (role == caller ? SECURITY_LOCAL_USERID_CHANGE : switched));
    f();
    SetUserIdAndSecContext(caller, context);
}

// A definition counts as soon as it is committed, as a table's does, and not from the transaction's snapshot on.
template <class F>
void with_latest_snapshot(F&& f)
{
    PushActiveSnapshot(GetLatestSnapshot());
    f();
    PopActiveSnapshot();
}

// The row of etl._served_view. Its texts and arrays live as long as the SPI session. May raise.
struct definition {
    Oid online;
    bool unlogged;
    int query_count;
    Datum* queries;
    int columns;
    Datum* names;
    Datum* types;
};

Datum column_of_row(int number)
{
    bool is_null = false;
    return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, &is_null);
}

definition read_definition(std::string_view name)
{
    Oid types[] = {TEXTOID};
    Datum values[] = {PointerGetDatum(cstring_to_text_with_len(name.data(), static_cast<int>(name.size())))};
    SPI_execute_with_args("SELECT s.online, s.unlogged, s.queries, s.entity, s.types FROM etl._served_view($1) AS s", 1,
                          types, values, nullptr, true, 1);
    definition made = {};
    made.online = DatumGetObjectId(column_of_row(1));
    made.unlogged = DatumGetBool(column_of_row(2));
    deconstruct_array(DatumGetArrayTypeP(column_of_row(3)), TEXTOID, -1, false, TYPALIGN_INT, &made.queries, nullptr,
                      &made.query_count);
    deconstruct_array(DatumGetArrayTypeP(column_of_row(4)), TEXTOID, -1, false, TYPALIGN_INT, &made.names, nullptr,
                      &made.columns);
    deconstruct_array(DatumGetArrayTypeP(column_of_row(5)), OIDOID, sizeof(Oid), true, TYPALIGN_INT, &made.types,
                      nullptr, &made.columns);
    return made;
}

std::string type_name(Oid type)
{
    return pg::call([type] { return format_type_be(type); });
}

} // namespace

void served_view::forget_table(Oid relation) noexcept
{
    if (relation == online_) {
        read_at_ = 0;
    }
}

bool served_view::is_current() const noexcept
{
    return read_at_ == changes;
}

served_view::served_view(std::string_view name) : name_{name}, memory_{TopMemoryContext}
{
    read_at_ = changes; // a change from here on counts
    const char* owner = pg::call([this] {
        watch_definitions();
        const char* found = nullptr;
        with_latest_snapshot([&] { found = find_owner(name_); });
        return found;
    });
    if (owner == nullptr) {
        throw error(sqlstate::undefined_object, "feature view \"" + name_ + "\" does not exist", {},
                    "SELECT * FROM etl.feature_views; lists them. etl.create_feature_view(…) makes one.");
    }
    owner_ = pg::call([owner] { return get_role_oid(owner, false); });
    load();
}

void served_view::load()
{
    const pg::spi_session session;
    const definition read = pg::call([this] {
        definition made = {};
        with_latest_snapshot([&] { as_role(owner_, [&] { made = read_definition(name_); }); });
        return made;
    });
    online_ = read.online;
    unlogged_ = read.unlogged;
    for (int i = 0; i < sources; ++i) {
        queries_[i] = pg::varlena_text(read.queries[i]);
    }
    for (int i = 0; i < read.columns; ++i) {
        entity_.emplace_back(pg::varlena_text(read.names[i]));
        const Oid type = DatumGetObjectId(read.types[i]);
        types_.push_back(type);
        inputs_.push_back(pg::call([type, memory = memory_.get()] {
            input made = {};
            Oid function = InvalidOid;
            getTypeInputInfo(type, &function, &made.parameter);
            fmgr_info_cxt(function, &made.function, memory);
            return made;
        }));
    }
}

served_view::~served_view()
{
    for (const plan& made : plans_) {
        forget_plan(made);
    }
}

void served_view::forget_plan(const plan& made) noexcept
{
    for (void* plan : made.of) {
        if (plan != nullptr) {
            SPI_freeplan(static_cast<SPIPlanPtr>(plan));
        }
    }
}

std::shared_ptr<served_view> served_view::find(std::string_view name)
{
    view_map& views = known_views();
    const std::string key{name};
    while (true) {
        const auto kept = views.find(key);
        std::shared_ptr<served_view> found = kept == views.end() ? nullptr : kept->second;
        if (found == nullptr || !found->is_current()) {
            found = std::make_shared<served_view>(name);
            if (views.size() >= most_views) {
                views.clear();
            }
            views[key] = found;
        }
        // Who changes a definition holds a lock on its table: when this one is there, all that has been said is heard.
        pg::call([online = found->online_] { LockRelationOid(online, AccessShareLock); });
        if (found->is_current()) {
            found->require_readable();
            return found;
        }
    }
}

void served_view::require_readable() const
{
    const Oid role = GetUserId();
    if (role == owner_) {
        return;
    }
    const bool readable = pg::call([this, role] {
        return pg_class_aclcheck(online_, role, ACL_SELECT) == ACLCHECK_OK &&
               check_enable_rls(online_, role, true) != RLS_ENABLED;
    });
    if (!readable) {
        throw error(insufficient_privilege, "permission denied for feature view \"" + name_ + "\"",
                    "Its features are read by roles that may SELECT all of table \"" + pg::qualified_name(online_) +
                        "\".",
                    "GRANT SELECT ON " + pg::qualified_name(online_) + " TO …;");
    }
}

Datum served_view::read(std::size_t column, const char* text)
{
    input& by = inputs_[column];
    const std::string line = "entity column \"" + entity_[column] + "\" of feature view \"" + name_ + '"';
    return pg::call_in_context(line.c_str(), [&by, text] {
        return InputFunctionCall(&by.function, const_cast<char*>(text), by.parameter, -1);
    });
}

void served_view::require_fitting(std::size_t column, Oid type) const
{
    Oid from = type;
    Oid to = types_[column];
    if (from == to || pg::call([&] { return can_coerce_type(1, &from, &to, COERCION_IMPLICIT); })) {
        return;
    }
    throw error(sqlstate::datatype_mismatch,
                "entity column \"" + entity_[column] + "\" of feature view \"" + name_ + "\" is " + type_name(to) +
                    ", and the value given is " + type_name(from),
                {}, "Cast the value: ::" + type_name(to) + ".");
}

namespace {

// Needs an SPI session. May raise.
void* prepare(const char* query, int count, const Oid* types)
{
    SPIPlanPtr plan = SPI_prepare(query, count, const_cast<Oid*>(types));
    SPI_keepplan(plan);
    return plan;
}

} // namespace

// The text of the query is read under the pinned path; the plan keeps that path for when it is made anew.
void* served_view::prepared(plan& with, source from) const
{
    if (with.of[from] == nullptr) {
        const pg::pinned_search_path pinned;
        with.of[from] = pg::call([query = queries_[from].c_str(), &types = with.types, owner = owner_] {
            void* made = nullptr;
            as_role(owner, [&] { made = prepare(query, static_cast<int>(types.size()), types.data()); });
            return made;
        });
    }
    return with.of[from];
}

served_view::plan& served_view::plan_for(const std::vector<entity_value>& entity)
{
    for (plan& made : plans_) {
        const auto same = [](const entity_value& value, Oid type) { return value.type == type; };
        if (std::equal(entity.begin(), entity.end(), made.types.begin() + first_entity, made.types.end(), same)) {
            return made;
        }
    }
    std::vector<Oid> types{TIMESTAMPTZOID, JSONBOID};
    for (std::size_t i = 0; i < entity.size(); ++i) {
        require_fitting(i, entity[i].type);
        types.push_back(entity[i].type);
    }
    if (plans_.size() == most_plans) {
        forget_plan(plans_.front());
        plans_.erase(plans_.begin());
    }
    return plans_.emplace_back(plan{std::move(types), {}});
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

namespace {

// The document, or 0 where the source has no row. Needs an SPI session. May raise.
Datum run(void* plan, Oid owner, Datum* values, const char* nulls)
{
    as_role(owner, [&] { SPI_execute_plan(static_cast<SPIPlanPtr>(plan), values, nulls, true, 1); });
    return SPI_processed == 0 ? Datum{0} : SPI_datumTransfer(column_of_row(1), false, -1);
}

} // namespace

served served_view::get(const std::vector<entity_value>& entity, const serving_request& with)
{
    std::vector<Datum> values{with.now, with.request};
    std::string nulls{' ', with.has_request ? ' ' : 'n'};
    for (const entity_value& value : entity) {
        values.push_back(value.value);
        nulls.push_back(value.is_null ? 'n' : ' ');
    }
    const pg::spi_session session;
    // Whose functions are called with the owner's rights must not find others' objects instead of their own.
    std::optional<pg::pinned_search_path> pinned;
    if (GetUserId() != owner_) {
        pinned.emplace();
    }
    plan& made = plan_for(entity);
    auto ask = [&](source from) {
        void* plan = prepared(made, from);
        return pg::call([&] { return run(plan, owner_, values.data(), nulls.c_str()); });
    };
    served got = ask(online_table);
    if (got == 0 && is_emptied()) {
        got = ask(history_table);
    }
    return got != 0 ? got : ask(nowhere);
}

} // namespace etl::feature

using namespace etl;

ETL_FUNCTION(etl_forget_served_views, args)
{
    Oid table = InvalidOid;
    pg::statement_trigger(args, "It is a trigger of etl.feature_view.", table);
    CacheInvalidateRelcacheByRelid(table);
    return pg::row_trigger::skip();
}

ETL_FUNCTION(etl_feature_view_owner, args)
{
    if (args.is_null(0)) {
        return args.null_result();
    }
    const char* owner = feature::find_owner(args.get<std::string_view>(0));
    return owner == nullptr ? args.null_result() : args.result(std::string_view{owner});
}
