// A state that a transition or combine function changes: the aggregate's object where it is (pg/expanded_state.hpp), or
// one for the call alone, whose flat form is the result.
#pragma once

#include "pg/calling_expression.hpp"
#include "pg/expanded_state.hpp"

#include <memory>

namespace etl {

inline std::span<const std::byte> flat_bytes(Datum state)
{
    return pg::call([state] { return pg::varlena_bytes(state); });
}

// T is constructed with a memory_resource and what `of` holds.
template <class T>
class grown_state {
  public:
    using expanded = pg::expanded_state<T>;

    // The object behind the first argument, where this aggregate may change it.
    static T* in_place(pg::arguments args)
    {
        return !args.is_null(0) && pg::is_own(args.datum(0)) && pg::aggregate_context(args) != nullptr
                   ? expanded::find(args.datum(0))
                   : nullptr;
    }

    template <class... Of>
    explicit grown_state(pg::arguments args, const Of&... of)
    {
        if (MemoryContext aggregate = pg::aggregate_context(args)) {
            datum_ = expanded::create(aggregate, [&](std::pmr::memory_resource* memory) {
                return std::pmr::polymorphic_allocator<T>{memory}.template new_object<T>(memory, of...);
            });
            state_ = expanded::find(datum_);
        } else {
            for_call_ = std::make_unique<T>(&memory_, of...);
            state_ = for_call_.get();
        }
    }

    T& operator*() const noexcept { return *state_; }
    T* operator->() const noexcept { return state_; }

    Datum datum() const
    {
        if (for_call_ == nullptr) {
            return datum_;
        }
        pg::context_resource memory;
        std::pmr::vector<std::byte> flat{&memory};
        for_call_->write(flat);
        pg::require_value_size(flat.size());
        return pg::make_varlena(flat);
    }

  private:
    pg::context_resource memory_;
    std::unique_ptr<T> for_call_;
    T* state_ = nullptr;
    Datum datum_ = 0;
};

} // namespace etl
