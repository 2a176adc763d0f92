#include "validate/set_aside_pg.hpp"

#include "core/text.hpp"
#include "pg/own_query.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/transam.h>
#include <catalog/pg_type.h>
#include <funcapi.h>
#include <nodes/makefuncs.h>
#include <parser/parse_coerce.h>
#include <utils/builtins.h>
#include <utils/fmgroids.h>
#include <utils/fmgrprotos.h>
#include <utils/jsonb.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>

namespace etl::validate {
namespace {

// --- storing -------------------------------------------------------------------------------------------------------

struct set_aside_row {
    Datum table;
    Datum suite;
    Datum row;
    Datum reasons;
    Datum operation;
    Datum owner;
};

// May raise.
void store(const set_aside_row& what)
{
    static constexpr std::array<Oid, 6> types{TEXTOID, TEXTOID, JSONBOID, TEXTARRAYOID, TEXTOID, TEXTOID};
    static pg::own_query query{"quarantined_rows",
                               "INSERT INTO etl.quarantined_rows (relation, suite, \"row\", reasons, operation, owner) "
                               "VALUES ($1, $2, $3, $4, $5, $6::pg_catalog.name)",
                               types};
    const std::array values{what.table, what.suite, what.row, what.reasons, what.operation, what.owner};
    query.execute(values.data());
}

Oid own_function(const char* signature)
{
    return DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(signature)));
}

// The name under which rows of a table are kept. May raise.
const char* kept_name(Oid table)
{
    const Oid function = own_function("etl._relation_name(pg_catalog.regclass)");
    return TextDatumGetCString(OidFunctionCall1(function, ObjectIdGetDatum(table)));
}

// --- rows as JSON --------------------------------------------------------------------------------------------------

// Whether to_jsonb has a place for every value of a type, and the type's input makes the same value of it again. It has
// none for what json may hold, as "\u0000"; JSON's null is none of SQL's; and what a cast to json makes of a value is
// anything. May raise.
bool fits_into_json(Oid type)
{
    const Oid base = getBaseType(type);
    if (base == JSONOID || base == JSONBOID) {
        return false;
    }
    const Oid element = get_element_type(base);
    if (OidIsValid(element)) {
        return fits_into_json(element);
    }
    if (type_is_rowtype(base)) {
        TupleDesc columns = lookup_rowtype_tupdesc_copy(base, -1);
        const auto fits = [columns](int i) {
            return TupleDescAttr(columns, i)->attisdropped || fits_into_json(TupleDescAttr(columns, i)->atttypid);
        };
        int i = 0;
        while (i < columns->natts && fits(i)) {
            ++i;
        }
        return i == columns->natts;
    }
    Oid cast = InvalidOid;
    return base < FirstNormalObjectId ||
           find_coercion_pathway(JSONOID, base, COERCION_EXPLICIT, &cast) != COERCION_PATH_FUNC;
}

// to_jsonb, which asks of which type its argument is, ready to be called. May raise.
void find_to_jsonb(FmgrInfo* to, Oid row_type, MemoryContext memory)
{
    MemoryContext old = MemoryContextSwitchTo(memory);
    fmgr_info(F_TO_JSONB, to);
    auto* argument = makeNullConst(row_type, -1, InvalidOid);
    fmgr_info_set_expr(reinterpret_cast<Node*>(makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(argument), InvalidOid,
                                                            InvalidOid, COERCE_EXPLICIT_CALL)),
                       to);
    MemoryContextSwitchTo(old);
}

// A document as jsonb keeps it. A string, which would be taken for the text of a document, and JSON's null, which would
// be taken for SQL's, are strings of their text. May raise.
Datum document_as_json(FmgrInfo* output, Datum document)
{
    JsonbValue scalar = {};
    if (!JsonbExtractScalar(&DatumGetJsonbP(document)->root, &scalar) ||
        (scalar.type != jbvString && scalar.type != jbvNull)) {
        return document;
    }
    char* text = OutputFunctionCall(output, document);
    JsonbValue made = {};
    made.type = jbvString;
    made.val.string.val = text;
    made.val.string.len = static_cast<int>(std::strlen(text));
    return JsonbPGetDatum(JsonbValueToJsonb(&made));
}

// Makes JSON of the rows of one type: what does not fit is a text.
class json_maker {
  public:
    json_maker(HeapTupleHeader row, MemoryContext memory);

    bool is_for(HeapTupleHeader row) const;
    Datum make(HeapTupleHeader row);

  private:
    void prepare(HeapTupleHeader row, MemoryContext memory);
    HeapTuple with_texts(HeapTupleHeader row);

