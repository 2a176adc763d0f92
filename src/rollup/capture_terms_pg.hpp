// What a capturing trigger is told, and the log that it writes to. All that it needs stands in its arguments, so
// writers read no catalog of ours.
#pragma once

#include "pg/postgres.hpp"

#include <span>
#include <string>
#include <vector>

extern "C" {
#include <utils/relcache.h>
}

namespace etl::rollup {

inline constexpr char log_made_by[] = "etl.create_rollup makes the triggers and their log.";

// What a log row holds: the keys of a group, values from which groups can be found, or the columns of a row.
enum class log_kind { keys, columns, images };

// The arguments of the trigger.
struct capture_terms {
    std::string log;    // as it was written: schema.table, quoted where it must be
    std::string schema; // its parts
    std::string name;
    log_kind kind;
    std::vector<std::string> used;      // the columns of the table that the rollup reads
    std::vector<std::string> functions; // what the expressions may call, as pg::used_objects() names it
    std::vector<std::string> expressions;
};

// Throws where they are none.
capture_terms read_terms(std::span<char* const> texts);

// The log, open for writing; nullptr where it is gone. Throws where it has more than columns, and where the owner of
// the table may not insert into it.
Relation open_log(const capture_terms& terms, Relation table);

// With its schema, quoted where it must be.
std::string name_of(Relation table);

// Throws, as the log is none; `fault` is a sentence.
[[noreturn]] void refuse_log(Relation log, const std::string& fault);

} // namespace etl::rollup
