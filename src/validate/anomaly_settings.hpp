// The parameters of a strategy: which there are, what they may be, and what a user's JSON object says of them.
#pragma once

#include "core/json.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace etl::anomaly {

enum class parameter_kind {
    bound,    // a number, or null for no bound
    factor,   // a number from 0, or null for no bound on its side
    number,   // a number from 0
    fraction, // a number from 0 to 1
    whole,    // a whole number from `least` to `most`
    length,   // the same, or null
    flag,
    history, // "before" or "partition"
};

struct parameter {
    const char* name;
    parameter_kind kind;
    const char* otherwise; // the default, as JSON
    const char* meaning;
    std::int64_t least = 0;
    std::int64_t most = 0;
};

// The parameters of one call: the user's, and the defaults of those left out.
class settings {
  public:
    // Throws where the text is no JSON object, or has a member that is no parameter or not fit for it.
    settings(std::string_view strategy, std::span<const parameter> parameters, std::string_view given);

    std::string_view strategy() const noexcept { return strategy_; }
    bool is_given(const char* name) const { return given_.contains(name); }
    std::optional<double> number_if(const char* name) const;
    double number(const char* name) const { return number_if(name).value(); }
    std::optional<std::int64_t> whole_if(const char* name) const;
    std::int64_t whole(const char* name) const { return whole_if(name).value(); }
    bool flag(const char* name) const { return value(name).get<bool>(); }
    std::string_view choice(const char* name) const { return value(name).get_ref<const std::string&>(); }

  private:
    const json& value(const char* name) const;

    std::string_view strategy_;
    json given_;
    json defaults_;
};

// {"name": default, …}
json default_values(std::span<const parameter> parameters);

} // namespace etl::anomaly
