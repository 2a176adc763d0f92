// Polls by the number of edges done, for a list of neighbours may be one long or most of the graph.
#pragma once

#include "core/error.hpp"

#include <algorithm>
#include <cstddef>

namespace etl::feature {

class edge_poller {
  public:
    static constexpr std::size_t interval = 4096;

    explicit edge_poller(poll_fn poll) : poll_{poll} {}
    poll_fn poll() const noexcept { return poll_; }
    void done(std::size_t edges)
    {
        done_ += edges;
        if (done_ >= interval) {
            done_ = 0;
            poll_();
        }
    }

    // Calls each(begin, end) with the parts of a list, one after the other.
    template <class Each>
    void in_parts(std::size_t edges, Each&& each)
    {
        for (std::size_t begin = 0; begin < edges; begin += interval) {
            const std::size_t end = std::min(edges, begin + interval);
            each(begin, end);
            done(end - begin);
        }
        done(1);
    }

  private:
    poll_fn poll_;
    std::size_t done_ = 0;
};

} // namespace etl::feature
