// One text value after the other in the same memory, for rows that go into a tuplestore: it copies them.
#pragma once

#include "pg/function.hpp"

#include <memory_resource>
#include <vector>

namespace etl::pg {

class text_maker {
  public:
    explicit text_maker(std::pmr::memory_resource* memory) : value_{memory} {}

    // Valid until the next call.
    Datum make(std::string_view text)
    {
        value_.resize(VARHDRSZ + text.size());
        SET_VARSIZE(value_.data(), value_.size());
        std::memcpy(VARDATA(value_.data()), text.data(), text.size());
        return PointerGetDatum(value_.data());
    }

  private:
    std::pmr::vector<char> value_;
};

} // namespace etl::pg
