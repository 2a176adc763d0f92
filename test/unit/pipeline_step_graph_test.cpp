// What comes next in a run: known answers for every run_if and both ways to treat a failure; and random graphs, which are
// run to their end with random outcomes beside an oracle that asks each step for what became of all before it.
#include "core/error.hpp"
#include "pipeline/step_graph.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>

namespace {

using etl::pipeline::next_of;
using etl::pipeline::next_steps;
using etl::pipeline::run_if;
using etl::pipeline::skip_reason;
using etl::pipeline::skipped_step;
using etl::pipeline::step;
using etl::pipeline::step_status;

step made(step_status status, std::vector<std::size_t> needs = {}, run_if condition = run_if::all_success)
{
    step one;
    one.status = status;
    one.condition = condition;
    one.needs = std::move(needs);
    return one;
}

step waiting(std::vector<std::size_t> needs = {}, run_if condition = run_if::all_success)
{
    return made(step_status::waiting, std::move(needs), condition);
}

using places = std::vector<std::size_t>;

// What becomes of a waiting step that needs one in a given state: "ready", "waits", or the reason why it is skipped.
std::string fate_of(const next_steps& next, std::size_t place)
{
    if (std::count(next.ready.begin(), next.ready.end(), place) != 0) {
        return "ready";
    }
    const auto skipped = std::find_if(next.skipped.begin(), next.skipped.end(),
                                      [place](const skipped_step& one) { return one.place == place; });
    if (skipped == next.skipped.end()) {
        return "waits";
    }
    static const std::map<skip_reason, std::string> words = {{skip_reason::needed_failed, "needed failed"},
                                                             {skip_reason::needed_skipped, "needed skipped"},
                                                             {skip_reason::none_failed, "none failed"},
                                                             {skip_reason::run_stopped, "stopped"}};
    return words.at(skipped->reason) + (skipped->after_failure ? "!" : "");
}

std::string fate_beside(step needed, run_if condition, bool stops = false)
{
    const std::vector<step> steps = {std::move(needed), waiting({0}, condition)};
    return fate_of(next_of(steps, stops, 9), 1);
}

TEST(StepGraph, NothingToDo)
{
    EXPECT_TRUE(next_of({}, true, 9).ready.empty());
    const std::vector<step> ended = {made(step_status::succeeded), made(step_status::running)};
    const auto next = next_of(ended, true, 9);
    EXPECT_TRUE(next.ready.empty());
    EXPECT_TRUE(next.skipped.empty());
}

TEST(StepGraph, RunIfByWhatBecameOfTheNeeded)
{
    const auto success = run_if::all_success;
    const auto done = run_if::all_done;
    const auto failed = run_if::any_failed;
    EXPECT_EQ(fate_beside(made(step_status::succeeded), success), "ready");
    EXPECT_EQ(fate_beside(made(step_status::succeeded), done), "ready");
    EXPECT_EQ(fate_beside(made(step_status::succeeded), failed), "none failed");
    EXPECT_EQ(fate_beside(made(step_status::failed), success), "needed failed!");
    EXPECT_EQ(fate_beside(made(step_status::failed), done), "ready");
    EXPECT_EQ(fate_beside(made(step_status::failed), failed), "ready");
    EXPECT_EQ(fate_beside(made(step_status::failed), success, true), "needed failed!");
    EXPECT_EQ(fate_beside(made(step_status::failed), done, true), "ready");
    EXPECT_EQ(fate_beside(made(step_status::failed), failed, true), "ready");
    for (const auto status : {step_status::running, step_status::waiting}) {
        step unended = made(status);
        unended.has_begun = true;
        unended.is_due = false;
        for (const auto condition : {success, done, failed}) {
            EXPECT_EQ(fate_beside(unended, condition), "waits");
        }
    }
    for (const auto status : {step_status::skipped, step_status::cancelled}) {
        EXPECT_EQ(fate_beside(made(status), success), "needed skipped");
        EXPECT_EQ(fate_beside(made(status), done), "ready");
        EXPECT_EQ(fate_beside(made(status), failed), "none failed");
        step after_failure = made(status);
        after_failure.after_failure = true;
        EXPECT_EQ(fate_beside(after_failure, success), "needed skipped!");
        EXPECT_EQ(fate_beside(after_failure, failed), "ready");
        step settled = made(status);
        settled.is_settled = true;
        EXPECT_EQ(fate_beside(settled, success), "ready");
        EXPECT_EQ(fate_beside(settled, done), "ready");
        EXPECT_EQ(fate_beside(settled, failed), "none failed");
    }
}

TEST(StepGraph, AFailureStopsWhatHasNotBegun)
{
    step retried = waiting();
    retried.has_begun = true;
    const std::vector<step> steps = {made(step_status::failed), waiting(), retried, waiting({}, run_if::all_done),
                                     waiting({}, run_if::any_failed)};
    const auto stopped = next_of(steps, true, 9);
    EXPECT_EQ(stopped.ready, (places{2, 3}));
    EXPECT_EQ(fate_of(stopped, 1), "stopped!");
    EXPECT_EQ(fate_of(stopped, 4), "none failed");
    const auto going_on = next_of(steps, false, 9);
    EXPECT_EQ(going_on.ready, (places{1, 2, 3}));
}

TEST(StepGraph, WhatIsSkippedIsKnownToThoseBehindItAtOnce)
{
    const std::vector<step> steps = {
        made(step_status::failed),     waiting({0}), waiting({1}), waiting({2}), waiting({3}, run_if::any_failed),
        waiting({2}, run_if::all_done)};
    const auto next = next_of(steps, false, 9);
    EXPECT_EQ(next.skipped, (std::vector<skipped_step>{{1, skip_reason::needed_failed, 0, true},
                                                       {2, skip_reason::needed_skipped, 1, true},
                                                       {3, skip_reason::needed_skipped, 2, true}}));
    EXPECT_EQ(next.ready, (places{4, 5}));
}

TEST(StepGraph, RoomAndTimeToWait)
{
    std::vector<step> steps(5);
    steps[1].is_due = false;
    EXPECT_EQ(next_of(steps, true, 0).ready, places{});
    EXPECT_EQ(next_of(steps, true, 2).ready, (places{0, 2}));
    EXPECT_EQ(next_of(steps, true, 9).ready, (places{0, 2, 3, 4}));
}

TEST(StepGraph, NeedsMustStandBefore)
{
    for (const std::size_t needed : {std::size_t{1}, std::size_t{2}, static_cast<std::size_t>(-1)}) {
        const std::vector<step> steps = {waiting(), waiting({needed})};
        EXPECT_THROW(next_of(steps, true, 9), etl::error);
    }
}

TEST(StepGraph, Words)
{
    EXPECT_EQ(etl::pipeline::status_named("cancelled"), step_status::cancelled);
    EXPECT_EQ(etl::pipeline::condition_named("any_failed"), run_if::any_failed);
    EXPECT_THROW(etl::pipeline::status_named("waitin"), etl::error);
    EXPECT_THROW(etl::pipeline::condition_named(""), etl::error);
    EXPECT_EQ(etl::pipeline::words_of({1, skip_reason::needed_failed, 0, true}, "a"),
              "step \"a\", which it needs, failed");
    EXPECT_EQ(etl::pipeline::words_of({1, skip_reason::run_stopped, 0, true}, "a"),
              "step \"a\" failed, and the pipeline stops at a failure");
}

// A run in which everything is decided by lots, and the rules by which it is judged --------------------------------

class lots {
  public:
    explicit lots(std::uint64_t seed) : random_{seed} {}
    std::size_t below(std::size_t n) { return random_() % n; }
    bool one_in(std::size_t n) { return below(n) == 0; }

