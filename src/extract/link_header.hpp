// The Link field of HTTP (RFC 8288, section 3).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace etl {

struct web_link {
    std::string target;             // as it stands there, absolute or relative
    std::vector<std::string> rels;  // relation types in small letters; of the first rel parameter, as the RFC has it
    bool has_other_context = false; // an anchor: it is a link of something else than the answer
};

// Reads the value of one field, which may hold several links. Throws 08P01 for what is none, with a message that reads
// on from "the Link header": "has no target at byte 7".
std::vector<web_link> parse_link_header(std::string_view value);

} // namespace etl
