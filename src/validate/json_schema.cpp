#include "validate/json_schema.hpp"

#include "core/text.hpp"
#include "validate/json_schema_compile.hpp"
#include "validate/json_schema_evaluate.hpp"
#include "validate/json_schema_uri.hpp"
#include "validate/json_schema_value.hpp"

#include <utility>

#include "core/cpp_only.hpp"

namespace etl::validate {

namespace schema {

// A schema ready for use, with all that it points into.
struct compiled {
    compiled(const json_schema::resolver& resolve, poll_fn poll_with) : texts{resolve, poll_with}, poll{poll_with} {}

    library texts;
    std::vector<std::unique_ptr<rules>> parts;
    const rules* root = nullptr;
    poll_fn poll;
    document work; // the document being validated
};

} // namespace schema

namespace {

constexpr char duplicate_object[] = "42710";

void require_size(std::string_view text)
{
    if (text.size() > json_schema::longest_schema) {
        throw error(sqlstate::program_limit_exceeded, "a JSON Schema must not be longer than 16 MB");
    }
}

json_schema_error no_json(const schema::document& read)
{
    return {"", "", "", "is no JSON: after " + std::to_string(read.complaint_at()) + " bytes, " + read.complaint()};
}

// The URI of the metaschema that a schema names.
std::optional<std::string> metaschema_of(const schema::document& read)
{
    const auto named = read.root().is_object() ? read.root().find("$schema") : std::nullopt;
    return named && named->is_string() ? std::optional{std::string{schema::without_fragment(named->text())}}
                                       : std::nullopt;
}

// A metaschema ready for use; nullptr where something that it consists of is not registered.
std::shared_ptr<const json_schema> compile_metaschema(const std::string& uri, const json_schema::resolver& resolve,
                                                      const json_schema_options& options)
{
    try {
        return json_schema::compile(R"({"$ref": )" + schema::json_string(uri) + "}", resolve, options);
    } catch (const error& e) {
        if (std::string_view{e.sqlstate()} == sqlstate::undefined_object) {
            return nullptr;
        }
        throw;
    }
}

schema::dialect usual_dialect(std::string_view draft)
{
    if (draft.empty()) {
        return {schema::draft::draft2020_12, schema::vocabulary::usual, true};
    }
    const auto found = schema::draft_of_name(draft);
    if (!found) {
        throw error(sqlstate::invalid_parameter_value, "unknown draft of JSON Schema: " + in_quotes(draft),
                    "Known are 4, 6, 7, 2019-09 and 2020-12.");
    }
    return {*found};
}

} // namespace

json_schema::json_schema(std::unique_ptr<schema::compiled> made) : made_{std::move(made)} {}
json_schema::~json_schema() = default;

std::shared_ptr<const json_schema> json_schema::compile(std::string_view schema_text, const resolver& resolve,
                                                        const json_schema_options& options)
{
    require_size(schema_text);
    auto made = std::make_unique<schema::compiled>(resolve, options.poll);
    schema::compiler compiler{made->texts, options.assert_formats, options.poll};
    made->root = compiler.compile(made->texts.add(std::string{schema_text}, {}, usual_dialect(options.draft)));
    made->parts = compiler.take();
    return std::shared_ptr<const json_schema>{new json_schema{std::move(made)}};
}

void json_schema::check_registration(std::string_view uri, std::string_view schema_text, const resolver& resolve,
                                     const json_schema_options& options)
{
    require_size(schema_text);
    if (uri.empty() || uri.find('#') != std::string_view::npos) {
        throw error(sqlstate::invalid_parameter_value,
                    "the URI of a JSON Schema must have a name and no fragment: " + in_quotes(uri));
    }
    if (!schema::built_in_schema(uri).empty()) {
        throw error(duplicate_object, "JSON Schema " + in_quotes(uri) + " is built in");
    }
    schema::document read;
    if (!read.parse(schema_text, options.poll)) {
        throw error(sqlstate::invalid_parameter_value, "the JSON Schema is no JSON", no_json(read).message + '.');
    }
    if (!read.root().is_object() && !read.root().is_boolean()) {
        throw error(sqlstate::invalid_parameter_value, "a JSON Schema must be an object, or true or false");
    }
    const auto named = metaschema_of(read);
    const resolver with_itself = [&](const std::string& wanted) { // which may be its own metaschema
        return wanted == uri ? std::optional{std::string{schema_text}} : resolve ? resolve(wanted) : std::nullopt;
    };
    const auto metaschema = named ? compile_metaschema(*named, with_itself, options) : nullptr;
    const auto found = metaschema != nullptr ? metaschema->errors(schema_text) : std::vector<json_schema_error>{};
    if (!found.empty()) {
        throw error(sqlstate::invalid_parameter_value,
                    "the JSON Schema is invalid by its metaschema " + in_quotes(schema::printable(*named)),
                    "At #" + found.front().instance_path + ": " + found.front().message + '.');
    }
}

bool json_schema::is_valid(std::string_view document_text) const
{
    schema::document& read = made_->work;
    if (!read.parse(document_text, made_->poll)) {
        return false;
    }
    const bool verdict = schema::evaluation{read, made_->poll, nullptr}.run(*made_->root);
    read.trim();
    return verdict;
}

void json_schema::errors(std::string_view document_text, const error_sink& sink) const
{
    schema::document& read = made_->work;
    if (!read.parse(document_text, made_->poll)) {
        sink(no_json(read));
        return;
    }
    const schema::evaluation::sink pass_on = [&sink](schema::violation&& found) {
        sink({std::move(found.instance_path), std::move(found.schema_path), std::move(found.keyword),
              std::move(found.message)});
    };
    schema::evaluation{read, made_->poll, &pass_on}.run(*made_->root);
    read.trim();
}

std::vector<json_schema_error> json_schema::errors(std::string_view document_text) const
{
    std::vector<json_schema_error> found;
    errors(document_text, [&found](json_schema_error&& each) { found.push_back(std::move(each)); });
    return found;
}

} // namespace etl::validate
