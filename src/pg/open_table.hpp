// A table that is open for reading its definition.
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include <access/relation.h>
#include <utils/rel.h>
}

#include <string>

namespace etl::pg {

class open_table {
  public:
    // Raises where there is none, and refuses (42809) what has no rows.
    explicit open_table(Oid id) : table_{call([id] { return relation_open(id, AccessShareLock); })}
    {
        constexpr std::string_view kinds = "rpfvm"; // tables, partitioned and foreign ones, views
        if (kinds.find(table_->rd_rel->relkind) == std::string_view::npos) {
            throw error("42809", '"' + std::string{RelationGetRelationName(table_)} + "\" is not a table");
        }
    }
    // Its lock stays to the end of the transaction. Where an error passes, PostgreSQL closes it.
    ~open_table()
    {
        if (std::uncaught_exceptions() == exceptions_) {
            relation_close(table_, NoLock);
        }
    }
    open_table(const open_table&) = delete;
    open_table& operator=(const open_table&) = delete;

    Relation get() const noexcept { return table_; }

  private:
    int exceptions_ = std::uncaught_exceptions();
    Relation table_;
};

} // namespace etl::pg
