// What comes next in a run: which of its steps may begin, and which will never be executed.
//
// The steps stand in an order in which each comes after all that it needs, so one look from the first to the last
// decides: what becomes of a step is known before those that need it are looked at.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace etl::pipeline {

enum class step_status { waiting, running, succeeded, failed, skipped, cancelled };
enum class run_if { all_success, all_done, any_failed };

// By the words that SQL has for them; throws for another one.
step_status status_named(std::string_view word);
run_if condition_named(std::string_view word);

struct step {
    step_status status = step_status::waiting;
    run_if condition = run_if::all_success;
    bool is_settled = false;        // left out from the beginning: those that need it go on as if it had succeeded
    bool after_failure = false;     // skipped because of a failure, which it passes on
    bool has_begun = false;         // an attempt of it has failed and it waits for another one
    bool is_due = true;             // false: it waits for its next attempt
    std::vector<std::size_t> needs; // places of steps before it
};

enum class skip_reason { needed_failed, needed_skipped, none_failed, run_stopped };

struct skipped_step {
    std::size_t place;
    skip_reason reason;
    std::size_t cause;  // the step that failed or was skipped; its own place for none_failed
    bool after_failure; // whether a failure is behind it

    friend bool operator==(const skipped_step&, const skipped_step&) = default;
};

struct next_steps {
    std::vector<std::size_t> ready;
    std::vector<skipped_step> skipped;
};

// `stops` when a failure of any step keeps all others from beginning that have run_if all_success. At most `room` steps
// are ready. Throws when a step needs one that does not stand before it.
next_steps next_of(std::span<const step> steps, bool stops, std::size_t room);

// Why a step was skipped, in words; `name` gives the names of steps.
std::string words_of(const skipped_step& skipped, std::string_view cause);

} // namespace etl::pipeline
