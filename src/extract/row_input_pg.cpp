#include "extract/row_input_pg.hpp"

#include "core/text.hpp"
#include "pg/encoding.hpp"
#include "pg/shown_text.hpp"

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_type.h>
#include <executor/executor.h>
#include <optimizer/optimizer.h>
#include <rewrite/rewriteHandler.h>
#include <utils/builtins.h>
#include <utils/jsonb.h>
#include <utils/rel.h>
}

#include <algorithm>

namespace etl {
namespace {

constexpr char generated_always[] = "428C9";
constexpr char null_not_allowed[] = "23502";
constexpr std::size_t longest_shown = 200; // bytes of a value or message in a reason

// The first characters of a text.
std::string_view beginning(std::string_view text, std::size_t most)
{
    std::size_t end = std::min(text.size(), most);
    while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
        --end;
    }
    return text.substr(0, end);
}

// A text as reasons show it.
std::string shown(std::string_view text)
{
    return std::string{beginning(text, longest_shown)} + (text.size() > longest_shown ? "..." : "");
}

bool is_generated(const FormData_pg_attribute& column)
{
    return column.attgenerated != '\0' || column.attidentity == ATTRIBUTE_IDENTITY_ALWAYS;
}

std::string name_of(const FormData_pg_attribute& column)
{
    return std::string{pg::as_utf8(NameStr(column.attname))};
}

std::vector<std::string> column_names(Relation table, bool with_generated)
{
    std::vector<std::string> names;
    for (int i = 0; i < RelationGetNumberOfAttributes(table); ++i) {
        const auto& column = *TupleDescAttr(RelationGetDescr(table), i);
        if (!column.attisdropped && (with_generated || !is_generated(column))) {
            names.push_back(name_of(column));
        }
    }
    return names;
}

const FormData_pg_attribute& column_of(Relation table, const std::string& name)
{
    int at = 0;
    const auto is_it = [&](int i) {
        const auto& column = *TupleDescAttr(RelationGetDescr(table), i);
        return !column.attisdropped && name_of(column) == name;
    };
    while (!is_it(at)) { // a mapping has columns of the table only
        ++at;
    }
    return *TupleDescAttr(RelationGetDescr(table), at);
}

void refuse_generated(Relation table, const mapping& rules)
{
    for (const column_rule& rule : rules.rules()) {
        const auto& column = column_of(table, rule.column);
        if (is_generated(column)) {
            throw error(generated_always, "column " + in_quotes(rule.column) + " cannot be mapped",
                        column.attgenerated != '\0' ? "It is a generated column."
                                                    : "It is an identity column defined as GENERATED ALWAYS.",
                        "Leave it out of the mapping.");
        }
    }
}

// What a fault says, without its value where that is very long.
std::string told(const pg::value_fault& fault)
{
    return in_one_line(shown(fault.message), shown(fault.detail));
}

// A value is named once: most messages of PostgreSQL have it.
std::string why_refused(const std::string& column, const std::string& type, const pg::value_fault& fault,
                        std::string_view value)
{
    std::string made = pg::shown_text("column " + in_quotes(column)) + " of type " + type + ": " + told(fault);
    constexpr std::size_t enough = 100; // of a value to tell it again
    if (!value.empty() && made.find(pg::shown_text(beginning(value, enough))) == std::string::npos) {
        made += pg::shown_text(", the value is " + in_quotes(shown(value)));
    }
    return made;
}

std::string joined_paths(const column_rule& rule)
{
    std::string made;
    for (const std::string& path : rule.from) {
        made += (made.empty() ? "" : "|") + path;
    }
    return made;
}

} // namespace

std::string in_one_line(std::string message, std::string_view detail)
{
    detail.remove_suffix(detail.ends_with('.') ? 1 : 0);
    return detail.empty() ? message : message + " (" + std::string{detail} + ")";
}

std::vector<std::string> mappable_columns(Relation table)
{
    return column_names(table, false);
}

mapping mapping_for(Relation table, const std::optional<std::string_view>& document)
{
    if (!document) {
        return mapping::by_names(mappable_columns(table));
    }
    mapping made = mapping::parse(*document, column_names(table, true));
    refuse_generated(table, made);
    return made;
}

row_input::row_input(Relation table, const mapping& rules)
{
    const std::size_t width = rules.rules().size();
    values_.resize(width);
    nulls_ = std::make_unique<bool[]>(width);
    seen_values_.resize(width + 1);
    seen_nulls_ = std::make_unique<bool[]>(width + 1);
    inputs_.reserve(width);
    for (const column_rule& rule : rules.rules()) {
        add_column(table, rule);
    }
    make_shape(table);
    for (std::size_t i = 0; i < width; ++i) {
        if (!rules.rules()[i].sql.empty()) {
            add_computed(column_of(table, rules.rules()[i].column), rules.rules()[i].sql, columns_[i]);
        }
    }
}

void row_input::add_column(Relation table, const column_rule& rule)
{
    const auto& attribute = column_of(table, rule.column);
    inputs_.emplace_back(attribute, rule);
    attributes_.push_back(attribute.attnum - 1);
    column made{rule.column, {}, joined_paths(rule), attribute.attnotnull, rule.required, nullptr, nullptr, nullptr};
    made.type = pg::call([&] { return format_type_with_typemod(attribute.atttypid, attribute.atttypmod); });
    made.table_default = pg::call([&]() -> ExprState* {
        Node* expression = build_column_default(table, attribute.attnum);
        return expression == nullptr ? nullptr
                                     : ExecInitExpr(expression_planner(reinterpret_cast<Expr*>(expression)), nullptr);
    });
    if (made.table_default != nullptr && defaults_ == nullptr) {
        defaults_ = pg::call([] { return CreateStandaloneExprContext(); });
    }
    columns_.push_back(std::move(made));
}

