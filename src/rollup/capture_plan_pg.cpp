#include "rollup/capture_plan_pg.hpp"

#include "core/text.hpp"
#include "pg/memory.hpp"
#include "pg/role_lock.hpp"
#include "pg/search_path.hpp"
#include "pg/subtransaction.hpp"
#include "pg/text_array.hpp"
#include "pg/trigger.hpp"

extern "C" {
#include <access/table.h>
#include <catalog/pg_type.h>
#include <utils/acl.h>
#include <utils/inval.h>
#include <utils/lsyscache.h>
}

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

namespace etl::rollup {
namespace {

bool is_named(const Form_pg_attribute column, const char* name, Oid type)
{
    return strcmp(NameStr(column->attname), name) == 0 && (type == InvalidOid || column->atttypid == type);
}

int find_attribute(TupleDesc row, const std::string& name)
{
    for (int i = 0; i < row->natts; ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(row, i);
        if (!attribute->attisdropped && name == NameStr(attribute->attname)) {
            return i;
        }
    }
    return -1;
}

// The table whose changes are to be captured. May raise.
Relation open_source(Oid source)
{
    const AclResult granted = pg_class_aclcheck(source, GetUserId(), ACL_TRIGGER);
    if (granted != ACLCHECK_OK) {
        aclcheck_error(granted, OBJECT_TABLE, get_rel_name(source));
    }
    return table_open(source, AccessShareLock);
}

bool is_computed_when_read([[maybe_unused]] const Form_pg_attribute column)
{
#if PG_VERSION_NUM >= 180000
    return column->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL;
#else
    return false;
#endif
}

// So many are kept; a session that takes on very many roles compiles again now and then.
constexpr std::size_t most_plans = 1000;

using plans = std::map<std::pair<Oid, Oid>, std::shared_ptr<capture_plan>>; // by trigger and role

plans& kept_plans()
{
    static auto& all = *new plans; // never destroyed
    return all;
}

void forget_plans(Datum, Oid relation)
{
    for (auto& [key, plan] : kept_plans()) {
        plan->forget_if_about(relation);
    }
}

void watch_tables()
{
    static bool watching = false;
    if (!watching) {
        pg::call([] { CacheRegisterRelcacheCallback(forget_plans, Datum{0}); });
        watching = true;
    }
}

} // namespace

capture_plan::capture_plan(std::shared_ptr<const capture_terms> terms, Relation table, Relation log, on_fault then)
    : terms_{std::move(terms)}, table_{RelationGetRelid(table)}, log_{RelationGetRelid(log)},
      made_in_{pg::statement_number::current().transaction}
{
    read_log(log);
    fault_ = find_used(table);
    if (fault_.empty() && then == on_fault::raise_it) {
        compile(table);
    } else if (fault_.empty()) {
        fault_ = try_compile(table);
    }
    if (fault_.empty()) {
        fault_ = compare_types(log);
    }
    if (!fault_.empty() && then == on_fault::raise_it) {
        throw error(sqlstate::datatype_mismatch,
                    "changes of table " + in_quotes(name_of(table)) + " cannot be logged in " + in_quotes(terms_->log),
                    fault_, log_made_by);
    }
}

void capture_plan::read_log(Relation log)
{
    TupleDesc shape = RelationGetDescr(log);
    for (int i = 0; i < shape->natts; ++i) {
        if (!TupleDescAttr(shape, i)->attisdropped) {
            columns_.push_back(i);
        }
    }
    const std::size_t first = kind() == log_kind::keys ? 3 : 2;
    if (columns_.size() < first || !is_named(TupleDescAttr(shape, columns_[0]), "etl_op", CHAROID) ||
        !is_named(TupleDescAttr(shape, columns_[1]), "etl_at", TIMESTAMPTZOID) ||
        (first == 3 && !is_named(TupleDescAttr(shape, columns_[2]), "etl_to", InvalidOid))) {
        refuse_log(log, std::string{"Its columns do not begin with etl_op \"char\", etl_at timestamptz"} +
                            (first == 3 ? ", etl_to." : "."));
    }
    if (std::any_of(columns_.begin() + 2, columns_.end(),
                    [shape](int i) { return TupleDescAttr(shape, i)->attnotnull; })) {
        refuse_log(log, "A column of it is NOT NULL.");
    }
}

// The columns in use, as attributes. Returns what is wrong.
std::string capture_plan::find_used(Relation table)
{
    TupleDesc shape = RelationGetDescr(table);
    for (const std::string& name : terms_->used) {
        const int found = find_attribute(shape, name);
        if (found < 0) {
            return "Column " + in_quotes(name) + " of table " + in_quotes(name_of(table)) + " does not exist.";
        }
        if (!is_computed_when_read(TupleDescAttr(shape, found))) {
            used_.push_back(found);
        }
    }
    return {};
}

void capture_plan::compile(Relation table)
{
    const pg::pinned_search_path path;
    const std::string purpose = "log " + in_quotes(terms_->log);
    for (const std::string& sql : terms_->expressions) {
        expressions_.push_back(pg::row_expression::value(sql, table, purpose, terms_->functions));
        plain_.push_back(expressions_.back().plain_attribute());
    }
    TupleDesc shape = RelationGetDescr(table);
    for (const std::string& name : terms_->used) {
        if (!is_computed_when_read(TupleDescAttr(shape, find_attribute(shape, name)))) {
            continue;
        }
        const std::string quoted = pg::call([&name] { return quote_identifier(name.c_str()); });
        computed_.push_back(pg::row_expression::value(quoted, table, purpose, {}));
        for (int i = 0; i < shape->natts; ++i) {
            if (computed_.back().reads(i)) {
                used_.push_back(i);
            }
        }
    }
    compile_generated(table);
    // Whether the role may call their functions shows here.
    const pg::scratch_context scratch;
    pg::row_program trial{shape, scratch.get()};
    for (const pg::row_expression& expression : expressions_) {
        trial.add_result(expression);
    }
}

void capture_plan::compile_generated(Relation table)
{
    TupleDesc shape = RelationGetDescr(table);
    if (table->rd_rel->relkind != RELKIND_PARTITIONED_TABLE) {
        return;
    }
    for (const int attribute : used_) {
        if (TupleDescAttr(shape, attribute)->attgenerated == ATTRIBUTE_GENERATED_STORED &&
            std::ranges::find(generated_attributes_, attribute) == generated_attributes_.end()) {
            generated_.push_back(pg::row_expression::generated_column(table, attribute));
            generated_attributes_.push_back(attribute);
        }
    }
}

std::string capture_plan::try_compile(Relation table)
{
    pg::subtransaction inside;
    try {
        compile(table);
        inside.commit();
        return {};
    } catch (const pg::error_in_flight&) {
    }
    std::string message = inside.roll_back().message;
    return message.empty() ? "An expression is wrong." : message;
}

std::string capture_plan::compare_types(Relation log) const
{
    const auto attributes = value_attributes();
    if (attributes.size() != expressions_.size()) {
        return "The log has " + std::to_string(attributes.size()) + " columns for " +
               std::to_string(expressions_.size()) + " values.";
    }
    TupleDesc shape = RelationGetDescr(log);
    const auto base_of = [](Oid type) { return pg::call([type] { return getBaseType(type); }); };
    for (std::size_t i = 0; i < attributes.size(); ++i) {
        const Form_pg_attribute column = TupleDescAttr(shape, attributes[i]);
        if (base_of(column->atttypid) != base_of(expressions_[i].type())) {
            return "Column " + in_quotes(NameStr(column->attname)) + " of the log is not of the type of " +
                   terms_->expressions[i] + '.';
        }
    }
    const bool has_range = kind() == log_kind::keys;
    if (has_range && TupleDescAttr(shape, to_attribute())->atttypid != TupleDescAttr(shape, attributes[0])->atttypid) {
        return "Column etl_to of the log is not of the type of the column after it.";
    }
    return {};
}

std::span<const int> capture_plan::value_attributes() const noexcept
{
    return std::span{columns_}.subspan(kind() == log_kind::keys ? 3 : 2);
}

bool capture_plan::is_current(Relation log) const noexcept
{
    const auto is_valid = [](const pg::row_expression& e) { return e.is_current(); };
    return !is_stale_ && log_ == RelationGetRelid(log) &&
           (fault_.empty() || made_in_ == pg::statement_number::current().transaction) &&
           std::ranges::all_of(expressions_, is_valid) && std::ranges::all_of(computed_, is_valid) &&
           std::ranges::all_of(generated_, is_valid);
}

void capture_plan::forget_if_about(Oid relation) noexcept
{
    is_stale_ = is_stale_ || !OidIsValid(relation) || relation == table_ || relation == log_;
}

capture capture_for(const pg::statement_changes& call)
{
    watch_tables();
    const std::pair key{call.trigger().tgoid, GetUserId()};
    const auto found = kept_plans().find(key);
    const auto kept = found == kept_plans().end() || found->second->is_stale() ? nullptr : found->second;
    const auto terms = kept ? kept->terms() : std::make_shared<const capture_terms>(read_terms(call.texts()));
    Relation log = open_log(*terms, call.table());
    if (log == nullptr) {
        return {terms, nullptr, nullptr};
    }
    if (kept && kept->is_current(log)) {
        return {terms, kept, log};
    }
    auto made = std::make_shared<capture_plan>(terms, call.table(), log, capture_plan::on_fault::keep_it);
    std::erase_if(kept_plans(), [](const auto& plan) { return plan.second->is_stale(); });
    if (kept_plans().size() >= most_plans) {
        kept_plans().clear();
    }
    kept_plans()[key] = made;
    return {terms, made, log};
}

} // namespace etl::rollup

using namespace etl;
using namespace etl::rollup;

// Whether a trigger with these arguments would do: what it would put up with is an error here.
ETL_FUNCTION(etl_check_capture, args)
{
    const Oid source = DatumGetObjectId(args.given(0));
    const std::vector<std::string> texts = pg::read_text_array(args.given(1));
    std::vector<char*> given;
    for (const std::string& text : texts) {
        given.push_back(const_cast<char*>(text.c_str()));
    }
    const auto terms = std::make_shared<const capture_terms>(read_terms(given));
    Relation table = pg::call([source] { return open_source(source); });
    Relation log = open_log(*terms, table);
    if (log == nullptr) {
        throw error(sqlstate::undefined_table, "log " + in_quotes(terms->log) + " of a rollup does not exist",
                    "Changes of table " + in_quotes(name_of(table)) + " are to be logged there.", log_made_by);
    }
    const capture_plan checked{terms, table, log, capture_plan::on_fault::raise_it};
    pg::call([table, log] {
        table_close(log, NoLock);
        table_close(table, NoLock);
    });
    return args.null_result();
}
