// Tests of what texts look like: patterns, dates, JSON.
#include "core/error.hpp"
#include "core/text.hpp"
#include "validate/dateutil.hpp"
#include "validate/json_schema.hpp"
#include "validate/like_pattern.hpp"
#include "validate/row_tests.hpp"
#include "validate/strptime.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

// Texts as they stand in memory, blanks of a char(n) included.
template <class Kept>
class text_test final : public row_test {
  public:
    text_test(std::size_t column, Kept kept) : column_{column}, kept_{std::move(kept)} { subjects = {column}; }

    verdict test(std::span<const field> row) const override
    {
        const field& value = row[column_];
        if (value.is_null()) {
            return verdict::missing;
        }
        return kept_(value.padded_text()) ? verdict::as_expected : verdict::unexpected;
    }

  private:
    std::size_t column_;
    Kept kept_;
};

std::size_t find_text(const expectation& what, const columns_view& columns)
{
    const std::size_t i = columns.find(what.columns[0], what);
    if (columns.type(i).kind() != field::kind::text) {
        throw error(sqlstate::datatype_mismatch,
                    std::string{what.type->name} + " needs a column of text, but " + in_quotes(columns.name(i)) +
                        " is of type " + columns.type(i).name(),
                    "Values passed to " + std::string{what.type->name} + " must be of type string.",
                    "Validate a query that casts the column to text.");
    }
    return i;
}

template <class Kept>
std::unique_ptr<row_test> make_text_test(std::size_t column, Kept kept)
{
    return std::make_unique<text_test<Kept>>(column, std::move(kept));
}

// --- patterns ------------------------------------------------------------------------------------------------------

text_matcher compile_pattern(const std::string& pattern, const column_type& type, const expectation& what)
{
    const auto own = [&](const std::string& text) { return type.regex(text, what.label()); };
    return type.is_utf8() ? compile_regex(pattern, own) : text_matcher{own(pattern)};
}

text_matcher compile_like(const std::string& pattern, const column_type& type, const expectation& what)
{
    if (!type.equal_means_identical() || !type.is_utf8()) {
        throw error(sqlstate::feature_not_supported,
                    what.label() + " needs a deterministic collation and a database in UTF8");
    }
    return text_matcher{[compiled = like_pattern{pattern}](std::string_view text) { return compiled.matches(text); }};
}

using pattern_compiler = text_matcher (*)(const std::string&, const column_type&, const expectation&);

std::unique_ptr<row_test> compile_one(const expectation& what, const columns_view& columns, pattern_compiler compile,
                                      const char* kwarg, bool wanted)
{
    const std::size_t i = find_text(what, columns);
    text_matcher matches = compile(arguments{what}.pattern(kwarg), columns.type(i), what);
    if (wanted) {
        return make_text_test(i, std::move(matches));
    }
    return make_text_test(i, [matches = std::move(matches)](std::string_view text) { return !matches(text); });
}

std::unique_ptr<row_test> compile_list(const expectation& what, const columns_view& columns, pattern_compiler compile,
                                       const char* kwarg, bool wanted)
{
    const std::size_t i = find_text(what, columns);
    const arguments given{what};
    std::vector<text_matcher> patterns;
    for (const std::string& pattern : given.texts(kwarg)) {
        patterns.push_back(compile(pattern, columns.type(i), what));
    }
    const bool all = given.has("match_on") && given.text("match_on") == "all";
    return make_text_test(i, [patterns = std::move(patterns), all, wanted](std::string_view text) {
        const auto matches = [text](const text_matcher& pattern) { return pattern(text); };
        const bool found = all ? std::ranges::all_of(patterns, matches) : std::ranges::any_of(patterns, matches);
        return found == wanted;
    });
}

std::unique_ptr<row_test> compile_pattern_test(const expectation& what, const columns_view& columns)
{
    const std::string_view name = what.type->name;
    const bool wanted = name.find("_not_match_") == std::string_view::npos;
    const bool like = name.find("_like_pattern") != std::string_view::npos;
    const pattern_compiler compile = like ? compile_like : compile_pattern;
    if (name.ends_with("_list")) {
        return compile_list(what, columns, compile, like ? "like_pattern_list" : "regex_list", wanted);
    }
    return compile_one(what, columns, compile, like ? "like_pattern" : "regex", wanted);
}

// --- JSON ----------------------------------------------------------------------------------------------------------

