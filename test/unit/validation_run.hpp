// A validation without a server: a plan over fake columns, rows written as texts, states of any part of them.
#pragma once

#include "unit/fake_columns.hpp"

#include "validate/judge.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace etl::test {

using cells = std::vector<const char*>; // nullptr is NULL

// Where a row lies, and its keys.
struct place final : validate::row_locator {
    explicit place(std::size_t number) : number{number} {}

    validate::row_position position() const override
    {
        return {1, static_cast<std::uint32_t>(number / 100), static_cast<std::uint16_t>(number % 100 + 1)};
    }
    std::string keys() const override { return "{\"n\": " + std::to_string(number) + '}'; }

    std::size_t number;
};

struct run_settings {
    std::function<void(validate::plan&)> tell = [](validate::plan&) {}; // changes the plan
    std::size_t budget = 1 << 20;
    run_store* store = nullptr;
};

class validation_run {
  public:
    // The expectations as a JSON list: {"type": …, "kwargs": …}, ….
    validation_run(std::vector<validate::plan_column> columns, const std::string& expectations,
                   run_settings settings = {})
        : settings_{std::move(settings)}
    {
        validate::plan told;
        told.document = R"({"expectations": [)" + expectations + "]}";
        told.columns = std::move(columns);
        told.seed = 42;
        const validate::suite rules = validate::parse_suite(told.document);
        for (std::size_t i = 0; i < rules.expectations.size(); ++i) {
            const validate::expectation& what = rules.expectations[i];
            const std::string_view name = what.type->name;
            if (what.type->of != validate::family::table && what.type->of != validate::family::query &&
                !name.ends_with("_of_type") && !name.ends_with("_in_type_list")) {
                told.part.push_back(i);
            }
        }
        settings_.tell(told);
        text = validate::write_plan(told);
        rules_ = std::make_unique<validate::checker>(validate::checker::to_scan(
            validate::read_plan(text), make_fake_type, [](const std::string&) { return std::nullopt; }));
    }

    const validate::checker& rules() const { return *rules_; }

    validate::metric_room room() const
    {
        return {.memory = std::pmr::get_default_resource(), .budget = settings_.budget, .store = settings_.store};
    }

    std::unique_ptr<validate::validation_state> empty() const
    {
        return std::make_unique<validate::validation_state>(*rules_, text, room());
    }

    // Reads a row's values; they live as long as this object.
    std::vector<validate::field> row(const cells& values) const
    {
        std::vector<validate::field> made;
        for (std::size_t i = 0; i < values.size(); ++i) {
            made.push_back(values[i] == nullptr ? null_field()
                                                : rules_->columns()[i].type->literal(values[i], "a test"));
        }
        return made;
    }

    void add(validate::validation_state& to, const std::vector<validate::field>& row, std::size_t number) const
    {
        to.add_row(*rules_, row, place{number});
    }

    std::unique_ptr<validate::validation_state> state_of(const std::vector<cells>& rows) const
    {
        auto made = empty();
        for (std::size_t i = 0; i < rows.size(); ++i) {
            add(*made, row(rows[i]), i);
        }
        return made;
    }

    std::unique_ptr<validate::validation_state> read(std::span<const std::byte> flat) const
    {
        return std::make_unique<validate::validation_state>(*rules_, flat, room());
    }

    std::vector<validate::outcome> judge(validate::validation_state& state) const
    {
        const validate::scanned scan{rules_.get(), &state};
        return validate::judge({&scan, 1});
    }

    std::string text; // of the plan

  private:
    run_settings settings_;
    std::unique_ptr<validate::checker> rules_;
};

inline std::vector<std::byte> flat_of(validate::validation_state& state)
{
    std::pmr::vector<std::byte> made{std::pmr::get_default_resource()};
    state.write(made);
    return {made.begin(), made.end()};
}

inline std::string expectation(const std::string& type, const std::string& kwargs)
{
    return R"({"type": "expect_)" + type + R"(", "kwargs": )" + kwargs + '}';
}

// The outcome of one expectation over rows; `of` keeps what it speaks of alive.
struct judged {
    judged(std::vector<validate::plan_column> columns, const std::string& type, const std::string& kwargs,
           const std::vector<cells>& rows, run_settings settings = {})
        : run{std::move(columns), expectation(type, kwargs), std::move(settings)}, state{run.state_of(rows)},
          is{run.judge(*state).at(0)}
    {
    }

    validation_run run;
    std::unique_ptr<validate::validation_state> state;
    validate::outcome is;

    std::string observed() const { return is.observed_value.dump(); }
    // success and observed value
    std::string answer() const { return std::string{is.success ? "keeps " : "breaks "} + observed() + is.fault; }
};

} // namespace etl::test
