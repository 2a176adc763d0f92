// The triggers of etl.enforce: every row that is stored in a table is judged by a suite first.
//
// The trigger acts for the owner of the table, who must own the suite as well: the suite is read, and quarantined rows
// are stored, for that role, whoever stores the row. Conditions of the suite run as whoever stores the row, as all
// triggers and CHECK constraints do. What the trigger does stands in its arguments, so the catalog of triggers is all
// that there is to know of enforcements, and dumps, renames and drops need no care.
//
// A statement is judged by the suite that it found when it began. The compiled suite is kept for the session (see
// row_suite_pg.hpp); a statement looks at the stored document once for every table or partition that it fills.
#include "core/text.hpp"
#include "pg/own_query.hpp"
#include "pg/text_array.hpp"
#include "pg/trigger.hpp"
#include "validate/row_suite_pg.hpp"
#include "validate/set_aside_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/table.h>
#include <catalog/pg_type.h>
#include <utils/array.h>
#include <utils/datum.h>
}

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace etl::validate {
namespace {

constexpr char made_by[] = "etl.enforce(target, suite) makes the triggers.";

using breaches = std::vector<checker::breach>;

// --- what a trigger is told ----------------------------------------------------------------------------------------

// The arguments of the trigger: the suite, the mode, and options as name=value.
struct terms {
    std::string suite;
    std::string mode;
    std::string tag_column;
    std::string min_severity = "info";
    std::string params;
};

void read_option(std::string_view option, terms& to)
{
    const std::size_t sign = option.find('=');
    const std::string_view name = option.substr(0, sign);
    std::string* place = name == "tag_column"     ? &to.tag_column
                         : name == "min_severity" ? &to.min_severity
                         : name == "params"       ? &to.params
                                                  : nullptr;
    if (place == nullptr || sign == std::string_view::npos) {
        throw error(sqlstate::invalid_parameter_value, "unknown option " + in_quotes(option) + " of the trigger", {},
                    made_by);
    }
    *place = option.substr(sign + 1);
}

terms read_terms(std::span<char* const> texts)
{
    if (texts.size() < 2) {
        throw error(sqlstate::invalid_parameter_value, "the trigger names no suite and no mode", {}, made_by);
    }
    terms made{.suite = texts[0], .mode = texts[1], .tag_column = {}, .params = {}};
    for (const char* option : texts.subspan(2)) {
        read_option(option, made);
    }
    return made;
}

// --- what is kept for other roles ----------------------------------------------------------------------------------

std::string document_of(const terms& of, Oid table, const std::string& owner)
{
    static constexpr std::array<Oid, 2> types{TEXTOID, TEXTOID};
    static pg::own_query query{"suite",
                               "SELECT s.document FROM etl.suite AS s WHERE s.name OPERATOR(pg_catalog.=) $1 "
                               "AND s.owner OPERATOR(pg_catalog.=) $2::pg_catalog.name",
                               types};
    std::array values{pg::make_text(of.suite), pg::make_text(owner)};
    const char* found = pg::call([&values] { return query.text(values.data()); });
    if (found == nullptr) {
        throw error(sqlstate::undefined_object,
                    "suite " + in_quotes(of.suite) + " that is enforced on table " +
                        in_quotes(pg::qualified_name(table)) + " does not exist",
                    "Role " + in_quotes(owner) + " owns the table and has no suite of that name.",
                    "Load the suite as that role, or SELECT etl.remove_enforcement('" + pg::qualified_name(table) +
                        "', '" + of.suite + "').");
    }
    return found;
}

// --- the trigger ---------------------------------------------------------------------------------------------------

std::vector<std::string> labels_of(const breaches& found)
{
    std::vector<std::string> labels;
    for (const checker::breach& b : found) {
        labels.push_back(b.label);
    }
    return labels;
}

// "The row breaks a(x) with "y", b(z) with -1." Values only for roles that could read them.
std::string sentence_of(const breaches& found, const row_judge& judge, bool with_values)
{
    constexpr std::size_t most_shown = 10;
    std::vector<std::string> parts;
    for (const checker::breach& b : found) {
        if (parts.size() == most_shown) {
            parts.push_back(std::to_string(found.size() - most_shown) + " more");
            break;
        }
        parts.push_back(with_values ? b.label + " with " + judge.values_at_fault(b) : b.label);
    }
    return "The row breaks " + joined(parts) + '.';
}

class enforcement {
  public:
    enforcement(const pg::row_trigger& call, MemoryContext memory);

    Datum decide(const pg::row_trigger& call);

  private:
    enum class mode { reject, quarantine, tag };

    static mode mode_of(const terms& of);
    row_rules rules() const;
    AttrNumber find_tag_column(TupleDesc shape) const;
    Datum tagged(const pg::row_trigger& call, Datum reasons) const;
    Datum set_aside(const pg::row_trigger& call, const breaches& found);
    [[noreturn]] void refuse(const pg::row_trigger& call, const breaches& found, std::string why = {}) const;

    terms terms_;
    mode mode_;
    Oid root_;
    row_judge judge_;
    AttrNumber tag_ = InvalidAttrNumber;
    Datum clean_ = 0; // the tag of a row that keeps the suite
    set_aside_writer writer_;
};

enforcement::mode enforcement::mode_of(const terms& of)
{
    if (of.mode == "reject") {
        return mode::reject;
    }
    if (of.mode == "quarantine") {
        return mode::quarantine;
    }
    if (of.mode == "tag") {
        return mode::tag;
    }
    throw error(sqlstate::invalid_parameter_value, "unknown mode " + in_quotes(of.mode) + " of the trigger", {},
                made_by);
}

enforcement::enforcement(const pg::row_trigger& call, MemoryContext memory)
    : terms_{read_terms(call.texts())}, mode_{mode_of(terms_)}, root_{call.root()},
      judge_{row_suite_for(rules(), {RelationGetDescr(call.table()), RelationGetRelid(call.table()), call.table()}),
             memory},
      writer_{call.table(), root_, terms_.suite, memory}
{
    TupleDesc shape = RelationGetDescr(call.table());
    if (mode_ == mode::tag) {
        tag_ = find_tag_column(shape);
        clean_ = pg::call([memory] {
            MemoryContext old = MemoryContextSwitchTo(memory);
            const Datum made = PointerGetDatum(construct_empty_array(TEXTOID));
            MemoryContextSwitchTo(old);
            return made;
        });
    }
}

row_rules enforcement::rules() const
{
    const std::string owner = pg::role_name(pg::table_owner(root_));
    return {terms_.suite, with_parameters(document_of(terms_, root_, owner), terms_.params), terms_.min_severity,
            owner};
}

AttrNumber enforcement::find_tag_column(TupleDesc shape) const
{
    for (int i = 0; i < shape->natts; ++i) {
        const Form_pg_attribute column = TupleDescAttr(shape, i);
        if (!column->attisdropped && column->atttypid == TEXTARRAYOID &&
            terms_.tag_column == NameStr(column->attname)) {
            return static_cast<AttrNumber>(i + 1);
        }
    }
    throw error(sqlstate::undefined_column,
                "table " + in_quotes(pg::qualified_name(root_)) + " has no column " + in_quotes(terms_.tag_column) +
                    " of type text[] to be tagged",
                {},
                "SELECT etl.enforce('" + pg::qualified_name(root_) + "', '" + terms_.suite +
                    "', 'tag', add_column => true, replace => true);");
}

Datum enforcement::decide(const pg::row_trigger& call)
{
    TupleTableSlot* row = call.slot();
    slot_getsomeattrs(row, std::max(judge_.attributes(), static_cast<int>(tag_)));
    const auto fields = judge_.read(row->tts_values, row->tts_isnull);
    const checker& checks = judge_.rules().checks();
    if (checks.keeps(fields)) {
        return mode_ == mode::tag ? tagged(call, clean_) : pg::row_trigger::store(call.row());
    }
    const breaches found = checks.breaches(fields);
    switch (mode_) {
    case mode::tag:
        return tagged(call, pg::make_text_array(labels_of(found)));
    case mode::quarantine:
        return set_aside(call, found);
    case mode::reject:
        break;
    }
    refuse(call, found);
}

Datum enforcement::tagged(const pg::row_trigger& call, Datum reasons) const
{
    return pg::call([&] {
        const TupleTableSlot* row = call.slot();
        const bool has_it = !row->tts_isnull[tag_ - 1] && datum_image_eq(row->tts_values[tag_ - 1], reasons, false, -1);
        bool is_null = false;
        int number = tag_;
        return pg::row_trigger::store(has_it ? call.row()
                                             : heap_modify_tuple_by_cols(call.row(), RelationGetDescr(call.table()), 1,
                                                                         &number, &reasons, &is_null));
    });
}

void enforcement::refuse(const pg::row_trigger& call, const breaches& found, std::string why) const
{
    const std::string table = pg::qualified_name(root_);
    const std::string hint = why.empty() ? "Mend the row, or let such rows be set aside: SELECT etl.enforce('" + table +
                                               "', '" + terms_.suite + "', 'quarantine', replace => true);"
                                         : std::move(why);
    call.refuse("new row for table " + in_quotes(table) + " breaks suite " + in_quotes(terms_.suite),
                sentence_of(found, judge_, pg::may_read(root_)), hint);
}

// An UPDATE that a foreign key has caused cannot be held back: the old row would refer to nothing. Whether it was the
// foreign key is not to be seen, so every change of a reference from within a trigger counts as one.
Datum enforcement::set_aside(const pg::row_trigger& call, const breaches& found)
{
    if (call.changes_reference() && pg::trigger_depth() > 1) {
        refuse(call, found, "A foreign key may have caused this update, which then cannot be set aside.");
    }
    writer_.write(call, judge_, pg::make_text_array(labels_of(found)));
    return pg::row_trigger::skip();
}

} // namespace
} // namespace etl::validate

