#include "extract/load_job.hpp"

#include "core/error.hpp"
#include "core/json.hpp"
#include "core/text.hpp"

#include <array>
#include <optional>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

template <class Value, std::size_t count>
using choices = std::array<std::pair<std::string_view, Value>, count>;

constexpr choices<load_job::rows_as, 3> formats{
    {{"csv", load_job::rows_as::csv}, {"json", load_job::rows_as::json}, {"ndjson", load_job::rows_as::ndjson}}};
constexpr choices<packed_by, 3> compressions{
    {{"none", packed_by::nothing}, {"gzip", packed_by::gzip}, {"zstd", packed_by::zstd}}};
constexpr choices<load_job::header_is, 3> headers{{{"true", load_job::header_is::names},
                                                   {"false", load_job::header_is::missing},
                                                   {"match", load_job::header_is::the_columns}}};
constexpr choices<load_job::bad_rows_are, 3> treatments{{{"reject", load_job::bad_rows_are::rejected},
                                                         {"skip", load_job::bad_rows_are::skipped},
                                                         {"error", load_job::bad_rows_are::errors}}};

class members {
  public:
    explicit members(const json& document) : document_{document} {}

    std::string text(const char* name) const
    {
        const auto found = document_.find(name);
        return found == document_.end() || !found->is_string() ? std::string{} : found->get<std::string>();
    }

    std::optional<std::int64_t> number(const char* name) const
    {
        const auto found = document_.find(name);
        if (found == document_.end()) {
            return std::nullopt;
        }
        if (!found->is_number_integer() || found->get<std::int64_t>() < 0) {
            throw error(sqlstate::invalid_parameter_value, std::string{name} + " must be a number from 0 on");
        }
        return found->get<std::int64_t>();
    }

    std::vector<std::string> texts(const char* name) const
    {
        std::vector<std::string> made;
        const auto found = document_.find(name);
        if (found == document_.end()) {
            return made;
        }
        for (const json& one : *found) {
            if (!found->is_array() || !one.is_string()) {
                throw error(sqlstate::invalid_parameter_value, std::string{name} + " must be an array of texts");
            }
            made.push_back(one.get<std::string>());
        }
        return made;
    }

    template <class Value, std::size_t count>
    void choose(const char* name, const choices<Value, count>& among, Value& to) const
    {
        const std::string said = text(name);
        std::vector<std::string> names;
        for (const auto& [word, value] : among) {
            if (word == said) {
                to = value;
                return;
            }
            names.emplace_back(word);
        }
        if (document_.contains(name)) {
            throw error(sqlstate::invalid_parameter_value, "unknown " + std::string{name} + ' ' + in_quotes(said), {},
                        "Write one of " + joined(names) + '.');
        }
    }

    void byte(const char* name, bool may_be_empty, char& to) const
    {
        if (!document_.contains(name)) {
            return;
        }
        const std::string said = text(name);
        if (said.size() != 1 && !(may_be_empty && said.empty())) {
            throw error(sqlstate::invalid_parameter_value,
                        "the " + std::string{name} + " must be one character of ASCII, not " + in_quotes(said));
        }
        to = said.empty() ? '\0' : said[0];
    }

  private:
    const json& document_;
};

} // namespace

load_job load_job::parse(std::string_view text)
{
    const json document = parse_json(text, "a load", 100);
    if (!document.is_object()) {
        throw error(sqlstate::invalid_parameter_value, "a load is told by a JSON object");
    }
    const members from{document};
    load_job made;
    made.batch = from.number("batch").value_or(0);
    made.server = from.text("server");
    from.choose("format", formats, made.format);
    from.choose("compression", compressions, made.packed);
    made.encoding = from.text("encoding");
    from.byte("delimiter", false, made.dialect.delimiter);
    from.byte("quote", true, made.dialect.quote);
    made.dialect.escape = made.dialect.quote;
    from.byte("escape", false, made.dialect.escape);
    made.dialect.require_sound();
    made.null_text = from.text("null");
    from.choose("header", headers, made.header);
    made.mapping = from.text("mapping"); // as it was written: a number there may have more digits than a double
    made.required = from.texts("required");
    made.records_path = from.text("records_path");
    from.choose("on_bad_row", treatments, made.bad_rows);
    if (const auto most = from.number("max_errors")) {
        made.most_bad_rows = static_cast<std::uint64_t>(*most);
    }
    return made;
}

} // namespace etl
