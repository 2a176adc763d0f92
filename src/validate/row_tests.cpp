#include "validate/row_tests.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

#include "core/cpp_only.hpp"

namespace etl::validate {

const schema_lookup columns_view::no_schemas = [](const std::string&) { return std::nullopt; };

std::size_t columns_view::position(const std::string& name) const
{
    if (by_name_.empty()) {
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            by_name_.try_emplace(columns_[i].name, i);
        }
    }
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? size() : found->second;
}

bool columns_view::has(const std::string& name) const
{
    return position(name) < size();
}

std::size_t columns_view::find(const std::string& name, const expectation& what) const
{
    const std::size_t i = position(name);
    if (i < size()) {
        return i;
    }
    std::vector<std::string> names;
    for (const column& c : columns_) {
        names.push_back(c.name);
    }
    throw error(sqlstate::undefined_column,
                std::string{what.type->name} + " expects column " + in_quotes(name) +
                    ", which is not among the given ones",
                "Given are " + joined(names) + ".");
}

std::vector<std::size_t> columns_view::find_all(std::span<const std::string> names, const expectation& what) const
{
    std::vector<std::size_t> found;
    for (const std::string& name : names) {
        found.push_back(find(name, what));
    }
    return found;
}

void require_type(bool truth, const expectation& what, const char* needed, const columns_view& columns, std::size_t i)
{
    if (!truth) {
        throw error(sqlstate::datatype_mismatch, std::string{what.type->name} + " needs " + needed + ", but " +
                                                     in_quotes(columns.name(i)) + " is of type " +
                                                     columns.type(i).name());
    }
}

listing listing_of(const expectation& what)
{
    switch (what.type->of) {
    case family::column_pair:
        return listing::pair;
    case family::multicolumn:
        return listing::record;
    default:
        return listing::scalar;
    }
}

std::string previous_name(const expectation& what)
{
    const arguments given{what};
    std::string name = "(previous " + what.columns.front() + " by";
    for (const std::string& by : given.texts("order_by")) {
        name += ' ' + by;
    }
    return name + (what.condition.empty() ? ")" : " where " + what.condition + ")");
}

std::unique_ptr<row_test> compile_test(const expectation& what, const columns_view& columns)
{
    for (auto* compile : {compile_value_test, compile_text_test, compile_record_test}) {
        if (auto made = compile(what, columns)) {
            return made;
        }
    }
    return nullptr;
}

} // namespace etl::validate