  private:
    std::mt19937_64 random_;
};

std::vector<step> random_graph(lots& lot)
{
    std::vector<step> steps(lot.below(12));
    const std::size_t density = 1 + lot.below(6);
    for (std::size_t place = 0; place < steps.size(); ++place) {
        step& one = steps[place];
        one.condition =
            std::array{run_if::all_success, run_if::all_success, run_if::all_done, run_if::any_failed}[lot.below(4)];
        for (std::size_t other = 0; other < place; ++other) {
            if (lot.one_in(density)) {
                one.needs.push_back(other);
            }
        }
        if (lot.one_in(15)) {
            one.status = step_status::skipped;
            one.is_settled = true;
        }
    }
    return steps;
}

bool ended(const step& one)
{
    return one.status != step_status::waiting && one.status != step_status::running;
}

bool counts_as_success(const step& one)
{
    return one.status == step_status::succeeded || one.is_settled;
}

bool failure_is_behind(const step& one)
{
    return one.status == step_status::failed || one.after_failure;
}

// Straight from the words of the documentation.
bool may_begin(const std::vector<step>& steps, const step& one)
{
    const auto of_needed = [&](auto&& holds) {
        return std::all_of(one.needs.begin(), one.needs.end(), [&](std::size_t i) { return holds(steps[i]); });
    };
    if (!of_needed(ended)) {
        return false;
    }
    switch (one.condition) {
    case run_if::all_success:
        return of_needed(counts_as_success);
    case run_if::any_failed:
        return !of_needed([](const step& needed) { return !failure_is_behind(needed); });
    default:
        return true;
    }
}

bool any_failed(const std::vector<step>& steps)
{
    return std::any_of(steps.begin(), steps.end(), [](const step& one) { return one.status == step_status::failed; });
}

class random_run {
  public:
    explicit random_run(std::uint64_t seed)
        : lot_{seed}, steps_{random_graph(lot_)}, stops_{lot_.one_in(2)}, room_{1 + lot_.below(4)}
    {
    }

