// What is done with the rows of a match that are in memory: loading and unloading them, the pairs that have enough
// weight, the patterns that a model is trained from.
#include "dedupe/loaded_rows_pg.hpp"
#include "dedupe/match_weight.hpp"
#include "pg/encoding.hpp"
#include "pg/jsonb.hpp"
#include "pg/number_array.hpp"
#include "pg/result_set.hpp"
#include "pg/text_array.hpp"

extern "C" {
#include <catalog/pg_type.h>
}

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>
#include <vector>

namespace etl::dedupe {
namespace {

std::vector<value_type> read_types(Datum names)
{
    std::vector<value_type> made;
    for (const std::string& name : pg::read_text_array(names)) {
        made.push_back(name == "number" ? value_type::number : value_type::text);
    }
    return made;
}

std::string counts_json(const match_candidates& of)
{
    std::string made = "[";
    for (const match_blocks& rule : of.rules()) {
        const block_counts& counts = rule.counts();
        made += made.size() > 1 ? ", " : "";
        made += "{\"pairs\": " + std::to_string(static_cast<std::int64_t>(counts.pairs)) +
                ", \"cut_blocks\": " + std::to_string(counts.cut_blocks) +
                ", \"cut_pairs\": " + std::to_string(static_cast<std::int64_t>(counts.cut_pairs)) +
                ", \"largest\": " + std::to_string(counts.largest) + "}";
    }
    return made + "]";
}

struct wanted_pairs {
    std::string_view model;
    double least;
    bool explained;
};

// Pairs with enough weight, as rows of etl.match.
class pair_writer {
  public:
    pair_writer(loaded_rows& loaded, const wanted_pairs& wanted, pg::result_set& to)
        : rows_{loaded.candidates().rows()}, wanted_{wanted}, to_{to}, model_{pg::with_errors_of_server([&] {
              return match_model::parse(wanted.model);
          })},
          weigher_{pg::with_errors_of_server([this] { return match_weigher{model_}; })},
          values_(model_.comparisons().size())
    {
        loaded.require_fit(model_);
    }

    void put(row_number a, row_number b)
    {
        rows_.read(a, b, values_);
        const double weight = to_bits(weigher_.weight(values_, pg::poll));
        if (weight < wanted_.least) {
            return;
        }
        texts_.reset();
        const MemoryContext old = MemoryContextSwitchTo(texts_.get());
        std::array values{pg::make_text(rows_.id(a)), pg::make_text(rows_.id(b)),
                          Float8GetDatum(probability_of(weight)), Float8GetDatum(weight),
                          wanted_.explained ? pg::make_jsonb(weigher_.explain(values_, pg::poll)) : Datum{0}};
        MemoryContextSwitchTo(old);
        std::array nulls{false, false, false, false, !wanted_.explained};
        to_.put(values, nulls);
    }

  private:
    const match_rows& rows_;
    const wanted_pairs& wanted_;
    pg::result_set& to_;
    match_model model_;
    match_weigher weigher_;
    std::vector<compared_values> values_;
    pg::scratch_context texts_;
};

// How many pairs of a rule have which levels; those that an earlier rule finds, too, apart.
class pattern_counter {
  public:
    pattern_counter(loaded_rows& loaded, std::string_view model)
        : model_{pg::with_errors_of_server([model] { return match_model::parse(model); })},
          values_(model_.comparisons().size()), levels_(values_.size(), '\0')
    {
        loaded.require_fit(model_);
    }

    void count(const match_rows& rows, row_number a, row_number b, bool is_new)
    {
        rows.read(a, b, values_);
        find_levels(model_, values_, {reinterpret_cast<std::uint8_t*>(levels_.data()), levels_.size()}, pg::poll);
        ++counts_[levels_][is_new ? 1 : 0];
    }

    // As rows: pattern, count, rule (from 1, negative where an earlier rule finds them).
    void put(std::size_t rule, double share, pg::result_set& to)
    {
        const auto number = static_cast<std::int32_t>(rule + 1);
        for (const auto& [levels, counted] : counts_) {
            put_one(levels, counted[0], -number, share, to);
            put_one(levels, counted[1], number, share, to);
        }
        counts_.clear();
    }

