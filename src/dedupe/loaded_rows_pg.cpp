// Rows of a match in memory, from one call to the next of the functions in SQL that use them: loaded by a query, then
// counted, weighed or taken for patterns, then unloaded. What an error or the end of a transaction interrupts goes with
// the memory of the transaction.
#include "core/text_list.hpp"
#include "dedupe/match_candidates.hpp"
#include "pg/encoding.hpp"
#include "pg/interrupts.hpp"
#include "pg/jsonb.hpp"
#include "pg/number_array.hpp"
#include "pg/query_rows.hpp"
#include "pg/result_set.hpp"
#include "pg/settings.hpp"
#include "pg/spi.hpp"
#include "pg/text_array.hpp"
#include "pg/text_maker.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <miscadmin.h>
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/memutils.h>
#include <utils/uuid.h>
}

#include <array>
#include <cmath>
#include <map>
#include <string>
#include <vector>

namespace etl::dedupe {
namespace {

using pg::arguments;

// --- what is loaded --------------------------------------------------------------------------------------------------

class loaded_rows;
loaded_rows* all_loaded = nullptr;

class loaded_rows {
  public:
    loaded_rows(MemoryContext own, std::span<const value_type> types, std::span<const std::uint32_t> windows,
                bool links)
        : own_{own}, memory_{own}, candidates_{types, windows, links, &memory_}, user_{GetUserId()}, next_{all_loaded}
    {
        static std::int64_t last_handle = 0;
        handle_ = ++last_handle;
        all_loaded = this;
    }
    ~loaded_rows()
    {
        loaded_rows** at = &all_loaded;
        while (*at != this) {
            at = &(*at)->next_;
        }
        *at = next_;
    }
    loaded_rows(const loaded_rows&) = delete;
    loaded_rows& operator=(const loaded_rows&) = delete;

    static loaded_rows& of(std::int64_t handle)
    {
        for (loaded_rows* at = all_loaded; at != nullptr; at = at->next_) {
            if (at->handle_ == handle && at->user_ == GetUserId()) {
                return *at;
            }
        }
        throw error(sqlstate::invalid_parameter_value, "no rows are loaded as number " + std::to_string(handle));
    }

    std::int64_t handle() const noexcept { return handle_; }
    MemoryContext own() const noexcept { return own_; }
    match_candidates& candidates() noexcept { return candidates_; }

  private:
    MemoryContext own_;
    pg::context_resource memory_;
    match_candidates candidates_;
    Oid user_;
    std::int64_t handle_ = 0;
    loaded_rows* next_;
};

void unload(loaded_rows& rows) noexcept
{
    MemoryContextDelete(rows.own()); // destroys the object, too
}

// --- loading ---------------------------------------------------------------------------------------------------------

std::uint64_t half_of(const pg_uuid_t* key) noexcept
{
    std::uint64_t half = 0;
    std::memcpy(&half, key->data, sizeof half);
    return half;
}

// Takes the rows of etl._match_rows_sql(): side, id, in_a, in_b, v1, …, k1, …
class row_loader final : public pg::row_receiver {
  public:
    row_loader(match_candidates& to, std::span<const value_type> types, std::size_t budget)
        : to_{to}, types_{types}, budget_{budget}
    {
    }

    void columns(TupleDesc row) override
    {
        id_type_ = TupleDescAttr(row, 1)->atttypid;
        key_types_.clear();
        for (int i = first_value + static_cast<int>(types_.size()); i < row->natts; ++i) {
            key_types_.push_back(TupleDescAttr(row, i)->atttypid);
        }
    }

    bool row(TupleTableSlot* slot) override
    {
        const MemoryContext old = MemoryContextSwitchTo(values_.get());
        const row_number number = to_.rows().size();
        add_row(slot);
        for (std::size_t i = 0; i < types_.size(); ++i) {
            to_.rows().add_value(i, value_of(types_[i], slot, first_value + static_cast<int>(i)));
        }
        for (std::size_t i = 0; i < key_types_.size(); ++i) {
            const auto column = static_cast<std::size_t>(first_value) + types_.size() + i;
            if (!slot->tts_isnull[column]) {
                add_keys(to_.rules()[i], number, key_types_[i], slot->tts_values[column]);
            }
        }
        MemoryContextSwitchTo(old);
        if (number % rows_kept == rows_kept - 1) {
            values_.reset();
            fits_ = to_.memory_bytes() <= budget_;
        }
        return fits_;
    }

    bool fits() const noexcept { return fits_; }

  private:
    static constexpr int first_value = 4;
    static constexpr row_number rows_kept = 1024;

    void add_row(TupleTableSlot* slot)
    {
        const Datum* values = slot->tts_values;
        const row_sides sides = {DatumGetInt32(values[0]) != 0, DatumGetBool(values[2]), DatumGetBool(values[3])};
        switch (id_type_) {
        case INT2OID:
            return to_.rows().add(std::int64_t{DatumGetInt16(values[1])}, sides);
        case INT4OID:
            return to_.rows().add(std::int64_t{DatumGetInt32(values[1])}, sides);
        case INT8OID:
            return to_.rows().add(DatumGetInt64(values[1]), sides);
        case UUIDOID: {
            const char* text =
                pg::call([id = values[1]] { return DatumGetCString(DirectFunctionCall1(uuid_out, id)); });
            return to_.rows().add(std::string_view{text}, sides);
        }
        default:
            return to_.rows().add(text_of(values[1]), sides);
        }
    }

