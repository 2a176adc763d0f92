// The suite's literals read against a column's type: sets of members, and bounds.
#pragma once

#include "validate/arguments.hpp"
#include "validate/field.hpp"

#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

namespace etl::validate {

// Members of a set, as values of a column. A member that the column cannot hold (1.5 among integers) is no member.
class value_set {
  public:
    value_set(column_type& type, const std::vector<std::string>& literals, const std::string& purpose);

    bool contains(const field& value) const;
    const std::vector<field>& members() const noexcept { return sorted_; }

    // Whether the column can hold every member.
    bool is_possible() const noexcept { return is_possible_; }

  private:
    // Texts where equal means identical: a few are compared one by one, by their sizes and first bytes, which nearly
    // always decides; many are looked up by their hash.
    class text_set {
      public:
        void add(std::string_view text);
        bool contains(std::string_view text) const;

      private:
        struct text_hash {
            using is_transparent = void;
            std::size_t operator()(std::string_view text) const noexcept
            {
                return XXH3_64bits(text.data(), text.size());
            }
        };
        static constexpr std::size_t few = 8;

        struct outline {
            std::size_t size;
            std::uint64_t first; // up to eight bytes

            bool is_of(const outline& other) const noexcept
            {
                return ((size ^ other.size) | (first ^ other.first)) == 0;
            }
        };
        static outline outline_of(std::string_view text) noexcept;

        std::vector<outline> outlines_; // of the few
        std::vector<std::string> few_;  // all of them, up to that number
        std::unordered_set<std::string, text_hash, std::equal_to<>> all_;
    };

    bool precedes(const field& a, const field& b) const { return compare_fields(*type_, a, b) < 0; }

    const column_type* type_;
    std::optional<text_set> texts_;
    std::vector<field> sorted_;
    bool is_possible_ = true;
};

// PostgreSQL compares no text with a number or a truth: throws datatype_mismatch (42804) where the argument, or a
// member of it, is one and the column is of text.
void require_comparable(const column_type& type, const expectation& what, const char* name);

// A least and a greatest value, each of which may be left out or be excluded itself.
class bounds {
  public:
    // Reads min_value, max_value, strict_min and strict_max. Throws where the least is greater than the greatest.
    static bounds read(column_type& type, const expectation& what);

    // The same without a look at their order: between crossed bounds lies nothing.
    static bounds read_any(column_type& type, const expectation& what);

    bool hold(const field& value) const;

  private:
    struct bound {
        field value;
        bool excluded = false;
    };

    bound read_bound(const std::string& literal, bool is_least, bool excluded, const std::string& purpose);

    column_type* type_ = nullptr;
    std::optional<bound> least_;
    std::optional<bound> greatest_;
};

} // namespace etl::validate
