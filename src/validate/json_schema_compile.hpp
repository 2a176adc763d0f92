// From the texts of schemas to rules: every schema that can be reached is compiled once, from a list of those to do, so
// that neither circles nor depth matter.
#pragma once

#include "validate/json_schema_rules.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace etl::validate::schema {

class compiler {
  public:
    compiler(library& from, bool assert_formats, poll_fn poll)
        : library_{from}, assert_formats_{assert_formats}, poll_{poll}, polling_{poll}
    {
    }

    const rules* compile(located root);

    // What has been compiled, to be kept as long as the root.
    std::vector<std::unique_ptr<rules>> take() { return std::move(made_); }

  private:
    struct task {
        rules* into;
        located from;
    };

    // References and the schemas that they lead to.
    const rules* target(const located& at);
    void compile_all();
    void compile_dynamic_targets();
    edge link(value schema, std::string_view keyword, std::string_view step = {});
    edge link_reference(const located& to, std::string_view keyword)
    {
        return {target(to), keyword, std::string{keyword}};
    }
    void read_reference(combination_rules& into, const located& from, value reference, std::string_view keyword);
    std::uint32_t dynamic_name(const std::string& name);

    // Keywords.
    void read(rules& into, const located& from);
    void read_keyword(rules& into, const located& from, keyword which, value name, value content);
    static bool read_number_keyword(rules& into, const located& from, keyword which, value content);
    bool read_string_keyword(rules& into, const located& from, keyword which, value content);
    bool read_array_keyword(rules& into, const located& from, keyword which, value content);
    bool read_object_keyword(rules& into, keyword which, std::string_view name, value content);
    bool read_combination(rules& into, const located& from, keyword which, std::string_view name, value content);
    static void read_types(rules& into, value content);
    void read_properties(object_rules& into, value content);
    void read_patterns(object_rules& into, value content);
    void read_dependencies(object_rules& into, keyword which, std::string_view keyword_name, value content);
    static void read_needs(object_rules& into, std::string_view keyword_name, value trigger, value names);
    std::vector<edge> link_list(value list, std::string_view keyword);
    std::shared_ptr<const regex> pattern(value text);

    library& library_;
    bool assert_formats_;
    poll_fn poll_;
    poller polling_;
    std::vector<std::unique_ptr<rules>> made_;
    std::unordered_map<const document*, std::unordered_map<std::uint32_t, rules*>> by_place_;
    std::vector<task> tasks_;
    std::unordered_map<std::string, std::uint32_t> dynamic_names_; // by their numbers
    std::map<std::string, std::shared_ptr<const regex>, std::less<>> patterns_;
    std::size_t pattern_sizes_ = 0; // instructions of all of them
};

// A part of rules that most schemas do not have.
template <class T>
T& made(std::unique_ptr<T>& part)
{
    if (part == nullptr) {
        part = std::make_unique<T>();
    }
    return *part;
}

// Refuses a keyword's value; `wanted` says what it must be.
[[noreturn]] void refuse_keyword(value content, std::string_view name, const char* wanted);

// The value of a keyword that counts something.
std::uint64_t count_of(value content, std::string_view name);

// Where a value stands in its document, as a JSON pointer.
std::string pointer_to(value at);

} // namespace etl::validate::schema