    static std::string_view text_of(Datum value)
    {
        const Datum whole = pg::call([value] { return PointerGetDatum(PG_DETOAST_DATUM_PACKED(value)); });
        return pg::varlena_text(whole);
    }

    static match_value value_of(value_type type, const TupleTableSlot* slot, int column)
    {
        if (slot->tts_isnull[column]) {
            return {};
        }
        const Datum value = slot->tts_values[column];
        return type == value_type::text ? match_value::of(pg::as_utf8(text_of(value)))
                                        : match_value::of(DatumGetFloat8(value));
    }

    static void add_keys(match_blocks& rule, row_number row, Oid type, Datum value)
    {
        if (type == INT8OID) {
            rule.add_place(row, DatumGetInt64(value));
        } else if (type == UUIDOID) {
            rule.add_key(row, half_of(DatumGetUUIDP(value)));
        } else {
            auto* keys = pg::call([value] { return DatumGetArrayTypeP(value); });
            const auto* at = reinterpret_cast<const pg_uuid_t*>(ARR_DATA_PTR(keys));
            const int count = ArrayGetNItems(ARR_NDIM(keys), ARR_DIMS(keys));
            for (int i = 0; i < count; ++i) {
                rule.add_key(row, half_of(&at[i]));
            }
        }
    }

    match_candidates& to_;
    std::span<const value_type> types_;
    std::size_t budget_;
    bool fits_ = true;
    Oid id_type_ = InvalidOid;
    std::vector<Oid> key_types_;
    pg::scratch_context values_;
};

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

// False where the rows do not fit into the memory that a match may take.
bool load(loaded_rows& to, std::span<const value_type> types, const std::string& query, std::int64_t rows,
          std::int64_t max_block)
{
    for (match_blocks& rule : to.candidates().rules()) {
        rule.reserve(static_cast<std::size_t>(rows));
    }
    const pg::spi_session session;
    row_loader loader{to.candidates(), types, pg::match_memory_bytes()};
    if (to.candidates().memory_bytes() > pg::match_memory_bytes()) {
        return false;
    }
    pg::run_query(query, loader);
    if (loader.fits()) {
        to.candidates().close(static_cast<std::uint64_t>(max_block), pg::poll);
    }
    return loader.fits();
}

loaded_rows& make_loaded(std::span<const value_type> types, std::span<const std::uint32_t> windows, bool links)
{
    MemoryContext own = pg::call([] {
        return AllocSetContextCreateInternal(CurTransactionContext, "pg_etl rows of a match", ALLOCSET_DEFAULT_SIZES);
    });
    return *pg::construct_in<loaded_rows>(own, own, types, windows, links);
}

// --- what is done with it --------------------------------------------------------------------------------------------

struct wanted_pairs {
    std::string_view model;
    double least;
    bool explained;
};

// Pairs with enough weight, as rows of etl.match.
class pair_writer {
  public:
    pair_writer(const match_rows& rows, const wanted_pairs& wanted, pg::result_set& to)
        : rows_{rows}, wanted_{wanted}, to_{to}, model_{pg::with_errors_of_server(
                                                     [&] { return match_model::parse(wanted.model); })},
          weigher_{pg::with_errors_of_server([this] { return match_weigher{model_}; })},
          values_(model_.comparisons().size())
    {
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
    explicit pattern_counter(std::string_view model)
        : model_{pg::with_errors_of_server([model] { return match_model::parse(model); })},
          values_(model_.comparisons().size()), levels_(values_.size(), '\0')
    {
    }

    void count(const match_rows& rows, row_number a, row_number b, bool is_new)
    {
        rows.read(a, b, values_);
        find_levels(model_, values_, {reinterpret_cast<std::uint8_t*>(levels_.data()), levels_.size()}, pg::poll);
        ++counts_[{levels_, is_new}];
    }

    // As rows: pattern, count, rule (from 1, negative where an earlier rule finds them).
    void put(std::size_t rule, double share, pg::result_set& to)
    {
        for (const auto& [of, count] : counts_) {
            const auto number = static_cast<std::int32_t>(rule + 1);
            const pg::scratch_context texts;
            const MemoryContext old = MemoryContextSwitchTo(texts.get());
            std::array values{pg::make_text(of.first), Int64GetDatum(std::llround(static_cast<double>(count) / share)),
                              Int32GetDatum(of.second ? number : -number)};
            MemoryContextSwitchTo(old);
            std::array nulls{false, false, false};
            to.put(values, nulls);
        }
        counts_.clear();
    }

  private:
    match_model model_;
    std::vector<compared_values> values_;
    std::string levels_;
    std::map<std::pair<std::string, bool>, std::int64_t> counts_;
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
    dedupe::loaded_rows& loaded = dedupe::make_loaded(value_types, window_of_rules, links);
    if (!dedupe::load(loaded, value_types, std::string{query}, rows, max_block)) {
        dedupe::unload(loaded);
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
    dedupe::pair_writer writer{candidates.rows(), wanted, result};
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
    dedupe::pattern_counter counter{model};
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
    dedupe::unload(dedupe::loaded_rows::of(args.get<std::int64_t>(0)));
    return Datum{0};
}

// A key as the loader keeps it, or a place.
ETL_FUNCTION(etl_is_sampled, args)
{
    const std::uint64_t key = args.type(0) == UUIDOID ? dedupe::half_of(DatumGetUUIDP(args.given(0)))
                                                      : static_cast<std::uint64_t>(args.get<std::int64_t>(0));
    return args.result(
        dedupe::is_sampled(key, args.get<double>(1), static_cast<std::uint64_t>(args.get<std::int64_t>(2))));
}
