// Arrays and composite values from JSON, as json_populate_record makes them.
#pragma once

#include "pg/soft_input.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace etl::pg {

// Whether values of a type are made of JSON's arrays or objects: arrays and composite types, and domains over them.
// May raise.
bool is_made_of_json(Oid type);

class json_input {
  public:
    json_input(Oid type, std::int32_t modifier);

    // The value in the current memory context. The text is JSON in the server's encoding.
    std::optional<value_fault> read(std::string_view json, soft_batch& batch, NullableDatum& value);

  private:
    void prepare(Oid type, std::int32_t modifier);

    FmgrInfo function_;
    Datum shape_{0}; // a row with one column of the type
    std::string document_;
};

} // namespace etl::pg