using namespace etl;
using namespace etl::validate;

ETL_FUNCTION(etl_enforce, args)
{
    const pg::row_trigger call{args, made_by};
    auto& rules = args.cached<enforcement>([&call, args] { return enforcement{call, args.raw()->flinfo->fn_mcxt}; });
    return rules.decide(call);
}

ETL_FUNCTION(etl_report_enforcement, args)
{
    Oid table = InvalidOid;
    const Trigger* trigger = pg::statement_trigger(args, made_by, table);
    tell_set_aside(table, trigger->tgnargs > 0 ? trigger->tgargs[0] : "");
    return pg::row_trigger::skip();
}

// How many expectations of a suite are enforced on a table, once they have been compiled for it.
ETL_FUNCTION(etl_enforceable, args)
{
    const Oid table = DatumGetObjectId(args.given(0));
    const auto name = args.get<std::string_view>(1);
    const auto document = args.get<std::string_view>(2);
    const auto severity = args.get<std::string_view>(3);
    const auto params = args.is_null(4) ? std::string_view{} : args.get<std::string_view>(4);
    const Oid owner = pg::table_owner(table);
    const row_rules rules{std::string{name}, with_parameters(std::string{document}, params), std::string{severity},
                          owner == GetUserId() ? pg::role_name(owner) : std::string{}};
    Relation relation = pg::call([table] { return table_open(table, AccessShareLock); });
    const auto compiled = row_suite_for(rules, {RelationGetDescr(relation), table, relation});
    pg::call([relation] { table_close(relation, AccessShareLock); });
    return args.result(static_cast<std::int32_t>(compiled->checks().rules().size()));
}

// The texts of a trigger's arguments, which the catalog keeps in one value, each ended by a zero byte.
ETL_FUNCTION(etl_trigger_arguments, args)
{
    const auto bytes = args.get<std::span<const std::byte>>(0);
    std::vector<std::string> texts;
    const char* at = reinterpret_cast<const char*>(bytes.data());
    const char* end = at + bytes.size();
    while (at != end) {
        const char* stop = std::find(at, end, '\0');
        texts.emplace_back(at, stop);
        at = stop == end ? end : stop + 1;
    }
    return pg::make_text_array(texts);
}
