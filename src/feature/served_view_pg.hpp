// What a session keeps of the feature views that it serves: the query for one entity, planned once.
#pragma once

#include "pg/function.hpp"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace etl::feature {

// What etl.get_features gives for one entity: a jsonb in the caller's memory.
using served = Datum;

// One value for each entity column, in their order.
struct entity_value {
    Oid type;
    Datum value;
    bool is_null;
};

// What the caller gives besides the entity.
struct serving_request {
    Datum now;     // timestamptz
    Datum request; // jsonb
    bool has_request;
};

class served_view {
  public:
    // The view of that name as it is now, with its online table locked against changes to the end of the transaction.
    // Raises where there is none (42704), and, before it locks, where the current role may not read that table (42501).
    static std::shared_ptr<served_view> find(std::string_view name);

    // The view is read anew when it is next asked for, if this is its online table.
    void forget_table(Oid relation) noexcept;

    const std::string& name() const noexcept { return name_; }
    const std::vector<std::string>& entity() const noexcept { return entity_; }
    Oid type(std::size_t column) const noexcept { return types_[column]; }

    // The value of an entity column from the text form of its type.
    Datum read(std::size_t column, const char* text) const;

    // Throws (42804) where a value is of a type that does not become the column's by itself. What it runs may ask for
    // the same view again.
    served get(const std::vector<entity_value>& entity, const serving_request& with);

    // Knows its owner and its online table, and nothing else until it is loaded.
    explicit served_view(std::string_view name);
    served_view(const served_view&) = delete;
    served_view& operator=(const served_view&) = delete;

  private:
    // Where the answer comes from: the queries and their plans are in this order.
    enum source { online_table, history_table, nowhere, sources };

    struct plans {
        plans() = default;
        ~plans();
        plans(const plans&) = delete;
        plans& operator=(const plans&) = delete;

        std::vector<Oid> given;             // the types of the entity's values
        std::vector<Oid> parameters;        // the types of all parameters
        std::array<void*, sources> of = {}; // nullptr until it is needed
    };

    bool is_current() const noexcept;
    bool is_loaded() const noexcept;
    bool load();
    void require_readable() const;
    Oid parameter_type(std::size_t column, Oid given) const;
    bool is_emptied() const;
    std::shared_ptr<plans> plans_for(const std::vector<entity_value>& entity);
    void* prepared(plans& with, source from) const;

    std::string name_;
    std::uint64_t read_at_ = 0; // in the session's count of changes; 0 is never
    Oid owner_ = InvalidOid;
    Oid online_ = InvalidOid;
    bool unlogged_ = false;
    bool runs_code_ = true; // of users: in expressions, or in the functions of types
    std::array<std::string, sources> queries_;
    std::vector<std::string> entity_;
    std::vector<Oid> types_;
    std::vector<std::shared_ptr<plans>> plans_;
};

} // namespace etl::feature
