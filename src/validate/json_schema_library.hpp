// The schemas that one schema consists of: its own text, those that it refers to, and within them the resources (what
// an $id names), their anchors and their dialects.
//
// A text is looked through once, at the places where its dialect has schemas and nowhere else, so that an $id in an
// enum names nothing. Texts come from a resolver or are built in; nothing is fetched.
#pragma once

#include "validate/json_schema_dialect.hpp"
#include "validate/json_schema_document.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace etl::validate::schema {

struct rules;

// Schemas that share a base URI.
struct resource {
    std::string uri;
    value root;
    dialect in;
    std::map<std::string, value, std::less<>> anchors;
    std::map<std::string, value, std::less<>> dynamic_anchors;       // "" is the root with $recursiveAnchor
    std::unordered_map<std::uint32_t, const rules*> dynamic_targets; // of the compiler: by the numbers of their names
};

// A schema and the resource that it belongs to.
struct located {
    value at;
    resource* home;
};

class library {
  public:
    // The text of the schema with this URI, which has no fragment.
    using resolver = std::function<std::optional<std::string>(const std::string& uri)>;

    library(resolver resolve, poll_fn poll) : resolver_{std::move(resolve)}, poll_{poll}, polling_{poll} {}

    // Adds the text and returns its root. The dialect is that of a text which names none. Throws etl::error where it
    // is no JSON.
    located add(std::string text, std::string uri, const dialect& usual);

    // Where a reference leads that stands in the given resource. Throws etl::error where it leads nowhere.
    located find(resource& from, std::string_view reference);

    // A schema within one that was found or added.
    located at(value schema) { return {schema, text_of(schema).homes.at(schema.place())}; }

    const std::vector<std::unique_ptr<resource>>& resources() const noexcept { return resources_; }

  private:
    using name_index = std::unordered_map<std::string_view, value>;
    struct schema_text {
        std::string text;
        document parsed;
        std::unordered_map<std::uint32_t, resource*> homes;  // of the schemas in it
        std::unordered_map<std::uint32_t, name_index> names; // of large objects that references lead through
    };
    struct finding {
        value at;
        resource* home;
    };

    schema_text& text_of(value at) { return *text_by_document_.at(at.owner()); }
    resource* add_resource(std::string uri, value root, const dialect& in);
    void look_through(value start, resource* home);
    resource* enter(value object, resource* home, bool is_document);
    void note_identifier(value object, resource*& home, std::string_view id, const dialect& in);
    static void note_anchors(value object, resource& home);
    static void add_subschemas(value object, resource* home, std::vector<finding>& to_see);

    resource& find_resource(resource& from, std::string_view reference, const std::string& uri);
    std::optional<std::string> text_for(const std::string& uri) const;
    located follow(resource& from, std::string_view pointer, std::string_view reference);
    std::optional<value> member_of(value object, std::string_view name);

    dialect dialect_of(const std::string& uri, int depth = 0);
    std::optional<dialect> dialect_by_vocabularies(value metaschema, const std::string& uri) const;

    resolver resolver_;
    poll_fn poll_;
    poller polling_;
    std::vector<std::unique_ptr<schema_text>> texts_;
    std::unordered_map<const document*, schema_text*> text_by_document_;
    std::vector<std::unique_ptr<resource>> resources_;
    std::unordered_map<std::string, resource*> by_uri_;
    std::unordered_map<std::string, dialect> dialects_;
};

} // namespace etl::validate::schema
