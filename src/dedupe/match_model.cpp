#include "dedupe/match_model.hpp"

#include "dedupe/match_reader.hpp"

#include <cmath>
#include <set>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

constexpr int deepest = 12; // levels of JSON that a model nests, its training with it

// --- levels ----------------------------------------------------------------------------------------------------------

const level_kind_info& read_kind(const match_reader& level, value_type type)
{
    const std::string& when = level.text("when");
    const level_kind_info* kind = find_level_kind(when);
    if (kind == nullptr) {
        level.refuse("has the unknown \"when\" " + in_quotes(when),
                     "For this type of value there are " + level_kind_names(type) + '.');
    }
    if (!(type == value_type::text ? kind->for_text : kind->for_numbers)) {
        level.refuse("compares texts or numbers that it does not have: " + in_quotes(when) + " is for the other type",
                     "For this type of value there are " + level_kind_names(type) + '.',
                     "Change the comparison's \"type\" to \"text\" or \"number\".");
    }
    return *kind;
}

double read_threshold(const match_reader& level, level_bound bound)
{
    constexpr std::int64_t most_edits = 255;
    switch (bound) {
    case level_bound::at_least:
        return level.share("at_least");
    case level_bound::at_most_edits:
        return static_cast<double>(level.whole("at_most", 1, most_edits));
    case level_bound::at_most_number:
        return level.positive("at_most");
    case level_bound::at_most_share:
        return level.share("at_most");
    default:
        return 0;
    }
}

void allow_keys(const match_reader& level, const level_kind_info& kind)
{
    const std::string_view bound = kind.bound == level_bound::at_least ? "at_least" : "at_most";
    const bool bounded = kind.bound != level_bound::none;
    const std::string_view when = "when"; // stands for a key that this kind does not have
    level.allow({"when", bounded ? bound : when, kind.length_key.empty() ? when : kind.length_key, "m", "u"});
}

level_condition read_condition(const match_reader& level, value_type type)
{
    constexpr std::int64_t longest = 1000;
    const level_kind_info& kind = read_kind(level, type);
    allow_keys(level, kind);
    level_condition made{kind.kind, read_threshold(level, kind.bound), kind.default_length, 0};
    if (!kind.length_key.empty() && (kind.default_length == 0 || level.has(kind.length_key.data()))) {
        made.length = static_cast<std::int32_t>(level.whole(kind.length_key.data(), 1, longest));
    }
    return made;
}

// Whether `later` can never be the first to hold after `earlier`.
bool is_hidden_by(const level_condition& later, const level_condition& earlier)
{
    if (later.kind != earlier.kind) {
        return later.kind == level_kind::exact;
    }
    const bool at_least = info_of(later.kind).bound == level_bound::at_least;
    if (later.kind == level_kind::prefix) {
        return later.length >= earlier.length;
    }
    return later.length == earlier.length &&
           (at_least ? later.threshold >= earlier.threshold : later.threshold <= earlier.threshold);
}

void require_reachable(const match_reader& level, const std::vector<level_condition>& before,
                       const level_condition& condition)
{
    for (const level_condition& earlier : before) {
        if (is_hidden_by(condition, earlier)) {
            level.refuse("never counts: " + condition.shown() + " comes after " + earlier.shown(),
                         "The first level that holds counts.",
                         "Put \"exact\" first, and the stricter of two thresholds before the other.");
        }
    }
}

// m and u of a level, or nothing.
std::optional<level_shares> read_shares(const match_reader& level)
{
    if (!level.has("m") && !level.has("u")) {
        return std::nullopt;
    }
    return level_shares{level.share("m"), level.share("u")};
}

struct levels_read {
    std::vector<level_condition> conditions;
    std::vector<level_shares> shares;
};

void check_levels(const match_reader& comparison, const levels_read& levels)
{
    if (levels.conditions.back().kind != level_kind::otherwise) {
        comparison.refuse("lacks the level for all that no other level takes", {},
                          "End its levels with {\"when\": \"else\"}.");
    }
    if (!levels.shares.empty() && levels.shares.size() != levels.conditions.size()) {
        comparison.refuse("has \"m\" and \"u\" at some of its levels and not at others", {},
                          "Give them at every level, or at none and train the model with etl.train_match().");
    }
}

void read_level(const match_reader& level, value_type type, levels_read& into)
{
    const level_condition condition = read_condition(level, type);
    if (!into.conditions.empty() && into.conditions.back().kind == level_kind::otherwise) {
        level.refuse("comes after \"else\", which leaves nothing for it");
    }
    require_reachable(level, into.conditions, condition);
    into.conditions.push_back(condition);
    if (const auto shares = read_shares(level)) {
        into.shares.push_back(*shares);
    }
}

levels_read read_levels(const match_reader& comparison, value_type type)
{
    const auto& list = comparison.list("levels");
    if (list.size() > level_list::most) {
        comparison.refuse("has " + std::to_string(list.size()) + " levels, more than " +
                          std::to_string(level_list::most));
    }
    levels_read made;
    for (const json& each : list) {
        const std::string place = comparison.place() + ", level " + std::to_string(made.conditions.size() + 1);
        read_level(match_reader{each, place}, type, made);
    }
    check_levels(comparison, made);
    return made;
}

// --- comparisons -----------------------------------------------------------------------------------------------------

