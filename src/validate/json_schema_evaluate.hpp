// A value against compiled rules.
//
// Without a list of errors to fill, the first contradiction ends the evaluation. What schemas have evaluated of an
// object or array is noted only where an unevaluated… keyword asks. Depth, work and circles are bounded, so that a
// hostile schema or document costs an error and no more.
#pragma once

#include "validate/json_schema_bits.hpp"
#include "validate/json_schema_rules.hpp"

#include <functional>
#include <string>

namespace etl::validate::schema {

struct violation {
    std::string instance_path; // JSON pointers
    std::string schema_path;   // by the way that led to the keyword, through references
    std::string keyword;
    std::string message;
};

class evaluation {
  public:
    using sink = std::function<void(violation&&)>;

    // The sink gets every error; without one only the verdict counts.
    evaluation(const document& of, poll_fn poll, const sink* errors)
        : document_{of}, bytes_per_node_{of.length() / of.size() + 1},
          most_steps_{steps_for_all(of)}, poll_{poll}, errors_{errors}
    {
    }

    bool run(const rules& root) { return check(root, document_.root(), nullptr, nullptr); }

    // Schemas applied within each other: about 1.6 MB of stack.
    static constexpr unsigned deepest = 2000;
    static constexpr std::uint64_t steps_at_least = 10'000'000;
    static constexpr std::uint64_t steps_per_node = 1000;
    static constexpr std::uint64_t steps_per_byte = 32;
    static constexpr std::uint64_t steps_per_break = 4096;

    static std::uint64_t steps_for_all(const document& of)
    {
        return steps_at_least + steps_per_node * of.size() + steps_per_byte * of.length();
    }

  private:
    enum class movement : std::uint8_t { same_value, member, element, name };

    // The way from the root to a schema and to a value, a link for each schema entered.
    struct place {
        const place* up;
        const edge* via;
        movement how;
        std::uint32_t key;   // a member's name on the tape
        std::uint32_t index; // an element's number
    };

    // The resources that have been entered.
    struct scope {
        const scope* outer;
        const resource* home;
    };

    bool check(const rules& by, value of, const place* where, evaluated* seen);
    bool check_scoped(const rules& by, value of, const place* where, evaluated* seen);
    bool check_keywords(const rules& by, value of, const place* where, evaluated* seen);
    bool follow(const edge& to, value of, const place* where, evaluated* seen, movement how = movement::same_value,
                std::uint32_t key = 0, std::uint32_t index = 0);
    bool follow_quietly(const edge& to, value of, const place* where, evaluated* seen,
                        movement how = movement::same_value);
    bool has(const std::optional<edge>& to, value of, const place* where, evaluated* seen);

    bool check_type(const rules& by, value of, const place* where);
    bool check_values(const rules& by, value of, const place* where);
    bool check_by_kind(const rules& by, value of, const place* where, evaluated* seen);
    bool check_number(const number_rules& by, value of, const place* where);
    bool check_string(const string_rules& by, value of, const place* where);
    bool is_of_format(const string_rules& by, std::string_view text) const;

    bool check_array(const array_rules& by, value of, const place* where, evaluated* seen);
    bool check_elements(const array_rules& by, value of, const place* where, evaluated* seen);
    bool check_contains(const array_rules& by, value of, const place* where, evaluated* seen);
    bool check_unique(value of, const place* where);
    bool refuse_equal(std::size_t a, std::size_t b, const place* where);
    bool check_unevaluated_items(const edge& by, value of, const place* where, evaluated& seen);

    bool check_object(const object_rules& by, value of, const place* where, evaluated* seen);
    bool check_members(const object_rules& by, value of, const place* where, evaluated* seen, bit_set& present);
    bool check_member(const object_rules& by, const name_rule* known, value name, value content, const place* where,
                      bool& covered);
    bool check_present(const object_rules& by, value of, const place* where, evaluated* seen, const bit_set& present);
    bool check_needs(const object_rules& by, const name_rule& trigger, const place* where, const bit_set& present);
    bool check_unevaluated_properties(const edge& by, value of, const place* where, evaluated& seen);

    bool check_combinations(const combination_rules& by, value of, const place* where, evaluated* seen);
    bool check_references(const combination_rules& by, value of, const place* where, evaluated* seen);
    bool check_any(const combination_rules& by, value of, const place* where, evaluated* seen);
    bool check_one(const combination_rules& by, value of, const place* where, evaluated* seen);
    bool check_condition(const combination_rules& by, value of, const place* where, evaluated* seen);
    const rules* dynamic_target(const dynamic_edge& by) const;
    void refuse_circle(const rules& target, const place* where) const;

    // Counts the work; looks now and then whether it is to end.
    void step()
    {
        if (++steps_ >= next_break_) {
            take_a_break();
        }
    }
    // Counts the reading of so many bytes.
    void steps_for(std::uint64_t bytes)
    {
        constexpr std::uint64_t bytes_per_step = 32;
        steps_ += bytes / bytes_per_step;
        step();
    }
    // Counts the reading of a whole value, whose length is estimated by what is in it.
    void steps_for(value whole) { steps_for((whole.after() - whole.place()) * bytes_per_node_); }
    void take_a_break();
    bool is_collecting() const noexcept { return errors_ != nullptr && quiet_ == 0; }

    // Joins a verdict; false where there is no use in going on.
    bool joined(bool& verdict, bool next) const noexcept
    {
        verdict = verdict && next;
        return verdict || is_collecting();
    }

    // Notes an error where they are collected; returns false. Kept out of the functions that recurse: their frames stay
    // small.
    template <class Message>
    [[gnu::noinline]] bool refuse(const place* where, std::string_view keyword, Message&& message)
    {
        if (is_collecting()) {
            note(where, keyword, message());
        }
        return false;
    }
    void note(const place* where, std::string_view keyword, std::string message);

    const document& document_;
    std::uint64_t bytes_per_node_;
    std::uint64_t most_steps_;
    std::uint64_t steps_ = 0;
    std::uint64_t next_break_ = steps_per_break;
    poll_fn poll_;
    const sink* errors_;
    unsigned quiet_ = 0;
    unsigned depth_ = 0;
    const scope* scope_ = nullptr;
};

} // namespace etl::validate::schema
