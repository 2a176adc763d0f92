#include "validate/validation_state_pg.hpp"

#include "core/hex.hpp"
#include "pg/calling_expression.hpp"
#include "pg/spill.hpp"

extern "C" {
#include <miscadmin.h>
#include <nodes/execnodes.h>
}

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

namespace etl::validate {
namespace {

// Bytes that one metric may hold in memory before it writes a run: it needs twice as much, and while states are merged
// there are two of each.
std::size_t budget_of(const checker& rules)
{
    const auto spilling = std::ranges::count_if(rules.metrics(), [](const metric_spec& spec) {
        return spec.kind == metric_kind::samples || spec.kind == metric_kind::profile ||
               (spec.kind == metric_kind::fingerprints && !spec.proven_unique);
    });
    const std::size_t all = get_hash_memory_limit();
    return std::max<std::size_t>(all / static_cast<std::size_t>(4 * std::max<std::ptrdiff_t>(spilling, 1)), 65536);
}

metric_room room_of(const checker& rules, std::pmr::memory_resource* memory, run_store* store)
{
    return {.memory = memory,
            .budget = store == nullptr ? sorted_runs<fingerprint>::no_budget : budget_of(rules),
            .store = store,
            .poll = pg::poll};
}

validation_state* construct(std::pmr::memory_resource* memory, auto&&... args)
{
    return std::pmr::polymorphic_allocator<validation_state>{memory}.new_object<validation_state>(
        std::forward<decltype(args)>(args)...);
}

[[noreturn]] void refuse_plan()
{
    throw error(sqlstate::invalid_parameter_value, "the validation state belongs to another suite");
}

// Objects among them: whatever is to be read again is read as bytes.
std::span<const std::byte> flat_bytes(Datum state)
{
    return pg::call([state] { return pg::varlena_bytes(state); });
}

// --- merging -------------------------------------------------------------------------------------------------------

// What combining needs of a plan.
struct merging {
    std::unique_ptr<run_store> store;
    checker rules;
};

// By plan, in the calling expression. The states of an aggregate use what was made for their plan until the query ends:
// a hashed GROUP BY has states of many plans at a time.
class mergings {
  public:
    explicit mergings(MemoryContext memory) : memory_{memory} {}

    using known = std::pair<const std::string, merging>;

    // `are_kept`: states of this plan outlive the call.
    const known& of(std::string_view plan, bool are_kept)
    {
        if (last_ != nullptr && last_->first == plan) {
            return *last_;
        }
        const std::string key{plan};
        auto found = by_plan_.find(key);
        if (found == by_plan_.end()) {
            if (!are_kept && by_plan_.size() >= most_kept_for_calls) {
                by_plan_.clear();
            }
            found = by_plan_.try_emplace(key, make(plan)).first;
        }
        return *(last_ = &*found);
    }

  private:
    static constexpr std::size_t most_kept_for_calls = 16;

    merging make(std::string_view plan) const
    {
        validate::plan told = read_plan(plan);
        auto store = open_runs(told.area, memory_);
        return {std::move(store), checker::to_read(std::move(told), types_in(memory_), pg::poll)};
    }

