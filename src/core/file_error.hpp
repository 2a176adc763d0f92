// The SQLSTATEs of files, and of what is found in them: more of those in core/error.hpp.
#pragma once

#include "core/error.hpp"

namespace etl::file_sqlstate {
inline constexpr char bad_file_format[] = "22P04";
inline constexpr char insufficient_privilege[] = "42501";
inline constexpr char duplicate_column[] = "42701";
inline constexpr char wrong_object_type[] = "42809";
inline constexpr char insufficient_resources[] = "53000";
inline constexpr char disk_full[] = "53100";
inline constexpr char object_not_in_prerequisite_state[] = "55000";
inline constexpr char io_error[] = "58030";
inline constexpr char undefined_file[] = "58P01";
inline constexpr char duplicate_file[] = "58P02";
inline constexpr char data_corrupted[] = "XX001";
} // namespace etl::file_sqlstate