void row_input::make_shape(Relation table)
{
    shape_ = pg::call([this, table] {
        TupleDesc made = CreateTemplateTupleDesc(static_cast<int>(attributes_.size()) + 1);
        TupleDescInitEntry(made, 1, "record", JSONBOID, -1, 0);
        for (std::size_t i = 0; i < attributes_.size(); ++i) {
            const auto number = static_cast<AttrNumber>(i + 2);
            const auto* from = TupleDescAttr(RelationGetDescr(table), attributes_[i]);
            TupleDescInitEntry(made, number, NameStr(from->attname), from->atttypid, from->atttypmod, from->attndims);
            TupleDescInitEntryCollation(made, number, from->attcollation);
        }
        return made;
    });
}

void row_input::add_computed(const FormData_pg_attribute& of, const std::string& sql, column& into)
{
    const std::string of_server{pg::from_utf8(sql)};
    const std::string purpose = "column " + in_quotes(NameStr(of.attname)) + " of the mapping";
    into.computed = std::make_unique<pg::row_expression>(
        pg::row_expression::computed(of_server, shape_, {NameStr(of.attname), of.atttypid, of.atttypmod}, purpose));
    into.program = std::make_unique<pg::row_program>(shape_, CurrentMemoryContext);
    into.program->add_result(*into.computed);
    reads_record_ = reads_record_ || into.computed->reads(0);
}

void row_input::see(std::size_t number)
{
    seen_values_[number + 1] = values_[number];
    seen_nulls_[number + 1] = nulls_[number];
}

std::optional<row_fault> row_input::read(std::span<const column_text> given, std::string_view record,
                                         pg::soft_batch& batch)
{
    if (defaults_ != nullptr) {
        pg::call([this] { ResetExprContext(defaults_); });
    }
    bool computes = false;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (auto fault = read_column(i, given[i], batch)) {
            return fault;
        }
        computes = computes || (columns_[i].program != nullptr && nulls_[i]);
    }
    if (!computes) {
        return std::nullopt;
    }
    if (auto fault = read_record(record, batch)) {
        return fault;
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (columns_[i].program != nullptr && nulls_[i]) {
            if (auto fault = compute(i, batch)) {
                return fault;
            }
        }
    }
    return std::nullopt;
}

std::optional<row_fault> row_input::read_column(std::size_t number, const column_text& given, pg::soft_batch& batch)
{
    NullableDatum value{};
    const column& of = columns_[number];
    if (auto fault = inputs_[number].read(given, batch, value)) {
        return row_fault{pg::shown_text(of.name), why_refused(of.name, of.type, *fault, given.text), fault->sqlstate};
    }
    values_[number] = value.value;
    nulls_[number] = value.isnull;
    auto fault = value.isnull && of.program == nullptr ? complete(number, batch) : std::nullopt;
    see(number);
    return fault;
}

std::optional<row_fault> row_input::read_record(std::string_view record, pg::soft_batch& batch)
{
    seen_nulls_[0] = true;
    if (!reads_record_) {
        return std::nullopt;
    }
    const std::string document{record};
    auto fault = batch.attempt([this, &document] {
        const char* text = document.c_str();
        if (!pg::server_speaks_utf8()) {
            text = pg_any_to_server(text, static_cast<int>(document.size()), PG_UTF8);
        }
        seen_values_[0] = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
    });
    if (fault) {
        return row_fault{{}, "the record is no jsonb: " + told(*fault), fault->sqlstate};
    }
    seen_nulls_[0] = false;
    return std::nullopt;
}

std::optional<row_fault> row_input::compute(std::size_t number, pg::soft_batch& batch)
{
    const column& of = columns_[number];
    auto fault = batch.attempt([this, &of] { of.program->run(seen_values_.data(), seen_nulls_.get()); });
    if (fault) {
        return row_fault{pg::shown_text(of.name), "column " + in_quotes(pg::shown_text(of.name)) + ": " + told(*fault),
                         fault->sqlstate};
    }
    const NullableDatum made = of.program->result(0);
    values_[number] = made.value;
    nulls_[number] = made.isnull;
    auto incomplete = made.isnull ? complete(number, batch) : std::nullopt;
    see(number);
    return incomplete;
}

// A column that got no value: what the table says, unless the mapping does not allow it.
std::optional<row_fault> row_input::complete(std::size_t number, pg::soft_batch& batch)
{
    const column& of = columns_[number];
    const auto missing = [&of](const char* what) {
        const std::string where = of.from.empty() ? "" : ", and nothing was found at " + in_quotes(of.from);
        return row_fault{pg::shown_text(of.name), pg::shown_text("column " + in_quotes(of.name) + what + where),
                         null_not_allowed};
    };
    if (of.required) {
        return missing(" is required");
    }
    if (of.table_default != nullptr) {
        pg::call([this, &of, number] {
            values_[number] = ExecEvalExprSwitchContext(of.table_default, defaults_, &nulls_[number]);
        });
    }
    if (!nulls_[number]) {
        return std::nullopt;
    }
    if (of.not_null) {
        return missing(" must not be NULL");
    }
    if (const auto fault = inputs_[number].read_null(batch)) {
        return row_fault{pg::shown_text(of.name), why_refused(of.name, of.type, *fault, {}), fault->sqlstate};
    }
    return std::nullopt;
}

} // namespace etl
