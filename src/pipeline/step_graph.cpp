#include "pipeline/step_graph.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::pipeline {
namespace {

template <class T, std::size_t N>
T value_named(const std::array<std::pair<std::string_view, T>, N>& words, std::string_view word)
{
    for (const auto& [known, value] : words) {
        if (known == word) {
            return value;
        }
    }
    throw error(sqlstate::internal_error, "\"" + std::string{word} + "\" is no word for steps of a run");
}

constexpr std::array<std::pair<std::string_view, step_status>, 6> statuses = {{{"waiting", step_status::waiting},
                                                                               {"running", step_status::running},
                                                                               {"succeeded", step_status::succeeded},
                                                                               {"failed", step_status::failed},
                                                                               {"skipped", step_status::skipped},
                                                                               {"cancelled", step_status::cancelled}}};

constexpr std::array<std::pair<std::string_view, run_if>, 3> conditions = {
    {{"all_success", run_if::all_success}, {"all_done", run_if::all_done}, {"any_failed", run_if::any_failed}}};

bool has_ended(step_status status)
{
    return status != step_status::waiting && status != step_status::running;
}

// What has become of the steps that one needs.
struct needed_steps {
    bool have_ended = true;
    std::optional<std::size_t> failed;  // the first of them
    std::optional<std::size_t> skipped; // or cancelled
    bool any_failed = false;            // itself, or one that it needed
};

void note(std::optional<std::size_t>& first, std::size_t place)
{
    first = std::min(first.value_or(place), place);
}

class look {
  public:
    look(std::span<const step> steps, bool stops) : steps_{steps}
    {
        statuses_.reserve(steps.size());
        for (const step& one : steps) {
            if (stops && one.status == step_status::failed && !failure_) {
                failure_ = statuses_.size();
            }
            statuses_.push_back(one.status);
            after_failure_.push_back(one.after_failure);
        }
    }

    next_steps decide(std::size_t room)
    {
        next_steps next;
        for (std::size_t place = 0; place < steps_.size(); ++place) {
            if (steps_[place].status != step_status::waiting) {
                continue;
            }
            const needed_steps needed = needed_by(place);
            if (const auto reason = reason_to_skip(place, needed)) {
                statuses_[place] = step_status::skipped;
                after_failure_[place] = reason->after_failure;
                next.skipped.push_back(*reason);
            } else if (needed.have_ended && steps_[place].is_due && next.ready.size() < room) {
                next.ready.push_back(place);
            }
        }
        return next;
    }

  private:
    needed_steps needed_by(std::size_t place) const
    {
        needed_steps found;
        for (const std::size_t other : steps_[place].needs) {
            if (other >= place) {
                throw error(sqlstate::internal_error, "a step of a run needs one that does not stand before it");
            }
            const step_status status = statuses_[other];
            if (status == step_status::failed) {
                note(found.failed, other);
                found.any_failed = true;
            } else if (!has_ended(status)) {
                found.have_ended = false;
            } else if (status != step_status::succeeded && !steps_[other].is_settled) {
                note(found.skipped, other);
                found.any_failed = found.any_failed || after_failure_[other];
            }
        }
        return found;
    }

    std::optional<skipped_step> reason_to_skip(std::size_t place, const needed_steps& needed) const
    {
        const step& one = steps_[place];
        if (one.has_begun) {
            return {};
        }
        if (one.condition == run_if::any_failed && needed.have_ended && !needed.any_failed) {
            return skipped_step{place, skip_reason::none_failed, place, false};
        }
        if (one.condition != run_if::all_success) {
            return {};
        }
        if (needed.failed) {
            return skipped_step{place, skip_reason::needed_failed, *needed.failed, true};
        }
        if (needed.skipped) {
            return skipped_step{place, skip_reason::needed_skipped, *needed.skipped, needed.any_failed};
        }
        if (failure_) {
            return skipped_step{place, skip_reason::run_stopped, *failure_, true};
        }
        return {};
    }

    std::span<const step> steps_;
    std::vector<step_status> statuses_; // as they become
    std::vector<bool> after_failure_;
    std::optional<std::size_t> failure_; // that stops the run
};

} // namespace

step_status status_named(std::string_view word)
{
    return value_named(statuses, word);
}

run_if condition_named(std::string_view word)
{
    return value_named(conditions, word);
}

next_steps next_of(std::span<const step> steps, bool stops, std::size_t room)
{
    return look{steps, stops}.decide(room);
}

std::string words_of(const skipped_step& skipped, std::string_view cause)
{
    const std::string step = "step \"" + std::string{cause} + "\"";
    switch (skipped.reason) {
    case skip_reason::needed_failed:
        return step + ", which it needs, failed";
    case skip_reason::needed_skipped:
        return step + ", which it needs, was skipped";
    case skip_reason::run_stopped:
        return step + " failed, and the pipeline stops at a failure";
    default:
        return "no step that it needs failed";
    }
}

} // namespace etl::pipeline
