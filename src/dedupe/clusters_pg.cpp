// etl.clusters and etl.one_to_one: pairs from a query into the core, clusters or links out of it.
#include "dedupe/clusters.hpp"
#include "dedupe/one_to_one.hpp"
#include "dedupe/pair_reader_pg.hpp"
#include "pg/notice.hpp"
#include "pg/result_set.hpp"
#include "pg/spi.hpp"
#include "pg/text_maker.hpp"
#include "sketch/key_ids.hpp"
#include "sketch/node_names.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

namespace etl::dedupe {
namespace {

using pg::arguments;

constexpr std::int32_t no_limit = std::numeric_limits<std::int32_t>::max();

struct options {
    bool transitive = true;
    std::optional<double> threshold;
    std::uint32_t max_size = no_limit;
};

// A number of the core as the text that names it in SQL.
class name_maker {
  public:
    explicit name_maker(std::pmr::memory_resource* memory) : text_{memory} {}

    Datum make(std::string_view name) { return text_.make(name); }
    Datum make(std::int64_t name)
    {
        char digits[24];
        const char* end = std::to_chars(std::begin(digits), std::end(digits), name).ptr;
        return text_.make({digits, static_cast<std::size_t>(end - digits)});
    }

  private:
    pg::text_maker text_;
};

std::string spelled(std::string_view name)
{
    return std::string{name};
}

std::string spelled(std::int64_t name)
{
    return std::to_string(name);
}

// All ids of a query whose two columns name things of one kind, and the pairs that are good enough.
template <class Ids, class Id>
class cluster_input final : public pair_sink<Id> {
  public:
    cluster_input(const options& wanted, std::pmr::memory_resource* memory)
        : ids{memory}, sets{memory}, pairs{memory}, threshold_{wanted.threshold.value_or(-HUGE_VAL)},
          keeps_pairs_{!wanted.transitive || wanted.max_size != no_limit}, unites_{wanted.transitive}
    {
    }

    void pair(Id a, Id b, double score) override
    {
        const scored_pair found = {ids.number_of(a), ids.number_of(b), score};
        if (score < threshold_) {
            return;
        }
        if (unites_) {
            sets.grow(ids.count());
            sets.unite(found.a, found.b);
        }
        if (keeps_pairs_) {
            pairs.push_back(found);
        }
    }
    void left(Id a) override { ids.number_of(a); }
    void right(Id b) override { ids.number_of(b); }

    Ids ids;
    union_find sets;
    scored_pairs pairs;

  private:
    double threshold_;
    bool keeps_pairs_;
    bool unites_;
};

// The largest first, as many as a message can name.
template <class Ids>
std::string list_large(std::pmr::vector<large_cluster>& large, union_find& sets, const Ids& ids, bool split)
{
    constexpr std::size_t most = 5;
    const auto first = first_nodes(sets, ids, pg::poll);
    const auto name = [&](const large_cluster& of) { return ids.name(first[of.root]); };
    const std::size_t listed = std::min(large.size(), most);
    std::partial_sort(large.begin(), large.begin() + listed, large.end(),
                      [&](const large_cluster& x, const large_cluster& y) {
                          return x.size != y.size ? x.size > y.size : name(x) < name(y);
                      });
    std::string list;
    for (std::size_t i = 0; i < listed; ++i) {
        list += (i == 0 ? "Cluster \"" : ", \"") + spelled(name(large[i])) + "\" of " + std::to_string(large[i].size) +
                " members" + (split ? " into " + std::to_string(large[i].parts) : "");
    }
    return list + (large.size() > most ? ", and others." : ".");
}

template <class Ids>
void warn_of_large(std::pmr::vector<large_cluster>& large, union_find& sets, const Ids& ids, std::uint32_t most,
                   bool split)
{
    const std::string count = std::to_string(large.size());
    pg::warn((large.size() == 1 ? "1 cluster has" : count + " clusters have") + " more than " + std::to_string(most) +
                 " members" + (split ? (large.size() == 1 ? " and was split" : " and were split") : ""),
             list_large(large, sets, ids, split),
             split ? "Look at the pairs of these clusters: ids in them may stand for many things."
                   : "Select a score as a third column to have such clusters split where it is lowest.");
}

// Splits what is too large where the pairs have scores. Whatever is too large is told.
template <class Input>
void limit_size(Input& input, std::uint32_t most, bool has_score)
{
    if (!has_score) {
        auto large = large_clusters(input.sets, input.sets, most, pg::poll);
        if (!large.empty()) {
            warn_of_large(large, input.sets, input.ids, most, false);
        }
        return;
    }
    union_find parts = split_large(input.sets, input.pairs, most, pg::poll);
    auto large = large_clusters(input.sets, parts, most, pg::poll);
    if (!large.empty()) {
        warn_of_large(large, input.sets, input.ids, most, true);
        input.sets = std::move(parts);
    }
}

template <class Input>
void put_clusters(pg::result_set& rows, Input& input, std::pmr::memory_resource* memory)
{
    const auto first = first_nodes(input.sets, input.ids, pg::poll);
    name_maker ids{memory};
    name_maker clusters{memory};
    poller stop{pg::poll};
    for (std::uint32_t node = 0; node < input.ids.count(); ++node) {
        Datum values[] = {ids.make(input.ids.name(node)), clusters.make(input.ids.name(first[input.sets.find(node)]))};
        bool nulls[] = {false, false};
        rows.put(values, nulls);
        stop.tick();
    }
}

template <class Ids, class Id>
void find_clusters(pg::result_set& rows, const std::string& query, const pair_columns& columns, const options& wanted)
{
    pg::context_resource memory;
    cluster_input<Ids, Id> input{wanted, &memory};
    read_pairs(query, columns, input);
    input.sets.grow(input.ids.count());
    if (!wanted.transitive) {
        one_to_one(input.pairs, input.ids, input.ids, pg::poll);
        for (const scored_pair& pair : input.pairs) {
            input.sets.unite(pair.a, pair.b);
        }
    } else if (wanted.max_size != no_limit) {
        limit_size(input, wanted.max_size, columns.has_score);
    }
    put_clusters(rows, input, &memory);
}

// The pairs of a query whose columns name things of two kinds.
template <class Ids, class Id>
struct link_input final : public pair_sink<Id> {
    link_input(std::optional<double> threshold, std::pmr::memory_resource* memory)
        : left_ids{memory}, right_ids{memory}, pairs{memory}, least{threshold.value_or(-HUGE_VAL)}
    {
    }

