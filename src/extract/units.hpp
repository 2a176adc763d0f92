// Values with units as options have them: a whole number, at most one blank, and the unit, which is never left out.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

namespace etl {

// 500ms, 30s, 2min, 1h
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept;

// 512B, 64kB, 32MB, 1GB, in powers of 1024 as PostgreSQL's settings have it
std::optional<std::size_t> parse_size(std::string_view text) noexcept;

// 10/s, 600/min, 1000/h, 20000/d: the time from one to the next
std::optional<std::chrono::nanoseconds> parse_rate(std::string_view text) noexcept;

} // namespace etl
