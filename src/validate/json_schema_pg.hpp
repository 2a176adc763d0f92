// Where JSON Schemas find the schemas that they refer to.
#pragma once

#include "validate/json_schema.hpp"

namespace etl::validate {

// Looks in etl.json_schema with the current role's rights. The server's encoding is converted to UTF-8.
json_schema::resolver registered_json_schemas();

} // namespace etl::validate
