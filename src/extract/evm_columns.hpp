// The columns of a table of logs: which parameter of which event goes into which.
#pragma once

#include "extract/evm_event.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace etl::evm {

struct column {
    std::string name;
    std::string sql_type;
};

// Some events with one table for all of them. A parameter's column has its name in snake case (tokenId: token_id,
// _value: value). Parameters of several events with one name and type share their column. Where the name is taken (by
// another type, by another parameter of the event, or by a column that every log has), that of the event goes before it.
class event_table {
  public:
    // Throws etl::error (22023) where a declaration cannot be read, or two cannot be told apart in logs: those whose
    // signature and number of indexed parameters are the same.
    explicit event_table(std::span<const std::string> declarations);

    std::span<const event> events() const noexcept { return events_; }
    std::span<const column> columns() const noexcept { return columns_; }
    // What the column event says: the name, or the signature where events with other parameters have the same name.
    const std::string& label(std::size_t event) const noexcept { return labels_[event]; }
    // Of each parameter of an event, its column's number.
    std::span<const std::size_t> columns_of(std::size_t event) const noexcept { return places_[event]; }

    // The number of the event with this first topic and so many topics; of one with this first topic where none has so
    // many; npos where there is none at all. Anonymous events have no such topic.
    std::size_t find(std::span<const std::byte> first_topic, std::size_t topics) const noexcept;
    static constexpr std::size_t npos = static_cast<std::size_t>(-1);

  private:
    void check_distinct() const;
    std::string make_label(const event& of) const;
    void place(std::size_t event);
    std::size_t place(const evm::event& event, std::size_t parameter, std::span<const std::size_t> taken);

    std::vector<event> events_{};
    std::vector<keccak_digest> first_topics_{};
    std::vector<std::string> labels_{};
    std::vector<column> columns_{};
    std::vector<std::vector<std::size_t>> places_{};
};

// The type of the column of a parameter: that of its value, or bytea for a hash.
std::string column_type(const parameter& parameter);

std::string snake_case(std::string_view name);

} // namespace etl::evm
