// The SQLSTATEs of HTTP and of connections: more of those in core/error.hpp.
#pragma once

#include "core/error.hpp"

namespace etl::http_sqlstate {
inline constexpr char cannot_connect[] = "08001";
inline constexpr char connection_broken[] = "08006";
inline constexpr char protocol_violation[] = "08P01";
inline constexpr char invalid_authorization[] = "28000";
inline constexpr char insufficient_privilege[] = "42501";
inline constexpr char limit_exceeded[] = "53400";
inline constexpr char invalid_option_name[] = "HV00D";
inline constexpr char option_name_not_found[] = "HV00J";
inline constexpr char invalid_option_value[] = "HV024";
} // namespace etl::http_sqlstate