    std::uint64_t type_ = 0;
    TupleDesc row_ = nullptr;
    TupleDesc written_ = nullptr; // the row's, with texts
    bool has_texts_ = false;
    FmgrInfo to_jsonb_ = {};
    std::vector<FmgrInfo> outputs_; // of columns that become texts, and of documents
    std::vector<Datum> values_;
    std::unique_ptr<bool[]> nulls_;
};

// May raise.
std::uint64_t type_of(HeapTupleHeader row)
{
    return assign_record_type_identifier(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
}

json_maker::json_maker(HeapTupleHeader row, MemoryContext memory)
{
    pg::call([&] {
        type_ = type_of(row);
        MemoryContext old = MemoryContextSwitchTo(memory);
        row_ = lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
        written_ = CreateTupleDescCopy(row_);
        MemoryContextSwitchTo(old);
    });
    outputs_.resize(static_cast<std::size_t>(row_->natts));
    values_.resize(outputs_.size());
    nulls_ = std::make_unique<bool[]>(outputs_.size());
    pg::call([&] { prepare(row, memory); });
}

// May raise.
void json_maker::prepare(HeapTupleHeader row, MemoryContext memory)
{
    for (int i = 0; i < row_->natts; ++i) {
        const Form_pg_attribute column = TupleDescAttr(row_, i);
        if (column->attisdropped || fits_into_json(column->atttypid)) {
            continue;
        }
        Oid output = InvalidOid;
        bool is_varlena = false;
        getTypeOutputInfo(column->atttypid, &output, &is_varlena);
        fmgr_info_cxt(output, &outputs_[static_cast<std::size_t>(i)], memory);
        if (getBaseType(column->atttypid) != JSONBOID) {
            TupleDescInitEntry(written_, static_cast<AttrNumber>(i + 1), NameStr(column->attname), TEXTOID, -1, 0);
        }
        has_texts_ = true;
    }
    if (has_texts_) {
        written_->tdtypeid = RECORDOID;
        written_->tdtypmod = -1;
        BlessTupleDesc(written_);
    }
    find_to_jsonb(&to_jsonb_, has_texts_ ? RECORDOID : HeapTupleHeaderGetTypeId(row), memory);
}

bool json_maker::is_for(HeapTupleHeader row) const
{
    return pg::call([row] { return type_of(row); }) == type_;
}

// May raise.
HeapTuple json_maker::with_texts(HeapTupleHeader row)
{
    HeapTupleData tuple = {};
    tuple.t_len = HeapTupleHeaderGetDatumLength(row);
    tuple.t_data = row;
    ItemPointerSetInvalid(&tuple.t_self);
    heap_deform_tuple(&tuple, row_, values_.data(), nulls_.get());
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
        if (OidIsValid(outputs_[i].fn_oid) && !nulls_[i]) {
            const bool is_document = TupleDescAttr(written_, static_cast<int>(i))->atttypid != TEXTOID;
            values_[i] = is_document ? document_as_json(&outputs_[i], values_[i])
                                     : CStringGetTextDatum(OutputFunctionCall(&outputs_[i], values_[i]));
        }
    }
    return heap_form_tuple(written_, values_.data(), nulls_.get());
}

void explain_limits(void* /*unused*/)
{
    if (geterrcode() == ERRCODE_PROGRAM_LIMIT_EXCEEDED) {
        errhint("etl.quarantined_rows takes rows of up to 256 MB. Let etl.enforce reject or tag larger ones.");
    }
}

Datum json_maker::make(HeapTupleHeader row)
{
    return pg::call([this, row] {
        ErrorContextCallback callback = {};
        callback.previous = error_context_stack;
        callback.callback = explain_limits;
        error_context_stack = &callback;
        const Datum given =
            has_texts_ ? heap_copy_tuple_as_datum(with_texts(row), written_) : HeapTupleHeaderGetDatum(row);
        const Datum made = FunctionCall1(&to_jsonb_, given);
        error_context_stack = callback.previous;
        return made;
    });
}

// --- counting ------------------------------------------------------------------------------------------------------

// The rows that one statement has set aside.
struct tally {
    pg::statement_number statement;
    Oid table;
    std::string suite;
    std::int64_t inserts = 0;
    std::int64_t updates = 0;

    bool is_of(pg::statement_number now, Oid of_table, std::string_view of_suite) const
    {
        return statement == now && table == of_table && suite == of_suite;
    }
};

std::vector<tally>& tallies()
{
    static auto& all = *new std::vector<tally>; // never destroyed
    return all;
}

