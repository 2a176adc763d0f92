// Aggregates that set rows aside in parts, in temporary files that the processes of a query share: their states, the
// functions that are the same for all of them, and the query that runs such an aggregate.
//
// A process that reads rows has a part_writer over a spill directory, whose bytes come as an argument; a worker sends
// the list of its chunks, and the leader gathers the lists. So a state is an object that never leaves its process.
#pragma once

#include "core/part_writer.hpp"
#include "pg/calling_expression.hpp"
#include "pg/spill.hpp"

#include <optional>
#include <span>
#include <string>

namespace etl::pg {

class shared_parts {
  public:
    // All it needs lies in the context.
    explicit shared_parts(MemoryContext context) noexcept : context_{context}, memory_{context}, chunks_{&memory_} {}

    std::pmr::memory_resource* memory() noexcept { return &memory_; }
    part_writer& open(std::span<const std::byte> directory, const part_layout& layout = {});

    // Of a state that was opened.
    part_writer& rows() noexcept { return *rows_; }

    // The chunks of another that was not.
    void append(const shared_parts& more);

    // The list of chunks, of one's own after part_writer::finish(); and back.
    void write(byte_writer& to);
    void read(byte_reader& from) { read_chunks(from, chunks_); }

  private:
    MemoryContext context_;
    context_resource memory_;
    std::optional<file_run_store> store_;
    std::optional<part_writer> rows_;
    part_chunks chunks_; // that came from workers
};

// The functions of an aggregate whose state is a T: that is or has shared_parts, is made with a memory context, and has
// their append(), write() and read().

template <class T>
T& parts_state(arguments args, int i = 0)
{
    return *reinterpret_cast<T*>(DatumGetPointer(args.given(i)));
}

template <class T>
Datum combine_parts(arguments args)
{
    if (args.is_null(0) || args.is_null(1)) {
        return args.is_null(0) ? (args.is_null(1) ? args.null_result() : args.datum(1)) : args.datum(0);
    }
    parts_state<T>(args, 0).append(parts_state<T>(args, 1));
    return args.datum(0);
}

Datum parts_value(std::span<const std::byte> bytes);

// The aggregate's result, and what a worker sends.
template <class T>
Datum write_parts(arguments args)
{
    context_resource memory;
    std::pmr::vector<std::byte> bytes{&memory};
    byte_writer to{bytes};
    parts_state<T>(args).write(to);
    return parts_value(bytes);
}

// In the aggregate's memory, for it may become the state itself.
template <class T>
Datum read_parts(arguments args, const char* function)
{
    const auto bytes = args.get<std::span<const std::byte>>(0);
    MemoryContext context = require_aggregate(args, function);
    T* made = construct_in<T>(context, context);
    byte_reader from{bytes, "rows set aside"};
    made->read(from);
    from.expect_end();
    return PointerGetDatum(made);
}

// Runs a query of one row whose only column is what such an aggregate has made, with the directory's bytes for $1; they
// are no constant of the plan, so nobody else can say where files lie. The bytes lie in the current memory context;
// none where the column is NULL. As run_query().
std::span<const std::byte> scan_parts(const std::string& query, std::span<const std::byte> directory);

} // namespace etl::pg
