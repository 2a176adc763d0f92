// The event trigger that sees DROP EXTENSION before it happens.
#include "pg/function.hpp"
#include "pg/spi.hpp"

extern "C" {
#include <commands/event_trigger.h>
#include <nodes/parsenodes.h>
#include <nodes/value.h>
}

#include <string_view>

namespace {

bool drops_pg_etl(const DropStmt* statement)
{
    ListCell* cell = nullptr;
    foreach (cell, statement->objects) {
        const auto* name = static_cast<const Node*>(lfirst(cell));
        if (IsA(name, String) && std::string_view{strVal(name)} == "pg_etl") {
            return true;
        }
    }
    return false;
}

} // namespace

ETL_FUNCTION(etl_before_drop_extension, args)
{
    if (!CALLED_AS_EVENT_TRIGGER(args.raw())) {
        throw etl::error(etl::sqlstate::feature_not_supported, "not called as an event trigger");
    }
    const auto* event = reinterpret_cast<const EventTriggerData*>(args.raw()->context);
    if (IsA(event->parsetree, DropStmt) && drops_pg_etl(reinterpret_cast<const DropStmt*>(event->parsetree))) {
        etl::pg::query_text("SELECT etl._unschedule_all()", {});
    }
    return args.null_result();
}
