// Window functions: functions called as f(…) OVER (…), which see the rows of their partition and keep a state for it.
//
// PostgreSQL hands such a function a WindowObject instead of arguments: it is asked for the arguments of the current
// row, or of any row of the partition in the order of OVER (ORDER BY …). A state lives in the partition's memory
// context and goes with it.
#pragma once

#include "pg/function.hpp"

extern "C" {
#include <windowapi.h>
}

#include <limits>
#include <optional>

namespace etl::pg {

class window {
  public:
    explicit window(arguments args) : args_{args}, object_{reinterpret_cast<WindowObject>(args.raw()->context)}
    {
        if (!WindowObjectIsValid(object_)) {
            throw error(sqlstate::feature_not_supported, "a window function was called without a window");
        }
    }

    // An argument of the current row. May raise: phase one only.
    NullableDatum argument(int i) const
    {
        NullableDatum found;
        found.value = WinGetFuncArgCurrent(object_, i, &found.isnull);
        return found;
    }

    // Whether an argument is the same for every row, as a constant is.
    bool is_fixed(int i) const { return get_fn_expr_arg_stable(args_.raw()->flinfo, i); }

    // An object that lives as long as the partition, made by make(MemoryContext) -> T* at its first row.
    template <class T, class Make>
    T& state(Make&& make) const
    {
        struct slot {
            T* object;
        };
        auto* kept = static_cast<slot*>(call([o = object_] { return WinGetPartitionLocalMemory(o, sizeof(slot)); }));
        if (kept->object == nullptr) {
            kept->object = make(GetMemoryChunkContext(kept));
        }
        return *kept->object;
    }

    // A float8 argument of all rows of the partition, handed over row by row: each(std::optional<double>).
    template <class Each>
    void for_all_rows(int i, Each&& each) const
    {
        scratch_context scratch; // what computing the argument leaves behind
        bool more = true;
        for (std::int64_t from = 0; more; from += chunk::length) {
            if (from > std::numeric_limits<int>::max() - chunk::length) { // PostgreSQL counts these rows in an int
                throw error(sqlstate::program_limit_exceeded, "a partition of this window has too many rows");
            }
            chunk read;
            call([this, i, from, &read, memory = scratch.get()] { read_chunk(i, from, read, memory); });
            scratch.reset();
            for (int n = 0; n < read.count; ++n) {
                each(read.nulls[n] ? std::nullopt : std::optional{read.values[n]});
            }
            more = read.count == chunk::length;
            poll();
        }
    }

    // No row before the current one will be asked for again: PostgreSQL may forget them.
    void forget_rows_before() const
    {
        call([o = object_] { WinSetMarkPosition(o, WinGetCurrentPosition(o)); });
    }

  private:
    struct chunk {
        static constexpr int length = 1024;
        int count = 0;
        double values[length];
        bool nulls[length];
    };

    // Runs under call(): no object with a destructor.
    void read_chunk(int i, std::int64_t from, chunk& into, MemoryContext memory) const
    {
        MemoryContext caller = MemoryContextSwitchTo(memory);
        for (; into.count < chunk::length; ++into.count) {
            bool past_the_end = false;
            const auto row = static_cast<int>(from + into.count);
            const Datum value = WinGetFuncArgInPartition(object_, i, row, WINDOW_SEEK_HEAD, false,
                                                         &into.nulls[into.count], &past_the_end);
            if (past_the_end) {
                break;
            }
            into.values[into.count] = into.nulls[into.count] ? 0 : DatumGetFloat8(value);
        }
        MemoryContextSwitchTo(caller);
    }

    arguments args_;
    WindowObject object_;
};

} // namespace etl::pg
