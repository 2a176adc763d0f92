// A growing set as the state of an aggregate: an expanded object (pg/expanded_state.hpp) as small as it can be, for
// there may be one for each of a million groups. PostgreSQL flattens it wherever it leaves the aggregate.
#pragma once

#include "pg/calling_expression.hpp"
#include "pg/expanded_state.hpp"
#include "sketch/distinct_set_growing.hpp"

namespace etl::pg {

class set_object : public ExpandedObjectHeader {
  public:
    // The object behind a value, to be read; nullptr where the value is flat.
    static set_object* find(Datum value)
    {
        auto* pointer = reinterpret_cast<varlena*>(DatumGetPointer(value));
        if (!VARATT_IS_EXTERNAL_EXPANDED(pointer)) {
            return nullptr;
        }
        ExpandedObjectHeader* header = DatumGetEOHP(value);
        return header->eoh_methods == &methods ? static_cast<set_object*>(header) : nullptr;
    }

    // The object behind the first argument, where the function that is called may change it: an aggregate's state, not a
    // value that somebody else reads, too. May raise.
    static set_object* in_place(arguments args)
    {
        return !args.is_null(0) && is_own(args.datum(0)) && aggregate_context(args) != nullptr ? find(args.datum(0))
                                                                                               : nullptr;
    }

    // The state of the aggregate that calls, with the values of its first argument: an object that may be changed,
    // made when there was none. May raise.
    static set_object* own(arguments args, MemoryContext aggregate, const set_kind& kind);

    growing_set& set() noexcept { return set_; }
    Datum datum() { return EOHPGetRWDatum(this); }
    context_resource memory() const noexcept { return context_resource{eoh_context}; }

  private:
    explicit set_object(const set_kind& kind) noexcept : ExpandedObjectHeader{}, set_{kind} {}

    static Size flat_size(ExpandedObjectHeader* header);
    static void flatten(ExpandedObjectHeader* header, void* result, Size size);
    static const ExpandedObjectMethods methods;

    growing_set set_;
};
static_assert(sizeof(set_object) == 128, "a power of two, as memory contexts hand it out");
static_assert(std::is_trivially_destructible_v<set_object>);

// The flat form of a set, in the current memory context.
Datum flat_set(growing_set& set, const set_surroundings& in);

// The same of a flat set, closed.
Datum closed_copy(const distinct_set& set);

// How many values a set has that is not an object; of a closed set that lies elsewhere only the front is fetched. May
// raise.
std::int64_t cardinality(Datum set);

} // namespace etl::pg
