// Where values stand in a record: paths, and all that are wanted as one tree, so that a single walk finds them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace etl {

// The keys on the way down; a number also is a place in an array, from 0. The empty path is the whole record.
using field_path = std::vector<std::string>;

// Reads a.b.c, a JSON pointer (RFC 6901: /a/b/c, which reaches keys with dots), $ or $.a.b. Throws 22023 where it is
// none of them.
field_path parse_field_path(std::string_view text);

class path_tree {
  public:
    struct child {
        std::string key;
        int node;
        std::size_t place; // in an array; no_place where the key is no number
    };
    struct node {
        std::vector<child> children;
        std::unordered_map<std::string_view, int> by_key; // filled by finish()
        int slot = -1;                                    // of the value that is here, where it is wanted
        int first = 0;                                    // of the slots here and below, which follow each other
        int last = 0;                                     // behind them
    };
    static constexpr std::size_t no_place = static_cast<std::size_t>(-1);

    path_tree() : nodes_(1) {}
    path_tree(path_tree&&) = default;
    path_tree& operator=(path_tree&&) = default;
    path_tree(const path_tree&) = delete;
    path_tree& operator=(const path_tree&) = delete;

    // Asks for a path, once or again. The node that it ends at.
    int add(const field_path& path);

    // Numbers the slots. No path is added after it.
    void finish();

    int slot_of(int at) const { return nodes_[static_cast<std::size_t>(at)].slot; }
    int slots() const noexcept { return nodes_[0].last; }
    const node& at(int number) const { return nodes_[static_cast<std::size_t>(number)]; }
    std::size_t size() const noexcept { return nodes_.size(); }

  private:
    int child_of(int parent, const std::string& key);
    int number_from(int at, int next);

    std::vector<node> nodes_;
};

} // namespace etl
