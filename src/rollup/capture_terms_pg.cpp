#include "rollup/capture_terms_pg.hpp"

#include "core/text.hpp"
#include "pg/row_batches.hpp"
#include "pg/text_array.hpp"
#include "pg/trigger.hpp"

extern "C" {
#include <access/table.h>
#include <catalog/namespace.h>
#include <catalog/pg_class.h>
#include <catalog/pg_type.h>
#include <utils/acl.h>
#include <utils/lsyscache.h>
#include <utils/regproc.h>
}

namespace etl::rollup {
namespace {

constexpr char wrong_object_type[] = "42809";
constexpr char insufficient_privilege[] = "42501";

[[noreturn]] void refuse_terms(const std::string& message)
{
    throw error(sqlstate::invalid_parameter_value, message,
                "A trigger that captures changes is given the log, the kind (keys, columns or images), the columns in "
                "use, the functions in use and an expression for each column of the log.",
                log_made_by);
}

log_kind read_kind(std::string_view text)
{
    if (text == "keys") {
        return log_kind::keys;
    }
    if (text == "columns") {
        return log_kind::columns;
    }
    if (text == "images") {
        return log_kind::images;
    }
    refuse_terms("unknown kind " + in_quotes(text) + " of a log");
}

void read_log_name(const char* text, capture_terms& to)
{
    struct parts {
        const char* schema;
        const char* name;
    };
    const parts read = pg::call([text] {
#if PG_VERSION_NUM >= 160000
        List* names = stringToQualifiedNameList(text, nullptr);
#else
        List* names = stringToQualifiedNameList(text);
#endif
        return list_length(names) == 2 ? parts{strVal(linitial(names)), strVal(lsecond(names))} : parts{};
    });
    if (read.schema == nullptr) {
        refuse_terms("the log " + in_quotes(text) + " of a trigger is not named as schema.table");
    }
    to.log = text;
    to.schema = read.schema;
    to.name = read.name;
}

std::vector<std::string> read_names(const char* text)
{
    return pg::read_text_array(pg::call([text] { return pg::parse_text_array(text); }));
}

// By its name, whatever the current role may see. May raise.
Oid find_log(const char* schema, const char* name)
{
    const Oid home = get_namespace_oid(schema, true);
    return OidIsValid(home) ? get_relname_relid(name, home) : InvalidOid;
}

// Asked before the log is locked: nobody can have a table locked for whom it is not.
void require_right(const capture_terms& terms, Relation table, Oid log)
{
    const Oid owner = table->rd_rel->relowner;
    if (pg::call([=] { return pg_class_aclcheck(log, owner, ACL_INSERT); }) == ACLCHECK_OK) {
        return;
    }
    const std::string role = pg::role_name(owner);
    const std::string quoted = pg::call([&role] { return quote_identifier(role.c_str()); });
    throw error(insufficient_privilege,
                "role " + in_quotes(role) + ", which owns table " + in_quotes(name_of(table)) +
                    ", may not insert into " + in_quotes(terms.log),
                "Changes of a table are logged with the rights of its owner, whoever makes them.",
                "GRANT INSERT ON " + terms.log + " TO " + quoted + ";");
}

void require_log(Relation log)
{
    if (log->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT) {
        refuse_log(log, "It does not outlive a session or a crash.");
    }
    if (!pg::call([log] { return pg::has_only_columns(log); })) {
        refuse_log(log, "It is no ordinary table, or it has an index, a constraint, a trigger, a rule, row security or "
                        "a computed column.");
    }
}

} // namespace

std::string name_of(Relation table)
{
    return pg::qualified_name(RelationGetRelid(table));
}

void refuse_log(Relation log, const std::string& fault)
{
    throw error(wrong_object_type, "table " + in_quotes(name_of(log)) + " cannot be the log of a rollup", fault,
                std::string{"What was added to a log must be dropped. "} + log_made_by);
}

capture_terms read_terms(std::span<char* const> texts)
{
    if (texts.size() < 4) {
        refuse_terms("the trigger names no log, kind, columns and functions");
    }
    capture_terms made{};
    read_log_name(texts[0], made);
    made.kind = read_kind(texts[1]);
    made.used = read_names(texts[2]);
    made.functions = read_names(texts[3]);
    made.expressions.assign(texts.begin() + 4, texts.end());
    if (made.kind == log_kind::keys && made.expressions.empty()) {
        refuse_terms("the trigger names no key");
    }
    return made;
}

Relation open_log(const capture_terms& terms, Relation table)
{
    for (;;) {
        const Oid found = pg::call([&terms] { return find_log(terms.schema.c_str(), terms.name.c_str()); });
        if (!OidIsValid(found)) {
            return nullptr;
        }
        require_right(terms, table, found);
        if (Relation log = pg::call([found] { return try_table_open(found, RowExclusiveLock); })) {
            require_log(log);
            return log;
        }
    }
}

} // namespace etl::rollup
