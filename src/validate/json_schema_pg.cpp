// etl.json_valid and etl.json_errors: documents against JSON Schemas.
//
// A schema is compiled once and kept in the calling expression. What it refers to may change while that lives, so
// whenever the transaction has done something since, the registered texts that were used are compared.
#include "validate/json_schema_pg.hpp"

#include "pg/encoding.hpp"
#include "pg/result_set.hpp"
#include "pg/spi.hpp"
#include "validate/json_schema_value.hpp"

extern "C" {
#include <access/xact.h>
}

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace etl::validate {
namespace {

using pg::arguments;
using pg::as_utf8;
using pg::from_utf8;
using pg::server_speaks_utf8;

// What the core says, in characters that any server's encoding has.
std::string for_server(const std::string& text)
{
    return server_speaks_utf8() ? text : schema::ascii_only(text);
}

template <class Body>
auto in_utf8(Body&& body)
{
    try {
        return body();
    } catch (const error& e) {
        throw error(e.sqlstate(), for_server(e.what()), for_server(e.detail()), for_server(e.hint()));
    }
}

std::optional<std::string> registered_text(const std::string& uri)
{
    const std::array given{from_utf8(uri)};
    const auto found = pg::query_text("SELECT etl._json_schema($1)", given);
    return found ? std::optional{std::string{as_utf8(*found)}} : std::nullopt;
}

// When the registry was last looked at: nothing changes within one command of one transaction.
struct moment {
    TimestampTz transaction;
    CommandId command;

    static moment now() { return {GetCurrentTransactionStartTimestamp(), GetCurrentCommandId(false)}; }
    friend bool operator==(const moment&, const moment&) = default;
};

class kept_schema {
  public:
    kept_schema(std::string_view text, std::string_view draft, bool formats)
        : text_{text}, draft_{draft}, formats_{formats}
    {
        compile();
    }

    bool is_of(std::string_view text, std::string_view draft, bool formats) const
    {
        return text == text_ && draft == draft_ && formats == formats_;
    }

    const json_schema& refreshed()
    {
        if (!used_.empty() && seen_ != moment::now()) {
            const bool same = std::all_of(used_.begin(), used_.end(),
                                          [](const auto& each) { return registered_text(each.first) == each.second; });
            if (same) {
                seen_ = moment::now();
            } else {
                compile();
            }
        }
        return *compiled_;
    }

  private:
    void compile()
    {
        std::vector<std::pair<std::string, std::string>> used;
        auto resolve = [&used](const std::string& uri) {
            auto text = registered_text(uri);
            if (text) {
                used.emplace_back(uri, *text);
            }
            return text;
        };
        const moment now = moment::now();
        compiled_ = json_schema::compile(text_, resolve, {draft_, formats_, pg::poll});
        used_ = std::move(used);
        seen_ = now;
    }

    std::string text_;
    std::string draft_;
    bool formats_;
    std::shared_ptr<const json_schema> compiled_;
    std::vector<std::pair<std::string, std::string>> used_; // the registered schemas that it refers to
    moment seen_{};
};

// What json_valid and json_errors are given: schema, document, draft, formats.
struct question {
    std::string_view schema;
    std::string_view document;
    std::string_view draft;
    bool formats;
};

// Phase one.
bool read_question(arguments args, question& into)
{
    if (args.is_null(0) || args.is_null(1)) {
        return false;
    }
    into = {args.get<std::string_view>(0), args.get<std::string_view>(1),
            args.is_null(2) ? std::string_view{} : args.get<std::string_view>(2),
            !args.is_null(3) && args.get<bool>(3)};
    return true;
}

// The compiled schemas of one calling expression, which seldom meets more than one.
const json_schema& compiled_for(arguments args, const question& asked)
{
    constexpr std::size_t most_kept = 16;
    using kept_schemas = std::vector<kept_schema>;
    const std::string_view text = as_utf8(asked.schema);
    auto& known = args.cached<kept_schemas>([] { return kept_schemas{}; });
    for (kept_schema& each : known) {
        if (each.is_of(text, asked.draft, asked.formats)) {
            return each.refreshed();
        }
    }
    if (known.size() == most_kept) {
        known.clear();
    }
    return known.emplace_back(text, asked.draft, asked.formats).refreshed();
}

void put_error(pg::result_set& rows, const json_schema_error& found)
{
    std::array values{pg::make_text(for_server(found.instance_path)), pg::make_text(for_server(found.schema_path)),
                      pg::make_text(for_server(found.keyword)), pg::make_text(for_server(found.message))};
    std::array nulls{false, false, false, false};
    rows.put(values, nulls);
}

} // namespace

json_schema::resolver registered_json_schemas()
{
    return registered_text;
}

} // namespace etl::validate

using namespace etl;
using namespace etl::validate;

ETL_FUNCTION(etl_json_valid, args)
{
    question asked;
    if (!read_question(args, asked)) {
        return args.null_result();
    }
    return in_utf8([&] { return args.result(compiled_for(args, asked).is_valid(as_utf8(asked.document))); });
}

ETL_FUNCTION(etl_json_errors, args)
{
    pg::result_set rows{args};
    question asked;
    if (!read_question(args, asked)) {
        return rows.finish();
    }
    return in_utf8([&] {
        compiled_for(args, asked).errors(as_utf8(asked.document), [&rows](json_schema_error&& found) {
            put_error(rows, found);
        });
        return rows.finish();
    });
}

// Throws where the text is no schema, or its URI is taken by one that is built in.
ETL_FUNCTION(etl_check_json_schema, args)
{
    const auto uri = args.get<std::string_view>(0);
    const auto text = args.get<std::string_view>(1);
    return in_utf8([&] {
        json_schema::check_registration(as_utf8(uri), as_utf8(text), registered_text, {{}, false, pg::poll});
        return args.null_result();
    });
}
