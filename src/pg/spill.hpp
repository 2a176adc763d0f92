// Temporary files that the parallel workers of one query share: where sorted data goes that memory has no room for.
//
// The leader makes a spill directory before its query runs, and hands its bytes to the query as an argument. Every
// process of the query makes a file_run_store from them: what one writes the others read, by name. Making a directory
// costs nothing until the first run is written.
//
// The files are PostgreSQL's own temporary files: temp_tablespaces says where they lie, temp_file_limit how large those
// of one process may grow, log_temp_files and pg_stat_database tell of them. They go when the context given to
// make_spill_directory() goes, be it at the end of the query, on error, or when the session ends; after a crash the
// server removes them as it starts. By then PostgreSQL has stopped the workers.
#pragma once

#include "core/run_store.hpp"
#include "pg/memory.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

extern "C" {
#include <storage/buffile.h>
}

namespace etl::pg {

// The bytes that name a new directory. They live as long as the context, and so do the files.
std::span<const std::byte> make_spill_directory(MemoryContext owner);

// Removes the files of a directory that this process has made, before its context goes. Other bytes do nothing.
void clear_spill_directory(std::span<const std::byte> directory);

class file_run_store final : public run_store {
  public:
    // Takes the bytes of a directory, which this process or the leader of its parallel query has made: any other is
    // refused, for the bytes are an SQL function's argument, and anybody's. What the store needs lies in `memory`.
    file_run_store(std::span<const std::byte> directory, MemoryContext memory);

    void append(std::span<const std::byte> bytes) override;
    run finish() override;
    void read(const run& from, std::uint64_t offset, std::span<std::byte> to) override;
    void remove(const run& from) override;

    // To be called before the query ends, as the users of a store do: PostgreSQL warns of files that are open then.
    // When a statement fails it closes them itself, so the destructor touches none.
    void close() noexcept override;

  private:
    struct open_file {
        std::uint64_t name;
        BufFile* file;
        std::uint64_t at;
    };

    void begin();
    open_file& opened(std::uint64_t name);
    void require_room(std::size_t more) const;

    FileSet directory_;
    context_resource memory_;
    MemoryContext context_;
    std::pmr::vector<open_file> reading_;
    BufFile* writing_ = nullptr;
    std::uint64_t name_ = 0;    // of the file that is being written
    std::uint64_t written_ = 0; // bytes of it
    std::uint64_t kept_ = 0;    // bytes of all files that this store has written and not removed
};

} // namespace etl::pg
