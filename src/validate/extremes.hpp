// The least and the greatest value of a column.
#pragma once

#include "validate/metrics.hpp"

namespace etl::validate {

// One value that outlives its row.
class kept_value {
  public:
    explicit kept_value(std::pmr::memory_resource* memory) : bytes_{memory} {}

    bool is_empty() const noexcept { return value_.is_null(); }
    const field& value() const noexcept { return value_; }
    void assign(const field& value, const column_type& type);
    void write(byte_writer& to, const column_type& type) const;
    void read(byte_reader& from, column_type& type);

  private:
    field value_;
    std::pmr::string bytes_;
};

class extremes final : public metric {
  public:
    extremes(std::size_t column, column_type& type, std::pmr::memory_resource* memory)
        : column_{column}, type_{type}, least_{memory}, greatest_{memory}
    {
    }

    void add(std::span<const field> row) override { include(row[column_]); }
    void merge(const metric& other) override;
    void write(byte_writer& to) override;
    void read(byte_reader& from) override;

    const field& least() const noexcept { return least_.value(); }
    const field& greatest() const noexcept { return greatest_.value(); }

  private:
    void include(const field& value);

    std::size_t column_;
    column_type& type_;
    kept_value least_;
    kept_value greatest_;
};

// Of equal values that look different the one to keep, so that every order of the rows keeps the same.
bool looks_less(const column_type& type, const field& value, const field& than);

} // namespace etl::validate
