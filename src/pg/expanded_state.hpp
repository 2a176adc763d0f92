// State types whose aggregate state is an object while it grows, and flat bytes when it is stored or sent.
//
// PostgreSQL calls that an expanded object (utils/expandeddatum.h): a datum that points to a header with two methods,
// how long is the flat form and write it there. The executor flattens by itself wherever the value leaves the
// aggregate: into a table, to another process, through a function that knows only flat values. So the SQL type stays
// a concrete one, and the core works on vectors and maps instead of offsets into bytes.
//
// The states of an aggregate share one memory context below the aggregate's, which is freed with it and counted by
// HashAgg: PostgreSQL walks all contexts below its own for every new group, and keeps an object that it is given in
// place if the object's context lies right below. So none of these states can be freed alone by PostgreSQL, and the
// functions of an aggregate must never answer one of them by another object. T is constructed with a memory_resource
// over that context and must keep all its memory there. It writes its flat form by write(std::pmr::vector<std::byte>&).
#pragma once

#include "pg/function.hpp"

extern "C" {
#include <miscadmin.h>
#include <utils/expandeddatum.h>
}

#include <memory_resource>
#include <span>
#include <vector>

namespace etl::pg {

// Throws program_limit_exceeded where a state is too large for one value.
void require_value_size(std::size_t bytes);

inline constexpr char states_context_name[] = "pg_etl states"; // known by its address

// The largest block of a context that HashAgg counts: as for its own, a sixteenth of work_mem at most, so that one
// block does not pass the limit far.
inline Size states_block_size()
{
    Size size = ALLOCSET_DEFAULT_MAXSIZE;
    while (size > ALLOCSET_DEFAULT_INITSIZE && size * 16 > static_cast<Size>(work_mem) * 1024) {
        size /= 2;
    }
    return size;
}

// The context of an aggregate's states. PostgreSQL adds children at the front, and this one comes with the first state.
// May raise.
inline MemoryContext states_context(MemoryContext aggregate)
{
    MemoryContext child = aggregate->firstchild;
    while (child != nullptr && child->name != states_context_name) {
        child = child->nextchild;
    }
    return child != nullptr ? child
                            : AllocSetContextCreateInternal(aggregate, states_context_name, ALLOCSET_DEFAULT_MINSIZE,
                                                            ALLOCSET_DEFAULT_INITSIZE, states_block_size());
}

// Whether the owner of an object lets it be changed where it is.
inline bool is_own(Datum value)
{
    return VARATT_IS_EXTERNAL_EXPANDED_RW(reinterpret_cast<varlena*>(DatumGetPointer(value)));
}

template <class T>
class expanded_state {
  public:
    // The object behind a value; nullptr where the value is flat.
    static T* find(Datum value)
    {
        auto* pointer = reinterpret_cast<varlena*>(DatumGetPointer(value));
        if (!VARATT_IS_EXTERNAL_EXPANDED(pointer)) {
            return nullptr;
        }
        ExpandedObjectHeader* header = DatumGetEOHP(value);
        return header->eoh_methods == &methods ? of(header).object : nullptr;
    }

    // A new object of an aggregate, in the context of its states: make(memory) returns a T* that is allocated in the
    // memory.
    template <class Make>
    static Datum create(MemoryContext aggregate, Make&& make)
    {
        MemoryContext shared = call([aggregate] { return states_context(aggregate); });
        auto* made = construct_in<holder>(shared, shared);
        EOH_init_header(made, &methods, shared);
        made->object = make(&made->memory);
        return EOHPGetRWDatum(made);
    }

  private:
    struct holder : ExpandedObjectHeader {
        explicit holder(MemoryContext own) : ExpandedObjectHeader{}, memory{own}, flat{&memory} {}
        ~holder()
        {
            if (object != nullptr) {
                object->~T();
            }
        }
        holder(const holder&) = delete;
        holder& operator=(const holder&) = delete;

        context_resource memory;
        T* object = nullptr;
        std::pmr::vector<std::byte> flat; // between the two methods
    };

    static holder& of(ExpandedObjectHeader* header) { return *static_cast<holder*>(header); }

    // Not in the context of the caller: a sort's, which may be one that frees no single piece of memory.
    static Size flat_size(ExpandedObjectHeader* header)
    {
        return boundary([header] {
            holder& made = of(header);
            const scratch_context scratch{header->eoh_context};
            const within_context inside{scratch.get()};
            made.flat.clear();
            made.object->write(made.flat);
            require_value_size(made.flat.size());
            return static_cast<Size>(made.flat.size() + VARHDRSZ);
        });
    }

    static void flatten(ExpandedObjectHeader* header, void* result, Size size)
    {
        boundary([=] {
            holder& made = of(header);
            std::copy(made.flat.begin(), made.flat.end(), static_cast<std::byte*>(result) + VARHDRSZ);
            SET_VARSIZE(result, size);
            made.flat = std::pmr::vector<std::byte>{&made.memory};
        });
    }

    static constexpr ExpandedObjectMethods methods = {flat_size, flatten};
};

} // namespace etl::pg
