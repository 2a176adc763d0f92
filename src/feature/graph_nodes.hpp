// The nodes of a graph, numbered in the order of their first appearance, by whichever keys they come with: whole
// numbers and UUIDs are kept as they are, all else in its text form. They are named by texts in any case.
#pragma once

#include "sketch/key_ids.hpp"
#include "sketch/node_names.hpp"

namespace etl::feature {

enum class node_kind { integer, uuid, text };

class graph_nodes {
  public:
    explicit graph_nodes(std::pmr::memory_resource* memory);

    // Before the first node.
    void set_kind(node_kind kind) noexcept { kind_ = kind; }
    node_kind kind() const noexcept { return kind_; }

    // A node more, to be numbered by the next take(). Of the kind that was set.
    void add(std::int64_t key) { integers_.push_back(key); }
    void add(const uuid_key& key) { uuids_.push_back(key); }
    void add(std::string_view key)
    {
        text_.insert(text_.end(), key.begin(), key.end());
        ends_.push_back(text_.size());
    }

    // The numbers of the nodes added since the last time, in their order. Valid until the next call.
    std::span<const std::uint32_t> take();

    std::uint32_t count() const noexcept;

    // The name of a node, in a space that the caller provides where it is made.
    using name_space = std::array<char, 40>;
    std::string_view name(std::uint32_t node, name_space& space) const;
    std::string name(std::uint32_t node) const;

    // The node of that name, if there is one.
    std::optional<std::uint32_t> known(std::string_view name) const;

    // Whole numbers by their size, UUIDs and texts by their bytes.
    bool is_before(std::uint32_t a, std::uint32_t b) const noexcept;

  private:
    template <class Ids, class Key>
    void number(Ids& ids, std::span<const Key> keys);

    node_kind kind_ = node_kind::text;
    integer_ids integer_ids_;
    uuid_ids uuid_ids_;
    node_names names_;

    std::pmr::vector<std::int64_t> integers_; // waiting for their numbers
    std::pmr::vector<uuid_key> uuids_;
    std::pmr::vector<char> text_;
    std::pmr::vector<std::size_t> ends_; // of the texts in text_
    std::pmr::vector<std::string_view> texts_;
    std::pmr::vector<std::uint32_t> numbers_;
};

} // namespace etl::feature
