#include "pg/subtransaction.hpp"

extern "C" {
#include <access/xact.h>
}

#include <algorithm>
#include <array>

namespace etl::pg {
namespace {

// The classes of SQLSTATE that tell nothing about what was being done: transaction rollback, resources, operator
// intervention, system and internal errors. etl._is_nobodys_fault has the same ones.
bool is_nobodys_fault(int sqlstate)
{
    constexpr std::array classes{MAKE_SQLSTATE('4', '0', '0', '0', '0'), MAKE_SQLSTATE('5', '3', '0', '0', '0'),
                                 MAKE_SQLSTATE('5', '7', '0', '0', '0'), MAKE_SQLSTATE('5', '8', '0', '0', '0'),
                                 MAKE_SQLSTATE('X', 'X', '0', '0', '0')};
    return std::ranges::find(classes, ERRCODE_TO_CATEGORY(sqlstate)) != classes.end();
}

} // namespace

subtransaction::subtransaction() : memory_{CurrentMemoryContext}, owner_{CurrentResourceOwner}
{
    call([] { BeginInternalSubTransaction(nullptr); });
    MemoryContextSwitchTo(memory_);
}

void subtransaction::restore() const noexcept
{
    MemoryContextSwitchTo(memory_);
    CurrentResourceOwner = owner_;
}

void subtransaction::commit()
{
    call([] { ReleaseCurrentSubTransaction(); });
    restore();
}

void subtransaction::discard()
{
    call([] { RollbackAndReleaseCurrentSubTransaction(); });
    restore();
}

caught_error subtransaction::roll_back()
{
    ErrorData* raised = call([memory = memory_] {
        MemoryContextSwitchTo(memory);
        ErrorData* copied = CopyErrorData();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
        return copied;
    });
    restore();
    if (is_nobodys_fault(raised->sqlerrcode)) {
        call([raised] { ReThrowError(raised); });
    }
    return {raised->message == nullptr ? "" : raised->message, raised->detail == nullptr ? "" : raised->detail,
            unpack_sql_state(raised->sqlerrcode), raised->column_name == nullptr ? "" : raised->column_name};
}

} // namespace etl::pg
