// Functions for the tests of spill directories (src/pg/spill.hpp): an aggregate that counts keys through runs in
// temporary files, and the function that runs a query over one directory.
#include "pg/function.hpp"
#include "pg/spi.hpp"
#include "pg/spill.hpp"
#include "sketch/sorted_runs.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <executor/spi.h>
}

#include <string>

namespace {

using etl::fingerprint;
using etl::pg::arguments;

struct counter {
    counter(MemoryContext context, std::span<const std::byte> directory, std::size_t budget)
        : memory{context}, store{directory, context}, keys{&memory, budget, &store, etl::pg::poll}
    {
    }
    etl::pg::context_resource memory;
    etl::pg::file_run_store store;
    etl::sorted_runs<fingerprint> keys;
    std::pmr::vector<std::byte> directory{&memory};
};

counter& make_counter(arguments args, std::span<const std::byte> directory, std::size_t budget)
{
    MemoryContext context;
    if (AggCheckCallContext(args.raw(), &context) == 0) {
        throw etl::error(etl::sqlstate::internal_error, "called outside an aggregate");
    }
    auto* made = etl::pg::construct_in<counter>(context, context, directory, budget);
    made->directory.assign(directory.begin(), directory.end());
    return *made;
}

counter& state_of(arguments args, int i)
{
    return *reinterpret_cast<counter*>(args.datum(i));
}

Datum result(counter& state)
{
    return PointerGetDatum(&state);
}

} // namespace

// (state, directory bytea, budget bigint, key bigint)
ETL_FUNCTION(spill_step, args)
{
    const auto directory = args.get<std::span<const std::byte>>(1);
    counter& state = args.is_null(0)
                         ? make_counter(args, directory, static_cast<std::size_t>(args.get<std::int64_t>(2)))
                         : state_of(args, 0);
    state.keys.add(fingerprint_of(args.get<std::int64_t>(3), etl::number_kind::integer));
    return result(state);
}

ETL_FUNCTION(spill_combine, args)
{
    if (args.is_null(1)) {
        return args.is_null(0) ? args.null_result() : args.datum(0);
    }
    counter& other = state_of(args, 1);
    counter& state = args.is_null(0) ? make_counter(args, other.directory, 1 << 20) : state_of(args, 0);
    state.keys.merge(other.keys);
    return result(state);
}

ETL_FUNCTION(spill_serialize, args)
{
    counter& state = state_of(args, 0);
    state.keys.spill();
    std::pmr::vector<std::byte> bytes{&state.memory};
    etl::byte_writer to{bytes};
    to.count(state.directory.size());
    to.bytes(state.directory);
    state.keys.write(to);
    return args.result(std::span<const std::byte>{bytes});
}

ETL_FUNCTION(spill_deserialize, args)
{
    etl::byte_reader from{args.get<std::span<const std::byte>>(0), "spill"};
    const auto directory = from.bytes(from.count(1));
    counter& state = make_counter(args, directory, 1 << 20);
    state.keys.read(from);
    return result(state);
}

// {rows, different keys, keys of one row, 1 if there are runs}
ETL_FUNCTION(spill_final, args)
{
    if (args.is_null(0)) {
        return args.null_result();
    }
    counter& state = state_of(args, 0);
    std::uint64_t rows = 0;
    std::uint64_t keys = 0;
    std::uint64_t single = 0;
    const bool has_runs = state.keys.has_runs();
    state.keys.each([&](const auto& found) {
        rows += found.rows;
        ++keys;
        single += found.rows == 1;
    });
    return args.result(std::string_view{std::to_string(rows) + ' ' + std::to_string(keys) + ' ' +
                                        std::to_string(single) + (has_runs ? " spilled" : " in memory")});
}

// The text that a query answers, which has a new directory as $1.
static std::string answer_of(const std::string& query, Datum directory)
{
    const etl::pg::spi_session session;
    const char* answer = etl::pg::call([sql = query.c_str(), directory] {
        Oid type = BYTEAOID;
        Datum value = directory;
        SPI_execute_with_args(sql, 1, &type, &value, nullptr, true, 0);
        const char* found = SPI_processed > 0 ? SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1) : "";
        return found == nullptr ? "" : found;
    });
    return answer;
}

ETL_FUNCTION(spill_query, args)
{
    const auto query = args.get<std::string_view>(0);
    const Datum directory = etl::pg::make_varlena(etl::pg::make_spill_directory(CurrentMemoryContext));
    const std::string answer = answer_of(std::string{query}, directory);
    return args.result(std::string_view{answer});
}
