// The keys with the most rows, out of any number of keys.
#pragma once

#include "sketch/key_lists.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace etl::validate {

// Keys are added in ascending order, each once. Of keys with equally many rows the lesser ones are kept.
template <class Key>
class most_frequent {
  public:
    explicit most_frequent(std::size_t most) : most_{most} {}

    void add(const key_rows<Key>& found)
    {
        if (kept_.size() == most_) {
            if (kept_.empty() || found.rows <= kept_.front().rows) {
                return;
            }
            std::pop_heap(kept_.begin(), kept_.end(), goes_before);
            kept_.pop_back();
        }
        kept_.push_back(found);
        std::push_heap(kept_.begin(), kept_.end(), goes_before);
    }

    // The most frequent first.
    std::vector<key_rows<Key>> take()
    {
        std::sort_heap(kept_.begin(), kept_.end(), goes_before);
        return std::move(kept_);
    }

  private:
    static bool goes_before(const key_rows<Key>& a, const key_rows<Key>& b)
    {
        return a.rows != b.rows ? a.rows > b.rows : is_before(a.key, b.key);
    }

    std::size_t most_;
    std::vector<key_rows<Key>> kept_; // a heap, the one that goes first at the front
};

} // namespace etl::validate
