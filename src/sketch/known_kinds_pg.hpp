// What stored states say of themselves, as the kinds of values that this database knows.
//
// A state names its types and collation; finding those again for every state would cost more than reading it. So the
// kinds of the states that one expression reads are kept as long as it is; mostly there is but one.
#pragma once

#include "pg/function.hpp"

#include <string>
#include <vector>

extern "C" {
#include <mb/pg_wchar.h>
}

namespace etl {

// Throws where texts of a state would be read as other characters.
inline void require_own_encoding(int encoding)
{
    if (encoding != GetDatabaseEncoding()) {
        throw error(sqlstate::invalid_parameter_value, "the state was made in a database of another encoding",
                    "Its texts would be read as other characters.",
                    "Make the state anew in this database from its rows.");
    }
}

// Rules has: kind, header; named(header, memory), which makes a kind in the memory or throws; is_of(header, kind);
// and state_type, a name.
template <class Rules>
class known_kinds {
  public:
    using kind = typename Rules::kind;

    static known_kinds& of_expression(pg::arguments args)
    {
        return args.cached<known_kinds>([args] { return args.raw()->flinfo->fn_mcxt; });
    }

    explicit known_kinds(MemoryContext memory) : memory_{memory} {}

    kind& of(const typename Rules::header& header)
    {
        for (kind* known : all_) {
            if (Rules::is_of(header, *known)) {
                return *known;
            }
        }
        kind* made = Rules::named(header, memory_);
        if (!Rules::is_of(header, *made)) { // it would be made again for every state
            refuse_state(Rules::state_type, "It names a domain, or a collation that its values do not have.");
        }
        return *all_.emplace_back(made);
    }

  private:
    MemoryContext memory_;
    std::vector<kind*> all_;
};

} // namespace etl