    void go()
    {
        for (int turn = 0; !std::all_of(steps_.begin(), steps_.end(), ended); ++turn) {
            ASSERT_LT(turn, 1000) << "the run does not end";
            look();
            if (testing::Test::HasFailure()) {
                return;
            }
            let_some_end();
        }
        const auto last = next_of(steps_, stops_, room_);
        EXPECT_TRUE(last.ready.empty() && last.skipped.empty());
    }

  private:
    std::size_t running() const
    {
        return static_cast<std::size_t>(std::count_if(
            steps_.begin(), steps_.end(), [](const step& one) { return one.status == step_status::running; }));
    }

    void look()
    {
        const bool had_failed = any_failed(steps_);
        const auto next = next_of(steps_, stops_, room_ - running());
        for (const auto& skipped : next.skipped) {
            take_skipped(skipped, had_failed);
        }
        for (const std::size_t place : next.ready) {
            take_ready(place, had_failed);
        }
        EXPECT_LE(running(), room_);
        expect_nothing_forgotten();
    }

    void take_skipped(const skipped_step& skipped, bool had_failed)
    {
        step& one = steps_.at(skipped.place);
        EXPECT_EQ(one.status, step_status::waiting);
        EXPECT_FALSE(one.has_begun);
        const bool is_stopped = stops_ && had_failed && one.condition == run_if::all_success;
        EXPECT_TRUE(is_stopped || !may_begin(steps_, one)) << "a step was skipped that may begin";
        EXPECT_NE(one.condition, run_if::all_done);
        one.status = step_status::skipped;
        one.after_failure = skipped.after_failure;
        const bool failure_behind = std::any_of(one.needs.begin(), one.needs.end(),
                                                [&](std::size_t i) { return failure_is_behind(steps_[i]); });
        EXPECT_EQ(one.after_failure, failure_behind || skipped.reason == skip_reason::run_stopped);
    }

    void take_ready(std::size_t place, bool had_failed)
    {
        step& one = steps_.at(place);
        EXPECT_EQ(one.status, step_status::waiting);
        EXPECT_TRUE(one.is_due);
        EXPECT_TRUE(may_begin(steps_, one)) << "a step began too early";
        EXPECT_FALSE(stops_ && had_failed && one.condition == run_if::all_success && !one.has_begun);
        one.status = step_status::running;
    }

    // Where there is room, all that may begin has begun; and something goes on.
    void expect_nothing_forgotten() const
    {
        const bool waits = std::any_of(steps_.begin(), steps_.end(), [](const step& one) {
            return one.status == step_status::waiting && !one.is_due;
        });
        const bool is_over = std::all_of(steps_.begin(), steps_.end(), ended);
        EXPECT_TRUE(running() > 0 || waits || is_over) << "the run stands still";
        for (const step& one : steps_) {
            if (one.status == step_status::waiting && one.is_due && running() < room_) {
                EXPECT_FALSE(may_begin(steps_, one)) << "a step was forgotten";
            }
        }
    }

    void let_some_end()
    {
        for (step& one : steps_) {
            if (one.status == step_status::running && lot_.one_in(2)) {
                end(one);
            } else if (one.status == step_status::waiting && lot_.one_in(2)) {
                one.is_due = true;
            }
        }
    }

    void end(step& one)
    {
        one.status = lot_.one_in(4) ? step_status::failed : step_status::succeeded;
        if (lot_.one_in(4)) { // an attempt failed, and there is another one
            one.status = step_status::waiting;
            one.has_begun = true;
            one.is_due = false;
        }
    }

    lots lot_;
    std::vector<step> steps_;
    bool stops_;
    std::size_t room_;
};

TEST(StepGraph, RandomRunsComeToTheirEnd)
{
    for (std::uint64_t seed = 0; seed < 20'000 && !HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        random_run{seed}.go();
    }
}

} // namespace