  private:
    static void put_one(const std::string& levels, std::int64_t count, std::int32_t rule, double share,
                        pg::result_set& to)
    {
        if (count == 0) {
            return;
        }
        const pg::scratch_context texts;
        const MemoryContext old = MemoryContextSwitchTo(texts.get());
        std::array values{pg::make_text(levels), Int64GetDatum(std::llround(static_cast<double>(count) / share)),
                          Int32GetDatum(rule)};
        MemoryContextSwitchTo(old);
        std::array nulls{false, false, false};
        to.put(values, nulls);
    }

    match_model model_;
    std::vector<compared_values> values_;
    std::string levels_;
    std::map<std::string, std::array<std::int64_t, 2>> counts_; // of pairs that are not new, and of new ones
};

} // namespace
} // namespace etl::dedupe

using namespace etl;

ETL_FUNCTION(etl_load_rows, args)
{
    const auto query = args.get<std::string_view>(0);
    const Datum types = args.given(1);
    const auto windows = pg::read_numbers(args, 2);
    const auto links = args.get<bool>(3);
    const auto rows = args.get<std::int64_t>(4);
    const auto max_block = args.get<std::int64_t>(5);
    pg::result_set result{args};

    const auto value_types = dedupe::read_types(types);
    const std::vector<std::uint32_t> window_of_rules(windows.begin(), windows.end());
    dedupe::loaded_rows& loaded = dedupe::loaded_rows::make(value_types, window_of_rules, links);
    if (!loaded.load(std::string{query}, rows, max_block)) {
        loaded.unload();
        return result.finish();
    }
    std::array values{Int64GetDatum(loaded.handle()), pg::make_jsonb(dedupe::counts_json(loaded.candidates()))};
    std::array nulls{false, false};
    result.put(values, nulls);
    return result.finish();
}

ETL_FUNCTION(etl_match_loaded, args)
{
    dedupe::loaded_rows& loaded = dedupe::loaded_rows::of(args.get<std::int64_t>(0));
    const dedupe::wanted_pairs wanted{pg::as_utf8(pg::jsonb_text(args.given(1))), args.get<double>(2),
                                      args.get<bool>(3)};
    pg::result_set result{args};

    const auto& candidates = loaded.candidates();
    dedupe::pair_writer writer{loaded, wanted, result};
    for (std::size_t rule = 0; rule < candidates.rules().size(); ++rule) {
        candidates.each_pair(rule, 1, 0, pg::poll, [&](dedupe::row_number a, dedupe::row_number b, bool is_new) {
            if (is_new) {
                writer.put(a, b);
            }
        });
    }
    return result.finish();
}

ETL_FUNCTION(etl_loaded_patterns, args)
{
    dedupe::loaded_rows& loaded = dedupe::loaded_rows::of(args.get<std::int64_t>(0));
    const auto model = pg::as_utf8(pg::jsonb_text(args.given(1)));
    const auto kept = pg::read_numbers(args, 2);
    const auto most_pairs = args.get<double>(3);
    const auto seed = static_cast<std::uint64_t>(args.get<std::int64_t>(4));
    pg::result_set result{args};

    auto& candidates = loaded.candidates();
    candidates.keep_rules(kept);
    dedupe::pattern_counter counter{loaded, model};
    for (std::size_t rule = 0; rule < candidates.rules().size(); ++rule) {
        const double share = std::min(1.0, most_pairs / std::max(candidates.rules()[rule].counts().pairs, 1.0));
        candidates.each_pair(rule, share, seed, pg::poll, [&](dedupe::row_number a, dedupe::row_number b, bool is_new) {
            counter.count(candidates.rows(), a, b, is_new);
        });
        counter.put(rule, share, result);
    }
    return result.finish();
}

ETL_FUNCTION(etl_unload_rows, args)
{
    dedupe::loaded_rows::of(args.get<std::int64_t>(0)).unload();
    return Datum{0};
}

// A key as the loader keeps it, or a place.
ETL_FUNCTION(etl_is_sampled, args)
{
    if (args.type(0) != UUIDOID && args.type(0) != INT8OID) {
        throw error(sqlstate::datatype_mismatch, "a block is known by a uuid or by a bigint");
    }
    const std::uint64_t key = args.type(0) == UUIDOID ? dedupe::half_of_key(args.given(0))
                                                      : static_cast<std::uint64_t>(args.get<std::int64_t>(0));
    return args.result(
        dedupe::is_sampled(key, args.get<double>(1), static_cast<std::uint64_t>(args.get<std::int64_t>(2))));
}
