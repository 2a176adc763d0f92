#include "validate/row_suite_pg.hpp"

#include "core/text.hpp"
#include "pg/own_query.hpp"
#include "pg/search_path.hpp"
#include "pg/trigger.hpp"
#include "validate/parameters.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/xact.h>
#include <catalog/pg_type.h>
#include <datatype/timestamp.h>
#include <miscadmin.h>
#include <pgtime.h>
#include <utils/fmgrprotos.h>
#include <utils/lsyscache.h>
#include <utils/pg_locale.h>
#include <utils/rel.h>
}

#include <algorithm>
#include <array>
#include <cstring>

namespace etl::validate {
namespace {

// --- the shape of rows ---------------------------------------------------------------------------------------------

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

bool is_same_column(const Form_pg_attribute one, const Form_pg_attribute other)
{
    return one->attisdropped == other->attisdropped && one->attgenerated == other->attgenerated &&
           (one->attisdropped ||
            (one->atttypid == other->atttypid && one->atttypmod == other->atttypmod &&
             one->attcollation == other->attcollation && strcmp(NameStr(one->attname), NameStr(other->attname)) == 0));
}

const char* generation_of(TupleDesc row, int attribute)
{
    const TupleConstr* constraints = row->constr;
    for (int i = 0; constraints != nullptr && i < constraints->num_defval; ++i) {
        if (constraints->defval[i].adnum == attribute + 1) {
            return constraints->defval[i].adbin;
        }
    }
    return "";
}

// Whether a suite that is compiled for one is compiled for the other. Partitions mostly are of one shape.
bool is_same_shape(TupleDesc one, TupleDesc other)
{
    if (one->natts != other->natts) {
        return false;
    }
    for (int i = 0; i < one->natts; ++i) {
        const Form_pg_attribute left = TupleDescAttr(one, i);
        if (!is_same_column(left, TupleDescAttr(other, i)) ||
            (left->attgenerated != '\0' && strcmp(generation_of(one, i), generation_of(other, i)) != 0)) {
            return false;
        }
    }
    return true;
}

[[noreturn]] void refuse_rows(TupleDesc row, std::string_view suite_name, const std::string& missing, Relation table)
{
    std::vector<std::string> names;
    for (int i = 0; i < row->natts; ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(row, i);
        if (!attribute->attisdropped) {
            names.emplace_back(NameStr(attribute->attname));
        }
    }
    const std::string what =
        table == nullptr ? "the row" : "table " + in_quotes(pg::qualified_name(RelationGetRelid(table)));
    throw error(sqlstate::undefined_column,
                "suite " + in_quotes(suite_name) + " expects column " + in_quotes(missing) + ", which " + what +
                    " does not have",
                (table == nullptr ? "The row has columns " : "The table has columns ") + joined(names) + ".",
                "Change the suite with etl.load_suite(…, replace => true).");
}

// --- the suite -----------------------------------------------------------------------------------------------------

int weight_of(std::string_view severity)
{
    return severity == "critical" ? 2 : severity == "warning" ? 1 : 0;
}

suite row_level_only(suite rules, std::string_view least_severity)
{
    std::erase_if(rules.expectations, [least = weight_of(least_severity)](const expectation& e) {
        return !e.is_row_level() || weight_of(e.severity) < least;
    });
    return rules;
}

bool has_word(std::string_view text, std::string_view word)
{
    auto is_letter = [&](std::size_t i) {
        const unsigned char c = i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
    };
    auto is_word_at = [&](std::size_t i) {
        return (i == 0 || !is_letter(i - 1)) && !is_letter(i + word.size()) &&
               std::equal(word.begin(), word.end(), text.begin() + static_cast<std::ptrdiff_t>(i),
                          [](char wanted, char found) { return wanted == (found | 0x20); });
    };
    for (std::size_t i = 0; i + word.size() <= text.size(); ++i) {
        if (is_word_at(i)) {
            return true;
        }
    }
    return false;
}

// Some literals are another moment in every transaction, and registered schemas may change.
bool says_the_same_tomorrow(std::string_view document)
{
    return std::ranges::none_of(std::array{"now", "today", "tomorrow", "yesterday"},
                                [document](const char* word) { return has_word(document, word); }) &&
           document.find("$ref") == std::string_view::npos;
}

// The first expectation that uses a condition.
std::string user_of(const suite& rules, const std::string& condition)
{
    for (const expectation& e : rules.expectations) {
        if (e.condition == condition) {
            return e.label();
        }
        if (e.type->of == family::row && e.kwargs["condition"] == condition) {
            return e.type->name;
        }
    }
    return rules.name;
}

// The registered schemas of a role, for others too; of the current one where none is named.
schema_lookup schemas_of(const std::string& role)
{
    if (role.empty()) {
        return registered_schema;
    }
    return [role](const std::string& uri) -> std::optional<std::string> {
        static constexpr std::array<Oid, 2> types{TEXTOID, TEXTOID};
        static pg::own_query query{"json_schema",
                                   "SELECT j.schema::pg_catalog.text FROM etl.json_schema AS j "
                                   "WHERE j.uri OPERATOR(pg_catalog.=) $1 "
                                   "AND j.owner OPERATOR(pg_catalog.=) $2::pg_catalog.name",
                                   types};
        std::array values{pg::make_text(uri), pg::make_text(role)};
        const char* found = pg::call([&values] { return query.text(values.data()); });
        return found == nullptr ? std::nullopt : std::optional<std::string>{found};
    };
}

// A value as JSON, as reports show it.
std::string json_of(Oid type, Oid collation, Datum value, bool is_null)
{
    field shown;
    pg::call([&] { read_field(shown, reading_of(getBaseType(type)), value, is_null); });
    return is_null ? "null" : make_column_type(type, collation, CurrentMemoryContext)->json(shown);
}

// What bind_parameters() calls now: the transaction's begin by the session's clock. May raise.
std::int64_t local_microseconds()
{
    constexpr std::int64_t from_1970_to_2000 = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
    const TimestampTz begin = GetCurrentTransactionStartTimestamp();
    return DatumGetTimestamp(DirectFunctionCall1(timestamptz_timestamp, TimestampTzGetDatum(begin))) +
           from_1970_to_2000;
}

} // namespace

std::string with_parameters(std::string document, std::string_view values)
{
    return document.find("$PARAMETER") == std::string::npos
               ? document
               : bind_parameters(document, values, pg::call([] { return local_microseconds(); }));
}

row_suite::settings row_suite::settings::now()
{
    return {session_timezone, DateStyle, DateOrder, IntervalStyle, locale_monetary};
}

row_suite::row_suite(row_rules rules, const row_kind& rows)
    : rules_{std::move(rules)}, settings_{settings::now()}, memory_{CacheMemoryContext},
      shape_{pg::call([shape = rows.shape, memory = memory_.get()] {
          MemoryContext old = MemoryContextSwitchTo(memory);
          TupleDesc copy = CreateTupleDescCopyConstr(shape);
          MemoryContextSwitchTo(old);
          return copy;
      })},
      is_stored_{rows.table == nullptr}, can_be_kept_{says_the_same_tomorrow(rules_.document)}
{
    const pg::pinned_search_path path;
    const suite read = row_level_only(read_suite(rules_.document), rules_.least_severity);
    std::vector<column> columns;
    std::vector<Oid> types;
    add_columns(read, rows, columns, types);
    add_conditions(read, rows, columns, types);
    if (rows.table != nullptr) {
        compute_generated(rows.table);
    }
    checks_ = std::make_unique<checker>(read, std::move(columns), schemas_of(rules_.schemas_of));
    readings_ = readings_of(*checks_, types);
}

void row_suite::add_columns(const suite& from, const row_kind& rows, std::vector<column>& to, std::vector<Oid>& types)
{
    for (const std::string& name : from.columns()) {
        const int found = find_attribute(shape_, name);
        if (found < 0) {
            refuse_rows(shape_, rules_.name, name, rows.table);
        }
        const Form_pg_attribute attribute = TupleDescAttr(shape_, found);
        to.push_back({name, make_column_type(attribute->atttypid, attribute->attcollation, memory_.get())});
        types.push_back(attribute->atttypid);
        origins_.push_back({false, static_cast<std::size_t>(found)});
    }
}

void row_suite::add_conditions(const suite& from, const row_kind& rows, std::vector<column>& to,
                               std::vector<Oid>& types)
{
    for (const std::string& sql : from.conditions()) {
        conditions_.push_back(pg::row_expression::condition(sql, shape_, rows.relation, user_of(from, sql)));
        to.push_back({'(' + sql + ')', make_column_type(BOOLOID, InvalidOid, memory_.get())});
        types.push_back(BOOLOID);
        origins_.push_back({true, conditions_.size() - 1});
        for (const expectation& e : from.expectations) {
            if (e.type->of == family::row && e.kwargs["condition"] == sql) {
                spoken_of_.push_back({e.label(), read_by(conditions_.back())});
            }
        }
    }
}

std::vector<int> row_suite::read_by(const pg::row_expression& condition) const
{
    std::vector<int> made;
    for (int i = 0; i < shape_->natts; ++i) {
        if (condition.reads(i)) {
            made.push_back(i);
        }
    }
    return made;
}

bool row_suite::reads(int attribute) const
{
    const auto is_it = [attribute](const origin& from) {
        return !from.is_condition && from.number == static_cast<std::size_t>(attribute);
    };
    return std::ranges::any_of(origins_, is_it) ||
           std::ranges::any_of(conditions_, [attribute](const pg::row_expression& e) { return e.reads(attribute); });
}

void row_suite::compute_generated(Relation table)
{
    for (int i = 0; i < shape_->natts; ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(shape_, i);
        if (!attribute->attisdropped && attribute->attgenerated != '\0' && reads(i)) {
            generated_.push_back({i, pg::row_expression::generated_column(table, i)});
        }
    }
}

bool row_suite::is_of(const row_rules& rules, const row_kind& rows) const
{
    return rules_ == rules && is_stored_ == (rows.table == nullptr) && settings_ == settings::now() &&
           is_same_shape(shape_, rows.shape) &&
           std::ranges::all_of(conditions_, [](const pg::row_expression& e) { return e.is_current(); }) &&
           std::ranges::all_of(generated_, [](const computed& c) { return c.by.is_current(); });
}

std::shared_ptr<const row_suite> row_suite_for(const row_rules& rules, const row_kind& rows)
{
    using kept_suites = std::vector<std::shared_ptr<const row_suite>>;
    constexpr std::size_t most_kept = 64;
    static kept_suites& kept = *new kept_suites; // the last used first; never destroyed
    const auto found = std::ranges::find_if(kept, [&](const auto& known) { return known->is_of(rules, rows); });
    if (found != kept.end()) {
        std::rotate(kept.begin(), found, found + 1);
        return kept.front();
    }
    auto made = std::make_shared<const row_suite>(rules, rows);
    if (made->can_be_kept()) {
        kept.insert(kept.begin(), made);
        kept.resize(std::min(kept.size(), most_kept));
    }
    return made;
}

row_judge::row_judge(std::shared_ptr<const row_suite> rules, MemoryContext memory)
    : rules_{std::move(rules)}, fields_(rules_->origins_.size())
{
    for (const row_suite::origin& from : rules_->origins_) {
        attributes_ = std::max(attributes_, from.is_condition ? 0 : static_cast<int>(from.number) + 1);
    }
    if (rules_->generated_.empty() && rules_->conditions_.empty()) {
        return;
    }
    attributes_ = rules_->shape_->natts;
    program_.emplace(rules_->shape_, memory);
    for (const row_suite::computed& column : rules_->generated_) {
        program_->add_column(column.by, column.attribute);
    }
    for (const pg::row_expression& condition : rules_->conditions_) {
        program_->add_result(condition);
    }
}

std::span<const field> row_judge::read(const Datum* values, const bool* nulls)
{
    if (program_) {
        program_->run(values, nulls);
        values = program_->values();
        nulls = program_->nulls();
    }
    values_ = values;
    nulls_ = nulls;
    for (std::size_t i = 0; i < fields_.size(); ++i) {
        const row_suite::origin from = rules_->origins_[i];
        const NullableDatum value =
            from.is_condition ? program_->result(from.number) : NullableDatum{values[from.number], nulls[from.number]};
        read_field(fields_[i], rules_->readings_[i], value.value, value.isnull);
    }
    return fields_;
}

std::string row_judge::values_at_fault(const checker::breach& found) const
{
    const auto known = std::ranges::find(rules_->spoken_of_, found.label, &row_suite::spoken_of::label);
    if (known == rules_->spoken_of_.end()) {
        return found.value;
    }
    std::vector<std::string> parts;
    for (const int i : known->attributes) {
        const Form_pg_attribute column = TupleDescAttr(rules_->shape_, i);
        parts.push_back(json_string(NameStr(column->attname), NAMEDATALEN) + ": " +
                        json_of(column->atttypid, column->attcollation, values_[i], nulls_[i]));
    }
    return '{' + joined(parts) + '}';
}

NullableDatum row_judge::computed_value(int attribute) const noexcept
{
    const bool is_computed = std::ranges::any_of(
        rules_->generated_, [attribute](const auto& column) { return column.attribute == attribute; });
    return is_computed ? NullableDatum{program_->values()[attribute], program_->nulls()[attribute]}
                       : NullableDatum{0, true};
}

} // namespace etl::validate
