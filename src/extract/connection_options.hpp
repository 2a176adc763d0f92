// The options of a server of the wrapper etl_http and of its user mappings: what there is, what is allowed, and the
// client's settings that they make.
#pragma once

#include "extract/http_settings.hpp"

#include <span>
#include <string>
#include <vector>

namespace etl {

struct connection_option {
    std::string name;
    std::string value;
    friend bool operator==(const connection_option&, const connection_option&) = default;
};

enum class option_place { wrapper, server, user_mapping, elsewhere };

// Checks all options of one place, together and one by one. Throws HV00D for a name that is none (the hint lists those
// that are), HV00J for one that is missing, HV024 for a value that cannot be used, 42501 for what only a superuser may
// set. No error shows the value of a secret.
void check_options(option_place place, std::span<const connection_option> options, bool is_superuser);

// Whether secrets come from the server's files or environment, which its superusers have set.
bool reads_the_machine(std::span<const connection_option> user_mapping) noexcept;

// What checked options say; files and variables of secrets are read now. Rules and rate are the caller's business, but
// for the interval. Throws 42501, 58P01 or HV024 where a secret cannot be read or used.
http_settings make_settings(std::span<const connection_option> server, std::span<const connection_option> user_mapping);

} // namespace etl
