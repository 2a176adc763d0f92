// JSON texts as JSON Schema needs them: numbers as they are written, strings of any character (also \u0000), and
// nothing copied that can stay in the text.
//
// A document is one flat tape of eight-byte nodes in the order of the text; a container's node says where the next
// value after it begins, so that children are walked without pointers. Strings and numbers are spans of the text; only
// strings with escapes are decoded, into a buffer beside it. Of equal names in an object the last one counts, as in
// jsonb.
#pragma once

#include "core/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace etl::validate::schema {

enum class json_kind : std::uint8_t { null, no, yes, number, string, array, object };

// Those who walk a value do so by recursion, and a tape stays below 64 MB.
inline constexpr std::size_t deepest_document = 1000;
inline constexpr std::size_t most_nodes = 1U << 23;
inline constexpr std::size_t longest_text = (1U << 30) - 1;

class tape_node {
  public:
    tape_node(json_kind kind, std::size_t first, std::size_t second, bool decoded = false)
        : bits_{static_cast<std::uint64_t>(kind) | static_cast<std::uint64_t>(decoded) << 3 | first << 4 | second << 34}
    {
    }

    json_kind kind() const noexcept { return static_cast<json_kind>(bits_ & 7); }
    bool is_decoded() const noexcept { return (bits_ & 8) != 0; }
    // A string's or number's place in the text and its length; a container's size and the node after its last child.
    std::uint32_t first() const noexcept { return static_cast<std::uint32_t>(bits_ >> 4) & low; }
    std::uint32_t second() const noexcept { return static_cast<std::uint32_t>(bits_ >> 34); }

    // A name that the same object has again further on.
    bool is_shadowed() const noexcept { return (bits_ & 7) == 7; }
    void shadow() noexcept { bits_ |= 7; }

  private:
    static constexpr std::uint32_t low = (1U << 30) - 1;
    std::uint64_t bits_;
};
static_assert(sizeof(tape_node) == 8);

class document;

// One value of a document: a place on its tape. Cheap to copy, and valid as long as the document.
class value {
  public:
    value() = default;
    value(const document& of, std::uint32_t at) noexcept : of_{&of}, at_{at} {}

    inline json_kind kind() const noexcept;
    bool is_object() const noexcept { return kind() == json_kind::object; }
    bool is_array() const noexcept { return kind() == json_kind::array; }
    bool is_string() const noexcept { return kind() == json_kind::string; }
    bool is_number() const noexcept { return kind() == json_kind::number; }
    bool is_boolean() const noexcept { return kind() == json_kind::no || kind() == json_kind::yes; }
    bool is_true() const noexcept { return kind() == json_kind::yes; }

    inline std::string_view text() const noexcept; // of a number as written, of a string decoded
    inline std::uint32_t size() const noexcept;    // elements of an array, members of an object

    // The values of a container; those of an object with their names before them. See elements() and members().
    inline std::uint32_t first_child() const noexcept;
    inline std::uint32_t end() const noexcept;
    inline std::uint32_t after() const noexcept;

    std::optional<value> find(std::string_view name) const;
    std::optional<value> element(std::size_t index) const;

    const document* owner() const noexcept { return of_; }
    std::uint32_t place() const noexcept { return at_; }

  private:
    const document* of_ = nullptr;
    std::uint32_t at_ = 0;
};

class document {
  public:
    // Reads a text, which must outlive the document's use; false where it is no JSON. Throws etl::error where it
    // exceeds the limits above.
    bool parse(std::string_view text, poll_fn poll = never_poll);

    value root() const noexcept { return {*this, 0}; }

    // Of a text that is no JSON: what is wrong, and after how many bytes.
    const char* complaint() const noexcept { return complaint_; }
    std::size_t complaint_at() const noexcept { return complaint_at_; }

    std::size_t size() const noexcept { return nodes_.size(); }  // names and values
    std::size_t length() const noexcept { return text_.size(); } // of the text

    // Gives memory back after an unusually large text.
    void trim();

    const tape_node& node(std::uint32_t at) const noexcept { return nodes_[at]; }
    std::string_view text_of(const tape_node& node) const noexcept
    {
        return {(node.is_decoded() ? decoded_.data() : text_.data()) + node.first(), node.second()};
    }

  private:
    friend class parser;

    struct container {
        std::uint32_t node;
        std::uint32_t size;
    };
    struct hashed_name {
        std::uint64_t hash;
        std::uint32_t at;
    };

    std::string_view text_;
    std::string decoded_;
    std::vector<tape_node> nodes_;
    std::vector<container> open_;    // of the parser: the containers that have not ended yet
    std::vector<hashed_name> names_; // of the parser: the names of the object that ends
    const char* complaint_ = "";
    std::size_t complaint_at_ = 0;
};

inline json_kind value::kind() const noexcept
{
    return of_->node(at_).kind();
}

inline std::string_view value::text() const noexcept
{
    return of_->text_of(of_->node(at_));
}

inline std::uint32_t value::size() const noexcept
{
    return of_->node(at_).first();
}

inline std::uint32_t value::first_child() const noexcept
{
    return at_ + 1;
}

inline std::uint32_t value::end() const noexcept
{
    return of_->node(at_).second();
}

inline std::uint32_t value::after() const noexcept
{
    const tape_node& node = of_->node(at_);
    return node.kind() >= json_kind::array ? node.second() : at_ + 1;
}

// for (const value each : elements(array)) …
class elements {
  public:
    explicit elements(value array) noexcept : array_{array} {}

    class iterator {
      public:
        explicit iterator(value at) noexcept : at_{at} {}
        value operator*() const noexcept { return at_; }
        iterator& operator++() noexcept
        {
            at_ = value{*at_.owner(), at_.after()};
            return *this;
        }
        bool operator!=(const iterator& other) const noexcept { return at_.place() != other.at_.place(); }

      private:
        value at_;
    };

    iterator begin() const noexcept { return iterator{value{*array_.owner(), array_.first_child()}}; }
    iterator end() const noexcept { return iterator{value{*array_.owner(), array_.end()}}; }

  private:
    value array_;
};

// for (const auto& [name, content] : members(object)) …: a name is a string value.
class members {
  public:
    explicit members(value object) noexcept : object_{object} {}

    class iterator {
      public:
        iterator(const document& of, std::uint32_t at, std::uint32_t end) noexcept : of_{&of}, at_{at}, end_{end}
        {
            skip_shadowed();
        }
        std::pair<value, value> operator*() const noexcept { return {value{*of_, at_}, value{*of_, at_ + 1}}; }
        iterator& operator++() noexcept
        {
            at_ = value{*of_, at_ + 1}.after();
            skip_shadowed();
            return *this;
        }
        bool operator!=(const iterator& other) const noexcept { return at_ != other.at_; }

      private:
        void skip_shadowed() noexcept
        {
            while (at_ != end_ && of_->node(at_).is_shadowed()) {
                at_ = value{*of_, at_ + 1}.after();
            }
        }

        const document* of_;
        std::uint32_t at_;
        std::uint32_t end_;
    };

    iterator begin() const noexcept { return {*object_.owner(), object_.first_child(), object_.end()}; }
    iterator end() const noexcept { return {*object_.owner(), object_.end(), object_.end()}; }

  private:
    value object_;
};

} // namespace etl::validate::schema
