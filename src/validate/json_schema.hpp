// JSON Schema: drafts 4, 6, 7, 2019-09 and 2020-12, compiled once and then applied to any number of documents.
//
// What a schema refers to comes from a resolver (texts that are registered) or is built in (the metaschemas); nothing
// is ever fetched from the network. Numbers are exact, patterns run in linear time, and depth and work are bounded.
// `format` is an annotation, unless a metaschema or the options want it asserted.
#pragma once

#include "core/error.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace etl::validate {

namespace schema {
struct compiled;
}

struct json_schema_error {
    std::string instance_path; // JSON pointer to the value at fault
    std::string schema_path;   // JSON pointer to the keyword, by the way that led to it, through $ref
    std::string keyword;
    std::string message;
};

struct json_schema_options {
    std::string_view draft; // of a schema that names none: 4, 6, 7, 2019-09, 2020-12; empty: the latest one, leniently
    bool assert_formats = false;
    poll_fn poll = never_poll; // called while compiling and while validating
};

class json_schema {
  public:
    // The text of the schema with this URI (without a fragment); nullopt where none is registered.
    using resolver = std::function<std::optional<std::string>(const std::string& uri)>;
    using error_sink = std::function<void(json_schema_error&&)>;

    // Throws etl::error: 22023 where the text is no schema, 2201B for a regular expression, 42704 for a reference to a
    // schema that is not registered.
    static std::shared_ptr<const json_schema> compile(std::string_view schema_text, const resolver& resolve = {},
                                                      const json_schema_options& options = {});

    // Throws etl::error where a text cannot be registered under a URI: 22023 where the URI has a fragment, or the text
    // is no schema by the metaschema that it names; 42710 where the URI is that of a built-in schema. What the schema
    // refers to may be missing still, its metaschema too.
    static void check_registration(std::string_view uri, std::string_view schema_text, const resolver& resolve = {},
                                   const json_schema_options& options = {});

    // False also where the text is no JSON. Not for two threads at once: the parsed document is kept as work space.
    // Throws etl::error where limits are exceeded (54000).
    bool is_valid(std::string_view document_text) const;

    // Every contradiction, as found. A text that is no JSON is one as a whole.
    void errors(std::string_view document_text, const error_sink& sink) const;
    std::vector<json_schema_error> errors(std::string_view document_text) const;

    static constexpr std::size_t longest_schema = 16U << 20;

    ~json_schema();
    json_schema(const json_schema&) = delete;
    json_schema& operator=(const json_schema&) = delete;

  private:
    explicit json_schema(std::unique_ptr<schema::compiled> made);

    std::unique_ptr<schema::compiled> made_;
};

} // namespace etl::validate
