// Validation states as aggregates and readers have them: objects while they grow, flat values elsewhere.
#pragma once

#include "core/run_store.hpp"
#include "pg/expanded_state.hpp"
#include "pg/state_type.hpp"
#include "validate/column_pg.hpp"
#include "validate/validation_state.hpp"

#include <memory>
#include <string>

namespace etl::validate {

using expanded_validation = pg::expanded_state<validation_state>;

// The temporary files of a plan's area; nullptr where it has none.
std::unique_ptr<run_store> open_runs(const std::string& area, MemoryContext memory);

// What makes column types of a plan, with what they keep in `memory`.
type_factory types_in(MemoryContext memory);

// The expectations that a plain scan of rows decides; others need to know more than rows.
void fill_part(plan& told, const suite& rules);

// The state of a transition, ready to be changed: a new one, the object of the last row, or one made of flat bytes.
//
// Only within an aggregate is it an object that outlives the call: PostgreSQL frees that before it frees the calling
// expression, where the rules and the store lie that the state uses. Elsewhere nobody knows how long a value is kept,
// so it is made for the call, and the result is flat.
class own_state {
  public:
    own_state(pg::arguments args, const checker& rules, std::string_view plan, run_store* store);

    validation_state* operator->() const { return state_; }
    validation_state& operator*() const { return *state_; }

    // The result.
    Datum datum() const;

  private:
    struct gone_with {
        std::pmr::memory_resource* memory;
        void operator()(validation_state* gone) const
        {
            std::pmr::polymorphic_allocator<validation_state>{memory}.delete_object(gone);
        }
    };

    pg::context_resource memory_;
    std::unique_ptr<validation_state, gone_with> for_call_{nullptr, gone_with{&memory_}}; // outside of aggregates
    validation_state* state_ = nullptr;
    Datum datum_ = 0;
};

// A state that is only read, with the rules of its plan. The value must outlive it.
class read_validation {
  public:
    read_validation(Datum state, MemoryContext memory);

    validation_state& state() const { return *state_; }
    const checker& rules() const { return *rules_; }

  private:
    pg::context_resource memory_;
    std::unique_ptr<run_store> store_;
    std::unique_ptr<checker> rules_;
    std::unique_ptr<validation_state> state_;
};

} // namespace etl::validate