void count(Oid table, const std::string& suite, bool is_update)
{
    const auto now = pg::statement_number::current();
    auto& all = tallies();
    auto found = std::ranges::find_if(all, [&](const tally& t) { return t.is_of(now, table, suite); });
    if (found == all.end()) {
        std::erase_if(all, [now](const tally& t) { return t.statement.transaction != now.transaction; });
        found = all.insert(all.end(), {now, table, suite});
    }
    ++(is_update ? found->updates : found->inserts);
}

std::string whereabouts(const tally& of)
{
    const std::int64_t rows = of.inserts + of.updates;
    std::string text = rows == 1 ? "It is in etl.quarantined_rows" : "They are in etl.quarantined_rows";
    if (of.updates == 0) {
        return text + '.';
    }
    if (of.updates < rows) {
        return text + "; " + std::to_string(of.updates) + " of them would have replaced rows, which stay as they were.";
    }
    return text + (rows == 1 ? "; the row that it would have replaced stays as it was."
                             : "; the rows that they would have replaced stay as they were.");
}

} // namespace

set_aside_writer::set_aside_writer(Relation table, Oid root, std::string suite, MemoryContext memory)
    : root_{root}, suite_{std::move(suite)}, memory_{memory}
{
    TupleDesc shape = RelationGetDescr(table);
    for (int i = 0; i < shape->natts; ++i) {
        if (TupleDescAttr(shape, i)->attgenerated != '\0') {
            generated_.push_back(i);
        }
    }
}

void set_aside_writer::write(const pg::row_trigger& call, const row_judge& judged, Datum reasons)
{
    if (name_.empty()) {
        name_ = pg::call([this] { return kept_name(root_); });
    }
    const set_aside_row what{pg::make_text(name_),
                             pg::make_text(suite_),
                             as_json(call, judged),
                             reasons,
                             pg::make_text(std::string_view{call.is_update() ? "update" : "insert"}),
                             pg::make_text(pg::role_name(pg::table_owner(root_)))};
    pg::call([&what] { store(what); });
    count(root_, suite_, call.is_update());
}

// The row as etl.release_quarantined reads it. Made with the rights of the current role, as types may bring functions
// of their own. What the row has of generated columns is not theirs yet: they are as they were judged, or NULL where
// the suite does not read them.
Datum set_aside_writer::as_json(const pg::row_trigger& call, const row_judge& judged)
{
    std::vector<Datum> values;
    std::vector<int> numbers;
    const auto nulls = std::make_unique<bool[]>(generated_.size());
    for (const int attribute : generated_) {
        const NullableDatum value = judged.computed_value(attribute);
        nulls[values.size()] = value.isnull;
        values.push_back(value.value);
        numbers.push_back(attribute + 1);
    }
    TupleDesc shape = RelationGetDescr(call.table());
    return pg::call([&, nulls = nulls.get(), count = static_cast<int>(numbers.size())] {
        if (!OidIsValid(row_as_json_.fn_oid)) {
            fmgr_info_cxt(own_function("etl._row_as_json(pg_catalog.record)"), &row_as_json_, memory_);
        }
        HeapTuple row = call.row();
        if (count > 0) {
            row = heap_modify_tuple_by_cols(row, shape, count, numbers.data(), values.data(), nulls);
        }
        return FunctionCall1(&row_as_json_, heap_copy_tuple_as_datum(row, shape));
    });
}

void tell_set_aside(Oid table, std::string_view suite)
{
    const auto now = pg::statement_number::current();
    auto& all = tallies();
    const auto found = std::ranges::find_if(all, [&](const tally& t) { return t.is_of(now, table, suite); });
    if (found == all.end()) {
        return;
    }
    const tally told = *found;
    all.erase(found);
    const std::int64_t rows = told.inserts + told.updates;
    pg::inform(std::to_string(rows) + (rows == 1 ? " row was" : " rows were") + " kept out of table " +
                   in_quotes(pg::qualified_name(table)) + " by suite " + in_quotes(suite),
               whereabouts(told),
               rows == 1 ? "etl.release_quarantined() stores it when it has been mended."
                         : "etl.release_quarantined() stores them when they have been mended.");
}

} // namespace etl::validate

using namespace etl;
using namespace etl::validate;

ETL_FUNCTION(etl_row_as_json, args)
{
    const HeapTupleHeader row = DatumGetHeapTupleHeader(args.datum(0));
    auto& maker = args.cached<std::optional<json_maker>>([] { return std::optional<json_maker>{}; });
    if (!maker || !maker->is_for(row)) {
        maker.emplace(row, args.raw()->flinfo->fn_mcxt);
    }
    return maker->make(row);
}
