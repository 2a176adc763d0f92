#include "extract/row_loader_pg.hpp"

#include "core/file_error.hpp"
#include "core/json.hpp"
#include "core/text.hpp"
#include "extract/load_source_pg.hpp"
#include "pg/encoding.hpp"
#include "pg/error_context.hpp"
#include "pg/function.hpp"
#include "pg/role_lock.hpp"
#include "pg/shown_text.hpp"
#include "pg/spi.hpp"

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_attribute.h>
#include <catalog/pg_type.h>
#include <executor/spi.h>
#include <mb/pg_wchar.h>
#include <utils/lsyscache.h>
#include <utils/rel.h>
}

#include <algorithm>
#include <set>
#include <utility>

namespace etl {
namespace {

constexpr std::size_t most_faults_told = 20;
constexpr char not_in_repertoire[] = "22021";

// The SQLSTATEs of an error must outlive it.
const char* kept_sqlstate(const std::string& sqlstate)
{
    static std::set<std::string> all;
    return all.insert(sqlstate).first->c_str();
}

// Whether an error tells of a row: data, constraints, and what triggers raise.
bool is_about_a_row(const std::string& sqlstate)
{
    return sqlstate.starts_with("22") || sqlstate.starts_with("23") || sqlstate.starts_with("44") ||
           sqlstate.starts_with("P0");
}

// Texts of faults are in UTF-8, made of what PostgreSQL said and of names in the content.
std::string in_utf8(const std::string& of_server)
{
    return std::string{pg::as_utf8(of_server)};
}

// Such a text with no character that the server lacks.
std::string tellable(const std::string& text)
{
    return in_utf8(pg::shown_text(text));
}

std::string whole_text(const record_fault& fault)
{
    return fault.detail.empty() ? fault.what : fault.what + ": " + fault.detail;
}

Datum text_datum(const std::string& text)
{
    return pg::make_text(text);
}

} // namespace

row_loader::row_loader(const load_job& job, Relation table, Relation into, load_records& records, std::string source,
                       names_fn names)
    : job_{job}, records_{records}, source_{std::move(source)}, names_{names}, input_{table, records.mapped()},
      isolates_{job.bad_rows != load_job::bad_rows_are::errors}
{
    const auto& rules = records.mapped().rules();
    for (const column_rule& rule : rules) {
        required_.push_back(std::ranges::find(job.required, rule.column) != job.required.end());
    }
    computes_ = std::ranges::any_of(rules, [](const column_rule& rule) { return !rule.sql.empty(); });
    given_ = attributes_in(table, into);
    sink_ = make_row_sink(into, given_);
}

// Tables of the same columns may number them otherwise.
std::vector<int> row_loader::attributes_in(Relation table, Relation into) const
{
    std::vector<int> made;
    for (const int attribute : input_.attributes()) {
        const Form_pg_attribute from = TupleDescAttr(RelationGetDescr(table), attribute);
        const int number =
            pg::call([into, from] { return get_attnum(RelationGetRelid(into), NameStr(from->attname)); }) - 1;
        if (number < 0 || TupleDescAttr(RelationGetDescr(into), number)->atttypid != from->atttypid) {
            throw error(sqlstate::datatype_mismatch, "table " + in_quotes(RelationGetRelationName(into)) +
                                                         " has no such column " + in_quotes(NameStr(from->attname)));
        }
        made.push_back(number);
    }
    return made;
}

std::vector<std::string> row_loader::columns() const
{
    std::vector<std::string> made;
    for (const column_rule& rule : records_.mapped().rules()) {
        made.emplace_back(pg::from_utf8(rule.column));
    }
    return made;
}

std::string row_loader::errors() const
{
    std::vector<record_fault> sorted = first_faults_;
    std::ranges::stable_sort(sorted, {}, &record_fault::line);
    json made = json::array();
    for (const record_fault& fault : sorted) {
        json one{{"line", fault.line}, {"message", tellable(fault.what)}, {"code", fault.sqlstate}};
        one["column"] = fault.column.empty() ? json{} : json(tellable(fault.column));
        made.push_back(std::move(one));
    }
    return made.dump(-1, ' ', false, json::error_handler_t::replace);
}

void row_loader::run()
{
    while (fill()) {
        write();
    }
    write();
    pg::call([this] { sink_->finish(); });
}

// Reads and converts until a batch is full; false at the end.
bool row_loader::fill()
{
    waiting_.clear();
    while (!waiting_.is_full()) {
        if (!records_.next()) {
            keep_batch();
            return false;
        }
        take_record();
    }
    keep_batch();
    return true;
}

// A subtransaction leaves the memory context in which it was begun as the current one.
void row_loader::keep_batch()
{
    const pg::within_context here{CurrentMemoryContext};
    batch_.finish();
}

void row_loader::take_record()
{
    pg::poll();
    ++counts_.received;
    record_fault fault;
    if (records_.fault() != nullptr) {
        fault = *records_.fault();
    } else if (!is_content_text(records_.text())) {
        check_text(fault);
    } else {
        scratch_.reset();
        const pg::within_context within{scratch_.get()};
        if (convert(fault)) {
            return;
        }
    }
    refuse(std::move(fault), static_cast<std::uint64_t>(counts_.received), records_.line(), records_.text());
}

void row_loader::check_text(record_fault& fault) const
{
    fault = {"the line holds bytes that are no text",
             "They are not in encoding " + (job_.encoding.empty() ? std::string{"UTF8"} : job_.encoding) +
                 ", or are zero.",
             not_in_repertoire,
             records_.line(),
             {}};
    const auto& rules = records_.mapped().rules();
    for (std::size_t i = 0; i < rules.size(); ++i) {
        if (!is_content_text(records_.values()[i].text)) {
            fault.column = rules[i].column;
            return;
        }
    }
}

bool row_loader::convert(record_fault& fault)
{
    const std::string_view record = computes_ ? records_.as_json(names_) : std::string_view{};
    if (auto wrong = input_.read(records_.values(), record, batch_)) {
        fault = {in_utf8(wrong->reason), {}, std::move(wrong->sqlstate), records_.line(), in_utf8(wrong->column)};
        return false;
    }
    for (std::size_t i = 0; i < required_.size(); ++i) {
        if (required_[i] && input_.nulls()[i]) {
            const std::string& name = records_.mapped().rules()[i].column;
            fault = {"column " + in_quotes(name) + " is required", {}, "23502", records_.line(), name};
            return false;
        }
    }
    pg::refused_row why = {};
    HeapTuple row = nullptr;
    const auto wrong = batch_.attempt([this, &row, &why] {
        pg::with_locked_role(
            [&] { row = sink_->form(input_.values().data(), input_.nulls(), waiting_.memory(), why); });
    });
    if (wrong) {
        fault = {in_utf8(wrong->message), in_utf8(wrong->detail), wrong->sqlstate, records_.line(),
                 in_utf8(wrong->column)};
        return false;
    }
    if (row == nullptr) {
        fault = {in_utf8(why.message),
                 {},
                 unpack_sql_state(why.sqlstate),
                 records_.line(),
                 why.column == nullptr ? std::string{} : std::string{pg::as_utf8(why.column)}};
        return false;
    }
    const bool may_be_asked_for = isolates_ && sink_->may_refuse();
    waiting_.add(row, static_cast<std::uint64_t>(counts_.received), records_.line(),
                 may_be_asked_for ? records_.text() : std::string_view{});
    return true;
}

void row_loader::write()
{
    if (waiting_.size() > 0) {
        if (isolates_ && sink_->may_refuse()) {
            write_and_isolate(0, waiting_.size());
        } else {
            const int count = waiting_.size();
            const std::int64_t written = write_range(0, count, at_);
            counts_.written += written;
            counts_.held += count - written;
        }
    }
    keep_rejected();
}

std::int64_t row_loader::write_range(int first, int last, int& at)
{
    const shown_rows shown{*sink_, waiting_.rows() + first, last - first};
    return pg::call([&, this] {
        ErrorContextCallback callback = {error_context_stack, tell_place, this};
        error_context_stack = &callback;
        const std::int64_t written = sink_->write(waiting_.rows() + first, last - first, at);
        error_context_stack = callback.previous;
        return written;
    });
}

// What was written before the row that is refused is written once more, without it. Where the row cannot be told, the
// halves are tried.
void row_loader::write_and_isolate(int first, int last)
{
    while (first < last) {
        int at = -1;
        std::int64_t written = 0;
        const shown_rows shown{*sink_, waiting_.rows() + first, last - first};
        const auto wrong =
            batch_.attempt([&, this] { written = sink_->write(waiting_.rows() + first, last - first, at); });
        if (!wrong) {
            keep_batch();
            counts_.written += written;
            counts_.held += last - first - written;
            return;
        }
        if (!is_about_a_row(wrong->sqlstate)) {
            throw error(kept_sqlstate(wrong->sqlstate), in_utf8(wrong->message), in_utf8(wrong->detail));
        }
        if (last - first == 1) {
            const waiting_rows::place& place = waiting_.at(first);
            refuse(
                {in_utf8(wrong->message), in_utf8(wrong->detail), wrong->sqlstate, place.line, in_utf8(wrong->column)},
                place.ordinal, place.line, waiting_.text(first));
            return;
        }
        const int bad = at >= 0 ? first + at : first + (last - first) / 2;
        write_and_isolate(first, bad);
        if (at >= 0) {
            write_and_isolate(bad, bad + 1);
        }
        first = at >= 0 ? bad + 1 : bad;
    }
}

void row_loader::refuse(record_fault fault, std::uint64_t ordinal, std::uint64_t line, std::string_view text)
{
    fault.line = line;
    if (job_.bad_rows == load_job::bad_rows_are::errors) {
        stop(fault);
    }
    ++counts_.rejected;
    if (first_faults_.size() < most_faults_told) {
        first_faults_.push_back(fault);
    }
    if (job_.most_bad_rows && static_cast<std::uint64_t>(counts_.rejected) > *job_.most_bad_rows) {
        std::string told;
        for (const record_fault& each : first_faults_) {
            told += (told.empty() ? "Line " : "; line ") + std::to_string(each.line) + ": " +
                    std::string{pg::as_utf8(each.what)};
        }
        throw error(file_sqlstate::bad_file_format,
                    source_ + " has more than " + std::to_string(*job_.most_bad_rows) + " lines that cannot be loaded",
                    told + '.', "Mend them, or allow for more with max_errors.");
    }
    if (job_.bad_rows == load_job::bad_rows_are::rejected) {
        waiting_.add_bytes(text.size());
        rejected_.push_back({ordinal, line, std::move(fault), std::string{text}});
    }
}

void row_loader::stop(const record_fault& fault) const
{
    std::string place = "It stands in line " + std::to_string(fault.line);
    if (!fault.column.empty()) {
        place += ", column " + in_quotes(tellable(fault.column));
    }
    place += ", of " + source_ + '.';
    throw error(kept_sqlstate(fault.sqlstate), tellable(fault.what),
                fault.detail.empty() ? place : tellable(fault.detail) + ' ' + place,
                "Say on_bad_row => 'reject' to load the other lines.");
}

void row_loader::keep_rejected()
{
    if (rejected_.empty()) {
        return;
    }
    if (keep_plan_ == nullptr) {
        keep_plan_ = pg::call([] {
            constexpr Oid types[] = {INT8OID, INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BYTEAOID};
            return pg::session_plan("INSERT INTO etl.rejected_line (batch_id, ordinal, line, column_name, reason, "
                                    "sqlstate, content, raw) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                                    types);
        });
    }
    for (const rejected& each : rejected_) {
        pg::poll();
        scratch_.reset();
        const pg::within_context within{scratch_.get()};
        const std::optional<std::string> content =
            is_content_text(each.text) ? content_of_server(each.text) : std::nullopt;
        Datum values[] = {Int64GetDatum(job_.batch),
                          Int64GetDatum(static_cast<std::int64_t>(each.ordinal)),
                          Int64GetDatum(static_cast<std::int64_t>(each.line)),
                          text_datum(pg::shown_text(each.fault.column)),
                          text_datum(pg::shown_text(whole_text(each.fault))),
                          text_datum(each.fault.sqlstate),
                          text_datum(content.value_or(std::string{})),
                          text_datum(content ? std::string{} : each.text)};
        const char nulls[] = {
            ' ', ' ', ' ', each.fault.column.empty() ? 'n' : ' ', ' ', ' ', content ? ' ' : 'n', content ? 'n' : ' '};
        pg::call([&, this] { SPI_execute_plan(static_cast<SPIPlanPtr>(keep_plan_), values, nulls, false, 0); });
    }
    rejected_.clear();
}

// The line of a row that is refused while it is written, as a line of the error's context.
void row_loader::tell_place(void* self)
{
    const auto& loader = *static_cast<const row_loader*>(self);
    if (loader.at_ < 0 || loader.at_ >= loader.waiting_.size()) {
        return;
    }
    char line[1024];
    std::snprintf(line, sizeof line, "%s, line %llu", loader.source_.c_str(),
                  static_cast<unsigned long long>(loader.waiting_.at(loader.at_).line));
    pg::add_context_line(line);
}

} // namespace etl