// JSON stands in text, json and jsonb columns.
template <class Kept>
class json_test final : public row_test {
  public:
    json_test(std::size_t column, const column_type& type, Kept kept)
        : column_{column}, type_{type}, kept_{std::move(kept)}
    {
        subjects = {column};
    }

    verdict test(std::span<const field> row) const override
    {
        const field& value = row[column_];
        if (value.is_null()) {
            return verdict::missing;
        }
        const bool kept = value.is == field::kind::text ? kept_(value.padded_text()) : kept_(type_.text(value));
        return kept ? verdict::as_expected : verdict::unexpected;
    }

  private:
    std::size_t column_;
    const column_type& type_;
    Kept kept_;
};

template <class Kept>
std::unique_ptr<row_test> make_json_test(const expectation& what, const columns_view& columns, Kept kept)
{
    const std::size_t i = columns.find(what.columns[0], what);
    const column_type& type = columns.type(i);
    require_type(type.kind() == field::kind::text || type.name() == "json" || type.name() == "jsonb", what,
                 "a column of text, json or jsonb", columns, i);
    return std::make_unique<json_test<Kept>>(i, type, std::move(kept));
}

poll_fn poll_of(const expectation& what, const columns_view& columns)
{
    return columns.type(columns.find(what.columns[0], what)).poll();
}

// Only whether a text is JSON, with a poll between its parts: a text may be long.
class json_acceptor final : public json::json_sax_t {
  public:
    explicit json_acceptor(poll_fn poll) : stop_{poll} {}

    bool null() override { return go_on(); }
    bool boolean(bool) override { return go_on(); }
    bool number_integer(number_integer_t) override { return go_on(); }
    bool number_unsigned(number_unsigned_t) override { return go_on(); }
    bool number_float(number_float_t, const string_t&) override { return go_on(); }
    bool string(string_t&) override { return go_on(); }
    bool binary(binary_t&) override { return go_on(); }
    bool start_object(std::size_t) override { return go_on(); }
    bool key(string_t&) override { return go_on(); }
    bool end_object() override { return go_on(); }
    bool start_array(std::size_t) override { return go_on(); }
    bool end_array() override { return go_on(); }
    bool parse_error(std::size_t, const std::string&, const json::exception&) override { return false; }

  private:
    bool go_on()
    {
        stop_.tick();
        return true;
    }

    poller stop_;
};

bool is_json(std::string_view text, poll_fn poll)
{
    json_acceptor acceptor{poll};
    return json::sax_parse(text, &acceptor);
}

// What Python's json.loads takes: JSON, and NaN and the infinities.
bool is_json_to_python(std::string_view text, poll_fn poll)
{
    return is_json(text, poll) || is_json(quote_unusual_numbers(text), poll);
}

strptime_format read_format(const expectation& what)
{
    try {
        return strptime_format{arguments{what}.text("strftime_format")};
    } catch (const error& e) {
        throw error(e.sqlstate(), e.what(), "Unable to use provided strftime_format. " + e.detail(), e.hint());
    }
}

std::unique_ptr<row_test> compile_schema_test(const expectation& what, const columns_view& columns)
{
    const json& given = arguments{what}.value("json_schema");
    const std::string text = given.is_string() ? given.get<std::string>() : given.dump();
    const json_schema_options options{.draft = {}, .poll = poll_of(what, columns)};
    return make_json_test(what, columns,
                          [schema = json_schema::compile(text, columns.schemas(), options)](std::string_view document) {
                              return schema->is_valid(document);
                          });
}

} // namespace

std::unique_ptr<row_test> compile_text_test(const expectation& what, const columns_view& columns)
{
    const std::string_view name = what.type->name;
    if (name == "expect_column_values_to_match_json_schema") {
        return compile_schema_test(what, columns);
    }
    if (name == "expect_column_values_to_be_json_parseable") {
        return make_json_test(what, columns, [poll = poll_of(what, columns)](std::string_view text) {
            return is_json_to_python(text, poll);
        });
    }
    if (name == "expect_column_values_to_match_strftime_format") {
        return make_text_test(find_text(what, columns),
                              [format = read_format(what)](std::string_view text) { return format.matches(text); });
    }
    if (name == "expect_column_values_to_be_dateutil_parseable") {
        return make_text_test(find_text(what, columns), dateutil_parseable);
    }
    if (name.find("_match_regex") != std::string_view::npos ||
        name.find("_match_like_pattern") != std::string_view::npos) {
        return compile_pattern_test(what, columns);
    }
    return nullptr;
}

} // namespace etl::validate
