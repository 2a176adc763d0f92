// A library of misbehaving functions for the tests of the boundary (src/pg): each throws, raises, leaks nothing, or
// runs for ever, so that test/module/boundary.sql can watch what arrives in SQL. Built by test/t/boundary.t only.
#include "pg/function.hpp"
#include "pg/spi.hpp"
#include "pg/state_type.hpp"

#include <cstdio>
#include <limits>
#include <memory>
#include <memory_resource>
#include <stdexcept>
#include <string>
#include <vector>

extern "C" {
PG_MODULE_MAGIC;
}

namespace {

int alive = 0; // objects whose destructor has not run

class tracked {
  public:
    tracked() { ++alive; }
    ~tracked() { --alive; }
    tracked(const tracked&) = delete;
    tracked& operator=(const tracked&) = delete;

  private:
    std::string memory_ = std::string(100, 'x'); // something to leak
};

void raise_here()
{
    ereport(ERROR, (errcode(ERRCODE_DIVISION_BY_ZERO), errmsg("raised by PostgreSQL"), errdetail("The detail."),
                    errhint("The hint.")));
}

[[noreturn]] void throw_kind(std::string_view kind)
{
    if (kind == "etl") {
        throw etl::error(etl::sqlstate::undefined_object, "thrown by C++", "The detail.", "The hint.");
    }
    if (kind == "long") {
        throw etl::error(etl::sqlstate::undefined_object, std::string(5000, 'm'), std::string(2046, 'd') + "äöü", "");
    }
    if (kind == "memory") {
        throw std::bad_alloc{};
    }
    if (kind == "standard") {
        throw std::runtime_error{"what it says"};
    }
    throw 42;
}

void nest(int depth)
{
    const tracked object;
    if (depth > 0) {
        nest(depth - 1);
        return;
    }
    etl::pg::call(raise_here);
}

} // namespace

ETL_FUNCTION(boundary_alive, args)
{
    return args.result(alive);
}

ETL_FUNCTION(boundary_throw, args)
{
    const auto kind = args.get<std::string_view>(0);
    const tracked object;
    throw_kind(kind);
}

// A PostgreSQL error under `depth` live objects.
ETL_FUNCTION(boundary_raise, args)
{
    nest(args.get<std::int32_t>(0));
    return args.null_result();
}

// A PostgreSQL error that C++ catches as what it is not: it must not be a std::exception.
ETL_FUNCTION(boundary_raise_past_handlers, args)
{
    try {
        etl::pg::call(raise_here);
    } catch (const std::exception&) {
        return args.result(std::string_view{"caught as std::exception"});
    }
    return args.null_result();
}

// C++ throws from within a call(), below the frame that PostgreSQL would jump to.
ETL_FUNCTION(boundary_throw_in_call, args)
{
    const tracked object;
    etl::pg::call([] { throw_kind("etl"); });
    return args.null_result();
}

ETL_FUNCTION(boundary_take, args)
{
    return args.result(args.get<std::int32_t>(0) + static_cast<std::int32_t>(args.get<std::string_view>(1).size()));
}

// A query that fails in the middle of a cursor, under live objects.
ETL_FUNCTION(boundary_cursor, args)
{
    const auto text = args.get<std::string_view>(0);
    const tracked object;
    const std::string query{text};
    const etl::pg::spi_session session;
    etl::pg::text_cursor cursor{query, 1, "query"};
    std::int64_t rows = 0;
    while (true) {
        const auto batch = cursor.fetch(100);
        if (batch.empty()) {
            return args.result(rows);
        }
        rows += static_cast<std::int64_t>(batch.size());
    }
}

// A core loop that ends only when it is stopped.
ETL_FUNCTION(boundary_loop, args)
{
    const tracked object;
    etl::poller poller{etl::pg::poll};
    volatile double x = 1;
    while (true) {
        x = x * 1.0000001;
        poller.tick();
    }
    return args.null_result();
}

// More memory than there is, asked for by a core container.
ETL_FUNCTION(boundary_exhaust, args)
{
    const tracked object;
    etl::pg::context_resource memory;
    std::pmr::vector<char> hoard{&memory};
    hoard.reserve(std::numeric_limits<std::size_t>::max() / 4);
    return args.null_result();
}

// An object in the memory of the calling expression, whose destructor runs when the query ends.
ETL_FUNCTION(boundary_cached, args)
{
    args.cached<std::unique_ptr<tracked>>([] { return std::make_unique<tracked>(); });
    return args.result(alive);
}

// Resident memory of this session in kB, as the operating system counts it.
ETL_FUNCTION(boundary_resident, args)
{
    long pages = 0;
    if (std::FILE* file = std::fopen("/proc/self/statm", "r"); file != nullptr) {
        if (std::fscanf(file, "%*s %ld", &pages) != 1) {
            pages = 0;
        }
        std::fclose(file);
    }
    return args.result(static_cast<std::int64_t>(pages) * 4);
}
