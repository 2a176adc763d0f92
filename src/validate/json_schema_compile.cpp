#include "validate/json_schema_compile.hpp"

#include "core/text.hpp"
#include "validate/json_schema_uri.hpp"
#include "validate/json_schema_value.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::validate::schema {

std::string pointer_to(value at)
{
    std::string pointer;
    value here = at.owner()->root();
    while (here.place() != at.place()) {
        std::uint32_t child = here.first_child();
        std::size_t index = 0;
        std::string_view name;
        const bool named = here.is_object();
        for (;; ++index) {
            const value each{*at.owner(), child + (named ? 1 : 0)};
            name = named ? value{*at.owner(), child}.text() : std::string_view{};
            if (each.after() > at.place()) {
                break;
            }
            child = each.after();
        }
        pointer += '/' + (named ? pointer_token(name) : std::to_string(index));
        here = value{*at.owner(), std::max(child + (named ? 1U : 0U), 1U)};
        if (at.place() < here.place()) { // a name, which has no place of its own
            break;
        }
    }
    return pointer;
}

void refuse_keyword(value content, std::string_view name, const char* wanted)
{
    throw error(sqlstate::invalid_parameter_value,
                "keyword " + in_quotes(printable(name)) + " of a JSON Schema must be " + wanted,
                "It is " + excerpt(content) + ", at #" + printable(pointer_to(content)) + ".");
}

std::uint64_t count_of(value content, std::string_view name)
{
    const auto count = content.is_number() ? decimal{content.text()}.as_count() : std::nullopt;
    if (!count) {
        refuse_keyword(content, name, "an integer that is not negative");
    }
    return *count;
}

const rules* compiler::compile(located root)
{
    const rules* made = target(root);
    compile_all();
    return made;
}

void compiler::compile_all()
{
    do {
        while (!tasks_.empty()) {
            polling_.tick();
            const task next = tasks_.back();
            tasks_.pop_back();
            read(*next.into, next.from);
        }
        compile_dynamic_targets();
    } while (!tasks_.empty());
}

// The compiled form of a schema; one that is new is put on the list.
const rules* compiler::target(const located& at)
{
    auto [found, is_new] = by_place_[at.at.owner()].try_emplace(at.at.place());
    if (is_new) {
        found->second = made_.emplace_back(std::make_unique<rules>()).get();
        found->second->home = at.home;
        tasks_.push_back({found->second, at});
    }
    return found->second;
}

// A dynamic reference may lead to the anchor of its name in any resource.
void compiler::compile_dynamic_targets()
{
    for (std::size_t i = 0; i < library_.resources().size(); ++i) {
        resource& each = *library_.resources()[i];
        for (const auto& [name, anchor] : each.dynamic_anchors) {
            polling_.tick();
            const auto wanted = dynamic_names_.find(name);
            if (wanted != dynamic_names_.end() && !each.dynamic_targets.contains(wanted->second)) {
                each.dynamic_targets.emplace(wanted->second, target(library_.at(anchor)));
            }
        }
    }
}

edge compiler::link(value schema, std::string_view keyword, std::string_view step)
{
    std::string steps{keyword};
    if (step.data() != nullptr) {
        steps += '/' + pointer_token(step);
    }
    return {target(library_.at(schema)), keyword, std::move(steps)};
}

std::uint32_t compiler::dynamic_name(const std::string& name)
{
    return dynamic_names_.try_emplace(name, static_cast<std::uint32_t>(dynamic_names_.size())).first->second;
}

// $ref, or one of the dynamic references: these are dynamic where they lead to a dynamic anchor of their own name.
void compiler::read_reference(combination_rules& into, const located& from, value reference, std::string_view keyword)
{
    if (!reference.is_string()) {
        refuse_keyword(reference, keyword, "a URI reference");
    }
    const located to = library_.find(*from.home, reference.text());
    edge usual = link_reference(to, keyword);
    if (keyword == "$ref") {
        into.reference = std::move(usual);
        return;
    }
    const std::string name = keyword == "$recursiveRef" ? std::string{} : fragment_of(reference.text());
    const auto anchor = to.home->dynamic_anchors.find(name);
    const bool dynamic = anchor != to.home->dynamic_anchors.end() && anchor->second.place() == to.at.place();
    if (dynamic) {
        into.dynamic_reference = dynamic_edge{std::move(usual), dynamic_name(name)};
    } else if (into.reference) { // beside a $ref
        into.all_of.push_back(std::move(usual));
    } else {
        into.reference = std::move(usual);
    }
}

} // namespace etl::validate::schema
