// The definitions of feature views that a session knows: read when they are first asked for, and kept until they change.
#include "feature/served_view_pg.hpp"

#include "pg/own_query.hpp"
#include "pg/role_lock.hpp"
#include "pg/spi.hpp"
#include "pg/trigger.hpp"

extern "C" {
#include <access/xact.h>
#include <catalog/namespace.h>
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <storage/lmgr.h>
#include <utils/acl.h>
#include <utils/array.h>
#include <utils/inval.h>
#include <utils/lsyscache.h>
#include <utils/rls.h>
#include <utils/snapmgr.h>
}

#include <span>
#include <unordered_map>

namespace etl::feature {
namespace {

constexpr char insufficient_privilege[] = "42501";
constexpr char object_not_in_prerequisite_state[] = "55000";
constexpr std::size_t most_views = 1000;

using view_map = std::unordered_map<std::string, std::shared_ptr<served_view>>;

// Never destroyed: when the session ends, PostgreSQL's memory goes before the program's.
view_map& known_views()
{
    static view_map& views = *new view_map;
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

// A definition counts as soon as it is committed, as a table's does, and not from the transaction's snapshot on. Under
// a parallel plan no snapshot can be taken.
template <class F>
void with_latest_snapshot(F&& f)
{
    PushActiveSnapshot(IsInParallelMode() ? GetActiveSnapshot() : GetLatestSnapshot());
    f();
    PopActiveSnapshot();
}

// Runs a query about a view as the view's owner, as things are now. Its row lives as long as the SPI session. May
// raise.
void ask_about(std::string_view view, Oid owner, const char* query)
{
    Oid types[] = {TEXTOID};
    Datum values[] = {PointerGetDatum(cstring_to_text_with_len(view.data(), static_cast<int>(view.size())))};
    with_latest_snapshot(
        [&] { pg::as_owner(owner, [&] { SPI_execute_with_args(query, 1, types, values, nullptr, true, 1); }); });
}

std::span<const Datum> elements(Datum array, Oid type)
{
    return pg::call([array, type] {
        Datum* values = nullptr;
        int count = 0;
        std::int16_t length;
        bool by_value;
        char alignment;
        get_typlenbyvalalign(type, &length, &by_value, &alignment);
        deconstruct_array(DatumGetArrayTypeP(array), type, length, by_value, alignment, &values, nullptr, &count);
        return std::span<const Datum>{values, static_cast<std::size_t>(count)};
    });
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

bool served_view::is_loaded() const noexcept
{
    return !entity_.empty();
}

served_view::served_view(std::string_view name) : name_{name}
{
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
    const pg::spi_session session;
    pg::call([this] {
        ask_about(name_, owner_, "SELECT etl._feature_table(v, v.online_table) FROM etl._feature_view($1) AS v");
    });
    online_ = DatumGetObjectId(pg::row_value(1));
}

// Reads the rest, with the online table locked. False where the view has another online table meanwhile.
bool served_view::load()
{
    const std::uint64_t now = changes; // a change from here on counts
    const pg::spi_session session;
    pg::call([this] {
        ask_about(
            name_, owner_,
            "SELECT s.online, s.unlogged, s.runs_code, s.queries, s.entity, s.types FROM etl._served_view($1) AS s");
    });
    if (DatumGetObjectId(pg::row_value(1)) != online_) {
        return false;
    }
    unlogged_ = DatumGetBool(pg::row_value(2));
    runs_code_ = DatumGetBool(pg::row_value(3));
    const auto queries = elements(pg::row_value(4), TEXTOID);
    const auto names = elements(pg::row_value(5), TEXTOID);
    const auto types = elements(pg::row_value(6), OIDOID);
    if (queries.size() != sources || names.size() != types.size()) {
        throw error(sqlstate::internal_error, "the library and the SQL of pg_etl disagree about feature views", {},
                    "ALTER EXTENSION pg_etl UPDATE brings the extension to the version of its library.");
    }
    for (std::size_t i = 0; i < queries.size(); ++i) {
        queries_[i] = pg::varlena_text(queries[i]);
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
        entity_.emplace_back(pg::varlena_text(names[i]));
        types_.push_back(DatumGetObjectId(types[i]));
    }
    read_at_ = now;
    return true;
}

std::shared_ptr<served_view> served_view::find(std::string_view name)
{
    constexpr int most_attempts = 10;
    view_map& views = known_views();
    const std::string key{name};
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
        const auto kept = views.find(key);
        const bool knows = kept != views.end() && kept->second->is_current();
        const std::shared_ptr<served_view> found = knows ? kept->second : std::make_shared<served_view>(name);
        found->require_readable(); // first, as a lock holds others up
        // A change of the table's columns holds a lock on it until its transaction ends. When this one is there, and
        // all that ended transactions have said is heard, what is known is as it is.
        pg::call([online = found->online_] {
            LockRelationOid(online, AccessShareLock);
            AcceptInvalidationMessages();
        });
        if (found->is_current()) {
            found->require_readable();
            return found;
        }
        if (!found->is_loaded() && found->load()) {
            if (views.size() >= most_views) {
                views.clear();
            }
            views[key] = found;
            found->require_readable();
            return found;
        }
    }
    throw error(object_not_in_prerequisite_state, "feature view \"" + key + "\" is replaced over and over", {},
                "Ask again when its definition stays.");
}

void served_view::require_readable() const
{
    const Oid role = GetUserId();
    if (role == owner_) {
        return;
    }
    const bool readable = pg::call([this, role] {
        bool is_missing = false; // dropped by another session: the lock on it will tell
        const bool may_select = pg_class_aclcheck_ext(online_, role, ACL_SELECT, &is_missing) == ACLCHECK_OK;
        return is_missing || (may_select && check_enable_rls(online_, role, true) != RLS_ENABLED);
    });
    if (!readable) {
        throw error(insufficient_privilege, "permission denied for feature view \"" + name_ + "\"",
                    "Its features are read by roles that may SELECT all of table \"" + pg::qualified_name(online_) +
                        "\".",
                    "GRANT SELECT ON " + pg::qualified_name(online_) + " TO " + pg::role_name(role) + ";");
    }
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