    MemoryContext memory_;
    std::unordered_map<std::string, merging> by_plan_;
    const known* last_ = nullptr;
};

// The plan of a state, flat or not.
std::string_view plan_of(Datum state)
{
    const validation_state* found = expanded_validation::find(state);
    return found != nullptr ? found->plan() : validation_state::plan_of(flat_bytes(state));
}

void require_same_plan(std::string_view plan, std::string_view known)
{
    if (plan != known) {
        throw error(sqlstate::invalid_parameter_value,
                    "validation states of different suites or columns cannot be merged", {},
                    "Merge states that were made with the same suite, unchanged, over the same columns.");
    }
}

void merge_into(validation_state& into, Datum other, const mergings::known& known)
{
    const auto flat = flat_bytes(other);
    require_same_plan(validation_state::plan_of(flat), known.first);
    const merging& with = known.second;
    pg::context_resource memory;
    const validation_state from{with.rules, flat, room_of(with.rules, &memory, with.store.get())};
    into.merge(from);
}

} // namespace

std::unique_ptr<run_store> open_runs(const std::string& area, MemoryContext memory)
{
    if (area.empty()) {
        return nullptr;
    }
    const auto directory = from_hex(area);
    if (!directory) {
        refuse_state(validation_state::type_name, "Its plan is damaged.");
    }
    return std::make_unique<pg::file_run_store>(*directory, memory);
}

type_factory types_in(MemoryContext memory)
{
    return [memory](const plan_column& from) { return make_plan_type(from, memory); };
}

void fill_part(plan& told, const suite& rules)
{
    for (std::size_t i = 0; i < rules.expectations.size(); ++i) {
        const expectation& what = rules.expectations[i];
        const std::string_view name = what.type->name;
        const bool is_of_table = what.type->of == family::table && !counts_some_rows(what);
        if (is_of_table || what.type->of == family::query || name.ends_with("_of_type") ||
            name.ends_with("_in_type_list") || (is_row_test(what) && !what.is_row_level())) {
            continue; // no matter of this scan's rows
        }
        told.part.push_back(i);
    }
}

own_state::own_state(pg::arguments args, const checker& rules, std::string_view plan, run_store* store)
{
    const bool is_object = !args.is_null(0) && etl::pg::is_own(args.datum(0));
    state_ = is_object ? expanded_validation::find(args.datum(0)) : nullptr;
    if (state_ != nullptr && state_->is_of(rules)) { // only this call, within an aggregate, can have made it
        datum_ = args.datum(0);
        return;
    }
    MemoryContext aggregate = pg::aggregate_context(args);
    if (is_object && aggregate != nullptr) { // which would free the object, and with it all others
        refuse_plan();
    }
    const auto flat = args.is_null(0) ? std::span<const std::byte>{} : flat_bytes(args.datum(0));
    if (!flat.empty() && validation_state::plan_of(flat) != plan) {
        refuse_plan();
    }
    auto make = [&](std::pmr::memory_resource* memory) {
        const metric_room room = room_of(rules, memory, store);
        return flat.empty() ? construct(memory, rules, plan, room) : construct(memory, rules, flat, room);
    };
    if (aggregate != nullptr) {
        datum_ = expanded_validation::create(aggregate, make);
        state_ = expanded_validation::find(datum_);
    } else {
        for_call_ = {make(&memory_), gone_with{&memory_}};
        state_ = for_call_.get();
    }
}

Datum own_state::datum() const
{
    if (for_call_ == nullptr) {
        return datum_;
    }
    std::pmr::vector<std::byte> flat{for_call_.get_deleter().memory};
    for_call_->write(flat);
    pg::require_value_size(flat.size());
    return pg::make_varlena(flat);
}

read_validation::read_validation(Datum state, MemoryContext memory) : memory_{memory}
{
    const auto flat = flat_bytes(state);
    plan told = read_plan(validation_state::plan_of(flat));
    store_ = open_runs(told.area, memory);
    rules_ = std::make_unique<checker>(checker::to_read(std::move(told), types_in(memory), pg::poll));
    state_ = std::make_unique<validation_state>(*rules_, flat, room_of(*rules_, &memory_, store_.get()));
}

} // namespace etl::validate

using namespace etl;
using namespace etl::validate;

namespace {

// Reads a stranger's bytes once, to see that they are a state.
void check_foreign(std::span<const std::byte> flat)
{
    plan told = read_plan(validation_state::plan_of(flat));
    if (!told.area.empty()) {
        refuse_state(validation_state::type_name, "It is of a validation that is still running.");
    }
    const checker rules = checker::to_read(std::move(told), types_in(CurrentMemoryContext), pg::poll);
    pg::context_resource memory;
    const validation_state read{rules, flat, room_of(rules, &memory, nullptr)};
}

} // namespace

ETL_STATE_TYPE(validation_state, check_foreign)

ETL_FUNCTION(etl_validation_state_combine, args)
{
    if (args.is_null(1)) {
        return args.is_null(0) ? args.null_result() : args.datum(0);
    }
    if (args.is_null(0)) {
        return args.datum(1);
    }
    auto& all = args.cached<mergings>([args] { return args.raw()->flinfo->fn_mcxt; });
    const auto& known = all.of(plan_of(args.datum(0)), pg::aggregate_context(args) != nullptr);
    const own_state state{args, known.second.rules, known.first, known.second.store.get()};
    merge_into(*state, args.datum(1), known);
    return state.datum();
}

// The state of no row at all, which an aggregate over an empty table cannot make.
ETL_FUNCTION(etl_empty_validation_state, args)
{
    const auto text = args.get<std::string_view>(0);
    pg::context_resource memory;
    plan told = read_plan(text);
    const auto runs = open_runs(told.area, CurrentMemoryContext);
    const checker rules =
        checker::to_scan(std::move(told), types_in(CurrentMemoryContext), registered_schema, pg::poll, runs.get());
    validation_state empty{rules, text, room_of(rules, &memory, nullptr)};
    std::pmr::vector<std::byte> flat{&memory};
    empty.write(flat);
    return args.result(std::span<const std::byte>{flat});
}
