#include "validate/json_schema_library.hpp"

#include "core/text.hpp"
#include "validate/json_schema_uri.hpp"
#include "validate/json_schema_value.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::validate::schema {
namespace {

constexpr char how_to_register[] = "Register it with etl.register_json_schema(uri, schema); schemas are never fetched "
                                   "from the network.";

std::string quoted_uri(std::string_view uri)
{
    return in_quotes(printable(uri));
}

// The text of a member that is a string.
std::optional<std::string_view> text_member(value object, std::string_view name)
{
    const auto found = object.find(name);
    return found && found->is_string() ? std::optional{found->text()} : std::nullopt;
}

std::string_view id_keyword(const dialect& in)
{
    return in.version == draft::draft4 ? "id" : "$id";
}

// The identifier of a schema, by the rules of a dialect; before 2019-09 $ref stands alone, and whatever is beside it
// does not count.
std::optional<std::string_view> identifier(value object, const dialect& in)
{
    if (!in.has_adjacent_ref() && text_member(object, "$ref")) {
        return std::nullopt;
    }
    return text_member(object, id_keyword(in));
}

} // namespace

located library::add(std::string text, std::string uri, const dialect& usual)
{
    auto& made = *texts_.emplace_back(std::make_unique<schema_text>());
    made.text = std::move(text);
    text_by_document_[&made.parsed] = &made;
    if (!made.parsed.parse(made.text, poll_)) {
        throw error(sqlstate::invalid_parameter_value,
                    uri.empty() ? "the JSON Schema is no JSON" : "JSON Schema " + quoted_uri(uri) + " is no JSON",
                    "After " + std::to_string(made.parsed.complaint_at()) + " bytes: " + made.parsed.complaint() + ".");
    }
    resource* root = add_resource(std::move(uri), made.parsed.root(), usual);
    look_through(root->root, root);
    return {root->root, root};
}

resource* library::add_resource(std::string uri, value root, const dialect& in)
{
    auto& made = *resources_.emplace_back(std::make_unique<resource>());
    made.uri = std::move(uri);
    made.root = root;
    made.in = in;
    by_uri_.try_emplace(made.uri, &made);
    return &made;
}

// Visits a schema and all schemas in it.
void library::look_through(value start, resource* home)
{
    poller polling{poll_};
    std::vector<finding> to_see{{start, home}};
    auto& homes = text_of(start).homes;
    while (!to_see.empty()) {
        polling.tick();
        const finding next = to_see.back();
        to_see.pop_back();
        if (homes.contains(next.at.place())) {
            continue;
        }
        resource* inner = next.home;
        if (next.at.is_object()) {
            inner = enter(next.at, inner, next.at.place() == 0);
            note_anchors(next.at, *inner);
            add_subschemas(next.at, inner, to_see);
        }
        homes.emplace(next.at.place(), inner);
    }
}

// The resource that an object belongs to: the one around it, or its own.
resource* library::enter(value object, resource* home, bool is_document)
{
    dialect in = home->in;
    if (const auto named = text_member(object, "$schema")) {
        const dialect own = dialect_of(std::string{without_fragment(*named)});
        if (is_document || identifier(object, own)) {
            in = own;
        }
    }
    if (is_document) {
        home->in = in;
    }
    if (const auto id = identifier(object, in)) {
        note_identifier(object, home, *id, in);
    }
    return home;
}

void library::note_identifier(value object, resource*& home, std::string_view id, const dialect& in)
{
    if (!without_fragment(id).empty()) {
        std::string uri = resolve_uri(home->uri, id);
        if (object.place() == home->root.place()) { // the document's own name, beside the one it was found under
            home->uri = uri;
            by_uri_.try_emplace(std::move(uri), home);
        } else {
            home = add_resource(std::move(uri), object, in);
        }
    }
    const std::string fragment = fragment_of(id);
    if ((!in.has_adjacent_ref() || in.assumed) && !fragment.empty()) {
        home->anchors.try_emplace(fragment, object);
    }
}

void library::note_anchors(value object, resource& home)
{
    if (!home.in.has_adjacent_ref()) {
        return;
    }
    if (const auto name = text_member(object, "$anchor")) {
        home.anchors.try_emplace(std::string{*name}, object);
    }
    if (home.in.version == draft::draft2020_12) {
        if (const auto name = text_member(object, "$dynamicAnchor")) {
            home.anchors.try_emplace(std::string{*name}, object);
            home.dynamic_anchors.try_emplace(std::string{*name}, object);
        }
    } else if (const auto recursive = object.find("$recursiveAnchor");
               recursive && recursive->is_true() && object.place() == home.root.place()) {
        home.dynamic_anchors.try_emplace("", object);
    }
}

void library::add_subschemas(value object, resource* home, std::vector<finding>& to_see)
{
    for (const auto [name, content] : members(object)) {
        const keyword_facts* known = find_keyword(name.text(), home->in);
        const schema_shape shape = known == nullptr ? schema_shape::none : known->holds;
        const bool may_be_list = home->in.has_item_lists() && content.is_array();
        const bool in_list = shape == schema_shape::list || (shape == schema_shape::one_or_list && may_be_list);
        if (shape == schema_shape::one || (shape == schema_shape::one_or_list && !may_be_list)) {
            to_see.push_back({content, home});
        } else if (in_list && content.is_array()) {
            for (const value each : elements(content)) {
                to_see.push_back({each, home});
            }
        } else if ((shape == schema_shape::map || shape == schema_shape::map_or_names) && content.is_object()) {
            for (const auto [inner_name, inner] : members(content)) {
                to_see.push_back({inner, home});
            }
        }
    }
}

