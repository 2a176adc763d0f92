// C++ memory inside PostgreSQL's memory contexts.
//
// Core containers are std::pmr and draw from a memory_resource over a context, so that work_mem accounting and
// HashAgg's spilling see what they use, and an error frees it without a destructor being run.
#pragma once

#include "pg/boundary.hpp"

#include <cstddef>
#include <memory_resource>
#include <new>
#include <type_traits>
#include <utility>

namespace etl::pg {

// Memory of a context, or bad_alloc: never a PostgreSQL error, so it may be asked for in any phase.
inline void* allocate_in(MemoryContext context, std::size_t bytes)
{
    void* memory = bytes <= MaxAllocHugeSize
                       ? MemoryContextAllocExtended(context, bytes, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM)
                       : nullptr;
    if (memory == nullptr) {
        throw std::bad_alloc{};
    }
    return memory;
}

// An array for the length of a call, gone with the current memory context; its elements are not initialised.
template <class T>
requires std::is_trivially_destructible_v<T> T* allocate_array(std::size_t elements)
{
    return static_cast<T*>(allocate_in(CurrentMemoryContext, sizeof(T) * (elements + 1)));
}

// A plain record, gone with the current memory context.
template <class T>
requires std::is_trivially_destructible_v<T> T* fresh()
{
    return new (allocate_array<T>(1)) T{};
}

class context_resource final : public std::pmr::memory_resource {
  public:
    explicit context_resource(MemoryContext context = CurrentMemoryContext) noexcept : context_{context} {}

  private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override
    {
        if (alignment > MAXIMUM_ALIGNOF) { // contexts align no further, and nothing in the core asks for more
            throw std::bad_alloc{};
        }
        return allocate_in(context_, bytes);
    }
    void do_deallocate(void* memory, std::size_t, std::size_t) override { pfree(memory); }
    bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

    MemoryContext context_;
};

// Makes an object that lives as long as a context: its destructor runs when the context is reset or deleted, just
// before the memory goes. That may be while an error is being handled, so the destructor only frees.
template <class T, class... Args>
T* construct_in(MemoryContext context, Args&&... args)
{
    static_assert(std::is_nothrow_destructible_v<T> && alignof(T) <= MAXIMUM_ALIGNOF);
    struct holder {
        MemoryContextCallback callback;
        alignas(T) std::byte space[sizeof(T)];
    };
    auto* place = static_cast<holder*>(allocate_in(context, sizeof(holder)));
    T* object;
    try {
        object = new (place->space) T(std::forward<Args>(args)...);
    } catch (...) {
        pfree(place);
        throw;
    }
    place->callback.func = [](void* arg) { static_cast<T*>(arg)->~T(); };
    place->callback.arg = object;
    MemoryContextRegisterResetCallback(context, &place->callback);
    return object;
}

// A context of its own for one call's temporary data, deleted with the scope. Created and deleted without errors
// crossing: the creation is guarded, the deletion raises none.
class scratch_context {
  public:
    explicit scratch_context(MemoryContext parent = CurrentMemoryContext)
        : context_{call([parent] { return AllocSetContextCreate(parent, "pg_etl scratch", ALLOCSET_DEFAULT_SIZES); })}
    {
    }
    ~scratch_context() { MemoryContextDelete(context_); }
    scratch_context(const scratch_context&) = delete;
    scratch_context& operator=(const scratch_context&) = delete;

    MemoryContext get() const noexcept { return context_; }
    void reset() noexcept { MemoryContextReset(context_); }

  private:
    MemoryContext context_;
};

// Makes a context the current one for a scope: what is allocated meanwhile goes with it.
class within_context {
  public:
    explicit within_context(MemoryContext context) noexcept : before_{MemoryContextSwitchTo(context)} {}
    ~within_context() { MemoryContextSwitchTo(before_); }
    within_context(const within_context&) = delete;
    within_context& operator=(const within_context&) = delete;

  private:
    MemoryContext before_;
};

} // namespace etl::pg
