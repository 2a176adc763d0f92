// Progress of a step: etl.progress shows it as the session's name in pg_stat_activity, and etl._forget_progress takes it
// off again.
//
// The name is changed where pg_stat_activity reads it and not in the setting application_name: that would be undone with
// a subtransaction, sent to the client each time, and stripped of letters that are not ASCII.
#include "pg/function.hpp"

#include <string>

extern "C" {
#include <utils/backend_status.h>
#include <utils/guc.h>
#include <utils/timestamp.h>
}

namespace {

constexpr TimestampTz shown_for = USECS_PER_SEC / 10; // a report stands so long before the next one

// The last report of this session: when, and in which step (its number as the engine sets it).
TimestampTz last_report = 0;
std::string last_step;

const char* current_step()
{
    const char* step = etl::pg::call([] { return GetConfigOption("pg_etl.step_run", true, false); });
    return step == nullptr ? "" : step;
}

std::int64_t quantity(etl::pg::arguments args, int i, const char* name)
{
    const auto value = DatumGetInt64(args.datum(i));
    if (value < 0) {
        throw etl::error(etl::sqlstate::invalid_parameter_value,
                         std::string{name} + " must not be negative, not " + std::to_string(value));
    }
    return value;
}

bool is_due(const char* step, bool is_complete)
{
    const TimestampTz now = GetCurrentTimestamp();
    const bool due = is_complete || now - last_report >= shown_for || now < last_report || last_step != step;
    if (due) {
        last_report = now;
        last_step = step;
    }
    return due;
}

// On one line: monitors print it into tables. What does not fit anyway is not copied.
void append_note(std::string& text, std::string_view note)
{
    text += ' ';
    for (const char c : note.substr(0, NAMEDATALEN)) {
        text += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    }
}

} // namespace

ETL_FUNCTION(etl_progress, args)
{
    if (args.is_null(0)) {
        throw etl::error(etl::sqlstate::null_value_not_allowed, "done must not be NULL", {},
                         "Give the number of what is done, 0 at the beginning.");
    }
    const auto done = quantity(args, 0, "done");
    const auto total = args.is_null(1) ? -1 : quantity(args, 1, "total");
    const auto note = args.is_null(2) ? std::string_view{} : args.get<std::string_view>(2);
    const char* step = current_step();
    if (*step != '\0' && is_due(step, done == total)) {
        std::string text = "pg_etl " + std::to_string(done);
        if (total >= 0) {
            text += '/' + std::to_string(total);
        }
        if (!note.empty()) {
            append_note(text, note);
        }
        pgstat_report_appname(text.c_str()); // cuts at the end of a letter; raises nothing
    }
    return args.null_result();
}

ETL_FUNCTION(etl_forget_progress, args)
{
    if (!last_step.empty()) {
        last_step.clear();
        pgstat_report_appname(application_name);
    }
    return args.null_result();
}
