// Days and moments that are written by a pattern of to_char, read strictly: every field of the pattern must be there, and
// nothing else.
#pragma once

#include "pg/soft_input.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace etl::pg {

class moment_pattern {
  public:
    // The type is date, timestamp or timestamptz. Raises, or throws 22023, where the pattern is none that reads what
    // it writes.
    moment_pattern(std::string_view pattern, Oid type);

    // A value of the type; without a zone in the pattern the session's counts. The text is in the server's encoding.
    std::optional<value_fault> read(std::string_view text, soft_batch& batch, Datum& value) const;

  private:
    // The value, or nothing where the pattern is one of a time. May raise.
    bool parse(std::string_view text, Datum& value) const;

    std::string pattern_;
    Oid type_;
};

} // namespace etl::pg