located library::find(resource& from, std::string_view reference)
{
    resource& named =
        without_fragment(reference).empty() ? from : find_resource(from, reference, resolve_uri(from.uri, reference));
    const std::string fragment = fragment_of(reference);
    if (fragment.empty()) {
        return {named.root, &named};
    }
    if (fragment.starts_with('/')) {
        return follow(named, fragment, reference);
    }
    const auto anchor = named.anchors.find(fragment);
    if (anchor == named.anchors.end()) {
        throw error(
            sqlstate::invalid_parameter_value, "reference " + quoted_uri(reference) + " of a JSON Schema leads nowhere",
            "There is no anchor of that name in " + (named.uri.empty() ? "the schema" : quoted_uri(named.uri)) + ".");
    }
    return at(anchor->second);
}

resource& library::find_resource(resource& from, std::string_view reference, const std::string& uri)
{
    if (const auto known = by_uri_.find(uri); known != by_uri_.end()) {
        return *known->second;
    }
    auto text = text_for(uri);
    if (!text) {
        throw error(sqlstate::undefined_object, "JSON Schema " + quoted_uri(uri) + " is not registered",
                    "It is what " + quoted_uri(reference) + " refers to" +
                        (from.uri.empty() ? "." : " in " + quoted_uri(from.uri) + "."),
                    how_to_register);
    }
    return *add(std::move(*text), uri, from.in).home;
}

std::optional<std::string> library::text_for(const std::string& uri) const
{
    if (const std::string_view text = built_in_schema(uri); !text.empty()) {
        return std::string{text};
    }
    return resolver_ ? resolver_(uri) : std::nullopt;
}

located library::follow(resource& from, std::string_view pointer, std::string_view reference)
{
    polling_.tick();
    auto& homes = text_of(from.root).homes;
    located here{from.root, &from};
    for (const std::string& token : split_pointer(pointer)) {
        std::optional<value> next;
        if (here.at.is_object()) {
            next = member_of(here.at, token);
        } else if (const auto index = pointer_index(token); index && here.at.is_array()) {
            next = here.at.element(*index);
        }
        if (!next) {
            throw error(sqlstate::invalid_parameter_value,
                        "reference " + quoted_uri(reference) + " of a JSON Schema leads nowhere",
                        "There is no " + quoted_uri(token) + " at that place.");
        }
        const auto home = homes.find(next->place());
        here = {*next, home != homes.end() ? home->second : here.home};
    }
    look_through(here.at, here.home); // where no keyword has led, it was not looked at yet
    return at(here.at);
}

// Many references lead through the same large object: its definitions.
std::optional<value> library::member_of(value object, std::string_view name)
{
    constexpr std::uint32_t few = 16;
    if (object.size() <= few) {
        return object.find(name);
    }
    name_index& index = text_of(object).names[object.place()];
    if (index.empty()) {
        for (const auto [key, content] : members(object)) {
            polling_.tick();
            index.emplace(key.text(), content);
        }
    }
    const auto found = index.find(name);
    return found != index.end() ? std::optional{found->second} : std::nullopt;
}

// What the metaschema of this URI lets schemas say.
dialect library::dialect_of(const std::string& uri, int depth)
{
    constexpr int deepest = 8;
    if (const auto known = draft_of_metaschema(uri)) {
        return {*known};
    }
    if (const auto known = dialects_.find(uri); known != dialects_.end()) {
        return known->second;
    }
    const auto text = depth < deepest ? text_for(uri) : std::nullopt;
    document metaschema;
    if (!text || !metaschema.parse(*text, poll_) || !metaschema.root().is_object()) {
        throw error(sqlstate::undefined_object, "metaschema " + quoted_uri(uri) + " is not registered",
                    "It is the $schema of a JSON Schema; known are the drafts 4, 6, 7, 2019-09 and 2020-12.",
                    how_to_register);
    }
    const auto parent = text_member(metaschema.root(), "$schema");
    const auto own = dialect_by_vocabularies(metaschema.root(), uri);
    const dialect made = own      ? *own
                         : parent ? dialect_of(std::string{without_fragment(*parent)}, depth + 1)
                                  : dialect{};
    dialects_.emplace(uri, made);
    return made;
}

std::optional<dialect> library::dialect_by_vocabularies(value metaschema, const std::string& uri) const
{
    const auto listed = metaschema.find("$vocabulary");
    if (!listed || !listed->is_object()) {
        return std::nullopt;
    }
    std::optional<dialect> made;
    for (const auto [name, needed] : members(*listed)) {
        const auto known = find_vocabulary(name.text());
        if (!known && needed.is_true()) {
            throw error(sqlstate::feature_not_supported,
                        "metaschema " + quoted_uri(uri) + " needs an unknown vocabulary",
                        "It is " + quoted_uri(name.text()) + ".");
        }
        if (known && !made) {
            made = dialect{known->version, vocabulary::core};
        }
        if (known && known->version == made->version) {
            made->vocabularies |= known->flags;
            const bool asserted =
                known->flags == vocabulary::format && needed.is_true() && known->version == draft::draft2019_09;
            made->vocabularies |= asserted ? vocabulary::format_assertion : 0;
        }
    }
    return made;
}

} // namespace etl::validate::schema