    void pair(Id a, Id b, double score) override
    {
        if (score >= least) {
            pairs.push_back({left_ids.number_of(a), right_ids.number_of(b), score});
        }
    }
    void left(Id) override {}
    void right(Id) override {}

    Ids left_ids;
    Ids right_ids;
    scored_pairs pairs;
    double least;
};

template <class Ids, class Id>
void find_links(pg::result_set& rows, const std::string& query, const pair_columns& columns,
                std::optional<double> threshold)
{
    pg::context_resource memory;
    link_input<Ids, Id> input{threshold, &memory};
    read_pairs(query, columns, input);
    one_to_one(input.pairs, input.left_ids, input.right_ids, pg::poll);
    name_maker left{&memory};
    name_maker right{&memory};
    poller stop{pg::poll};
    for (const scored_pair& pair : input.pairs) {
        Datum values[] = {left.make(input.left_ids.name(pair.a)), right.make(input.right_ids.name(pair.b)),
                          Float8GetDatum(pair.score)};
        bool nulls[] = {false, false, false};
        rows.put(values, nulls);
        stop.tick();
    }
}

void require_score(const pair_columns& columns, const std::string& what)
{
    if (!columns.has_score) {
        throw error(sqlstate::datatype_mismatch, what + " needs a score, the third column of pairs_query",
                    "The query returns 2 columns.", "SELECT id_a, id_b, probability FROM …");
    }
}

std::optional<double> read_threshold(arguments args, int i)
{
    if (args.is_null(i)) {
        return std::nullopt;
    }
    const double threshold = args.get<double>(i);
    if (std::isnan(threshold)) {
        throw error(sqlstate::invalid_parameter_value, "threshold must be a number, not NaN", {},
                    "Leave it out to take every pair.");
    }
    return threshold;
}

options read_options(std::string_view method, std::optional<double> threshold, std::int32_t max_size)
{
    if (method != "transitive" && method != "one_to_one") {
        throw error(sqlstate::invalid_parameter_value, "unknown method \"" + std::string{method} + "\"",
                    "The known ones are transitive, one_to_one.", "Call etl.clusters(…, method => 'transitive').");
    }
    if (max_size < 2) {
        throw error(sqlstate::invalid_parameter_value,
                    "max_cluster_size must be 2 or more, not " + std::to_string(max_size), {},
                    "Leave it out to have no limit.");
    }
    const bool transitive = method == "transitive";
    if (max_size != no_limit && !transitive) {
        throw error(sqlstate::invalid_parameter_value, "max_cluster_size goes with method \"transitive\" only",
                    "A cluster of method \"one_to_one\" has two members at most.", "Leave max_cluster_size out.");
    }
    return {transitive, threshold, static_cast<std::uint32_t>(max_size)};
}

} // namespace
} // namespace etl::dedupe

using namespace etl;

ETL_FUNCTION(etl_clusters, args)
{
    const auto query = args.get<std::string_view>(0);
    const auto method = args.get<std::string_view>(1);
    const auto threshold = dedupe::read_threshold(args, 2);
    const auto max_size = args.is_null(3) ? dedupe::no_limit : args.get<std::int32_t>(3);
    pg::result_set rows{args};

    const auto wanted = dedupe::read_options(method, threshold, max_size);
    const pg::spi_session session;
    const std::string text{query};
    const auto columns = dedupe::describe_pairs(text);
    if (threshold) {
        dedupe::require_score(columns, "a threshold");
    }
    if (!wanted.transitive) {
        dedupe::require_score(columns, "method \"one_to_one\"");
    }
    if (columns.are_integers) {
        dedupe::find_clusters<integer_ids, std::int64_t>(rows, text, columns, wanted);
    } else {
        dedupe::find_clusters<node_names, std::string_view>(rows, text, columns, wanted);
    }
    return rows.finish();
}

ETL_FUNCTION(etl_one_to_one, args)
{
    const auto query = args.get<std::string_view>(0);
    const auto threshold = dedupe::read_threshold(args, 1);
    pg::result_set rows{args};

    const pg::spi_session session;
    const std::string text{query};
    const auto columns = dedupe::describe_pairs(text);
    dedupe::require_score(columns, "etl.one_to_one");
    if (columns.are_integers) {
        dedupe::find_links<integer_ids, std::int64_t>(rows, text, columns, threshold);
    } else {
        dedupe::find_links<node_names, std::string_view>(rows, text, columns, threshold);
    }
    return rows.finish();
}
