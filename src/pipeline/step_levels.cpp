#include "pipeline/step_levels.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "core/cpp_only.hpp"

namespace etl::pipeline {
namespace {

struct node {
    std::vector<std::size_t> needed_by;
    std::size_t open = 0; // how many of those that it needs have no level yet
};

class graph {
  public:
    explicit graph(std::span<const std::string> names) : nodes_(names.size())
    {
        for (std::size_t place = 0; place < names.size(); ++place) {
            places_.emplace(names[place], place);
        }
    }

    void add(std::string_view step, std::string_view needed)
    {
        const auto from = places_.find(step);
        if (from == places_.end()) {
            return;
        }
        ++nodes_[from->second].open; // for good, where what it needs is not there
        const auto to = places_.find(needed);
        if (to != places_.end()) {
            nodes_[to->second].needed_by.push_back(from->second);
        }
    }

    // From those that need nothing upwards; what is never reached keeps no_level.
    std::vector<std::int32_t> levels()
    {
        std::vector<std::int32_t> levels(nodes_.size(), no_level);
        std::vector<std::size_t> reached;
        for (std::size_t place = 0; place < nodes_.size(); ++place) {
            if (nodes_[place].open == 0) {
                levels[place] = 0;
                reached.push_back(place);
            }
        }
        std::vector<std::int32_t> highest(nodes_.size(), 0);
        for (std::size_t next = 0; next < reached.size(); ++next) {
            for (const std::size_t above : nodes_[reached[next]].needed_by) {
                highest[above] = std::max(highest[above], levels[reached[next]] + 1);
                if (--nodes_[above].open == 0) {
                    levels[above] = highest[above];
                    reached.push_back(above);
                }
            }
        }
        return levels;
    }

  private:
    std::unordered_map<std::string_view, std::size_t> places_;
    std::vector<node> nodes_;
};

} // namespace

std::vector<std::int32_t> levels_of(std::span<const std::string> names, std::span<const std::string> steps,
                                    std::span<const std::string> needed)
{
    graph all{names};
    for (std::size_t i = 0; i < std::min(steps.size(), needed.size()); ++i) {
        all.add(steps[i], needed[i]);
    }
    return all.levels();
}

} // namespace etl::pipeline
