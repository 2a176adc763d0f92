#include "pg/query_rows.hpp"

#include "pg/role_lock.hpp"

extern "C" {
#include <executor/spi.h>
#include <tcop/dest.h>
}

namespace etl::pg {
namespace {

struct receiver {
    DestReceiver base; // first, as PostgreSQL casts
    row_receiver* to;
};

row_receiver& target_of(DestReceiver* self)
{
    return *reinterpret_cast<receiver*>(self)->to;
}

void start(DestReceiver* self, int, TupleDesc row)
{
    boundary([&] { target_of(self).columns(row); });
}

bool receive(TupleTableSlot* slot, DestReceiver* self)
{
    slot_getallattrs(slot);
    return boundary([&] { return target_of(self).row(slot); });
}

void end(DestReceiver*) {}

} // namespace

void run_query(const std::string& query, row_receiver& to, ParamListInfo parameters)
{
    // The kind tells SPI that the rows of a SELECT are wanted, and that they do not come to itself.
    receiver taker = {{receive, start, end, end, DestTuplestore}, &to};
    call([text = query.c_str(), &taker, parameters] {
        with_locked_role([&] {
            SPIExecuteOptions options = {};
            options.params = parameters;
            options.read_only = true;
            options.dest = &taker.base;
            const int outcome = SPI_execute_extended(text, &options);
            if (outcome != SPI_OK_SELECT) {
                elog(ERROR, "a query ended with code %d", outcome);
            }
        });
    });
}

} // namespace etl::pg
