// The options of a user mapping: four ways to say who asks, each secret given as such, or as the file or the variable
// of the environment that has it.
#pragma once

#include "extract/connection_options.hpp"

namespace etl {

bool is_secret_option(std::string_view name) noexcept;
std::vector<std::string> secret_option_names();
// Whether an option names a file or a variable of the machine.
bool is_of_the_machine(std::string_view name) noexcept;

// Throws unless they are one way, whole. All names are those of options.
void check_secrets(std::span<const connection_option> options);

// Sets the credentials, and the texts that no message may hold.
void read_secrets(std::span<const connection_option> options, http_settings& settings);

} // namespace etl