value_type read_type(const match_reader& comparison)
{
    const std::string& type = comparison.text("type");
    if (type != "text" && type != "number") {
        comparison.refuse_value("type", "\"text\" or \"number\"");
    }
    return type == "text" ? value_type::text : value_type::number;
}

term_frequency read_frequency(const match_reader& from)
{
    from.allow({"rows", "values", "rest", "chance"});
    term_frequency made;
    made.rows = from.number("rows"); // none where all are missing
    if (made.rows < 0) {
        from.refuse_value("rows", "at least 0");
    }
    made.rest = from.positive("rest");
    if (from.has("chance")) {
        made.chance = from.positive("chance");
    }
    const json& values = from.at("values");
    if (!values.is_object()) {
        from.refuse_value("values", "an object of the frequent texts and their numbers of rows");
    }
    const match_reader counts{values, from.place() + ", \"values\""};
    for (const auto& [text, count] : values.items()) {
        made.values.emplace(text, counts.positive(text.c_str()));
    }
    return made;
}

void read_frequency(const match_reader& comparison, match_comparison& into)
{
    if (!comparison.has("term_frequency")) {
        return;
    }
    const json& given = comparison.at("term_frequency");
    into.awaits_frequency = given == json(true);
    if (given.is_object()) {
        into.frequency = read_frequency({given, comparison.place() + ", \"term_frequency\""});
    } else if (!given.is_boolean()) {
        comparison.refuse_value("term_frequency", "true, false or an object that etl.train_match() makes");
    }
    if ((into.awaits_frequency || into.frequency) &&
        (into.levels.type() != value_type::text || into.levels[0].kind != level_kind::exact)) {
        comparison.refuse("cannot have \"term_frequency\"", "It weighs texts that agree exactly by how rare they are.",
                          "Give the comparison the type \"text\" and \"exact\" as its first level.");
    }
}

match_comparison read_comparison(const json& object, std::size_t number)
{
    const std::string numbered = "comparison " + std::to_string(number);
    const std::string& name = match_reader{object, numbered}.text("name");
    const match_reader comparison{object, "comparison " + in_quotes(name)};
    comparison.allow({"name", "value", "type", "levels", "term_frequency"});
    comparison.text("value");
    const value_type type = read_type(comparison);
    levels_read levels = read_levels(comparison, type);
    match_comparison made{name, level_list{type, std::move(levels.conditions)}, std::move(levels.shares), {}, false};
    read_frequency(comparison, made);
    return made;
}

void check_blocking(const match_reader& model)
{
    for (const json& each : model.list("blocking")) {
        if (!each.is_string() && !each.is_object()) { // what they say is SQL's to read
            model.refuse_value("blocking", "an array of texts and objects");
        }
    }
}

void check_head(const match_reader& model)
{
    model.allow(
        {"version", "id", "comparisons", "blocking", "max_block", "probability_two_random_records_match", "training"});
    if (model.whole("version", 0, 1000000) != 1) {
        model.refuse("has the version " + shown_json(model.at("version")) + ", and only 1 is known", {},
                     "ALTER EXTENSION pg_etl UPDATE may bring the version that made it.");
    }
    if (model.has("id")) {
        model.text("id");
    }
    if (model.has("blocking")) {
        check_blocking(model);
    }
}

} // namespace

microbits to_microbits(double numerator, double denominator) noexcept
{
    return std::llround((std::log2(numerator) - std::log2(denominator)) * 1e6);
}

double term_frequency::share_of(std::string_view text) const noexcept
{
    const auto found = values.find(text);
    const double share = (found == values.end() ? rest : found->second) / rows;
    return std::min(std::max(share, 1 / std::max(rows, 1.0)), 1.0); // of one row at least, of all at most
}

json parse_model_json(std::string_view text)
{
    return parse_json(text, "the match model", deepest);
}

match_model match_model::parse(std::string_view text)
{
    return match_model{parse_model_json(text)};
}

match_model::match_model(const json& document)
{
    const match_reader model{document, "the match model"};
    check_head(model);
    const auto& list = model.list("comparisons");
    if (list.size() > most_comparisons) {
        model.refuse("has " + std::to_string(list.size()) + " comparisons, more than " +
                     std::to_string(most_comparisons));
    }
    std::set<std::string> names;
    for (const json& each : list) {
        comparisons_.push_back(read_comparison(each, comparisons_.size() + 1));
        if (!names.insert(comparisons_.back().name).second) {
            model.refuse("has two comparisons named " + in_quotes(comparisons_.back().name));
        }
    }
    if (model.has("probability_two_random_records_match")) {
        prior_ = model.probability("probability_two_random_records_match");
    }
}

void match_model::require_trained() const
{
    constexpr char hint[] = "Call etl.train_match() and use the model that it returns.";
    for (const match_comparison& each : comparisons_) {
        if (!each.is_trained()) {
            throw error(sqlstate::invalid_parameter_value, "the match model is not trained",
                        "Comparison " + in_quotes(each.name) +
                            (each.shares.empty() ? " has no \"m\" and \"u\" at its levels."
                                                 : " has no counts of its texts in \"term_frequency\"."),
                        hint);
        }
    }
    if (!prior_) {
        throw error(sqlstate::invalid_parameter_value, "the match model is not trained",
                    "It has no \"probability_two_random_records_match\".", hint);
    }
}

} // namespace etl::dedupe
