#include "sketch/distinct_set_object_pg.hpp"

#include "sketch/distinct_set_kind_pg.hpp"

namespace etl::pg {

const ExpandedObjectMethods set_object::methods = {set_object::flat_size, set_object::flatten};

set_object* set_object::own(arguments args, MemoryContext aggregate, const set_kind& kind)
{
    if (set_object* found = in_place(args)) {
        require_same_kind(found->set_.kind(), kind);
        return found;
    }
    MemoryContext states = states_context(aggregate);
    auto* made = new (allocate_in(states, sizeof(set_object))) set_object{kind};
    EOH_init_header(made, &methods, states);
    if (!args.is_null(0)) {
        const distinct_set before{args.get<std::span<const std::byte>>(0)};
        require_same_kind(before.kind(), kind);
        context_resource memory = made->memory();
        made->set_.add_all(before, {memory, poll});
    }
    return made;
}

Size set_object::flat_size(ExpandedObjectHeader* header)
{
    return boundary([header] {
        auto* object = static_cast<set_object*>(header);
        context_resource memory = object->memory();
        return object->set_.flat_size({memory, poll}) + VARHDRSZ;
    });
}

void set_object::flatten(ExpandedObjectHeader* header, void* result, Size size)
{
    boundary([=] {
        static_cast<set_object*>(header)->set_.write(reinterpret_cast<std::byte*>(VARDATA(result)), poll);
        SET_VARSIZE(result, size);
    });
}

Datum flat_set(growing_set& set, const set_surroundings& in)
{
    const std::size_t size = set.flat_size(in) + VARHDRSZ;
    auto* made = static_cast<varlena*>(allocate_in(CurrentMemoryContext, size));
    set.write(reinterpret_cast<std::byte*>(VARDATA(made)), in.poll);
    SET_VARSIZE(made, size);
    return PointerGetDatum(made);
}

Datum closed_copy(const distinct_set& set)
{
    context_resource memory;
    const set_surroundings in{memory, poll};
    growing_set copy{set.kind()};
    copy.add_all(set, in);
    copy.close(in);
    return flat_set(copy, in);
}

} // namespace etl::pg
