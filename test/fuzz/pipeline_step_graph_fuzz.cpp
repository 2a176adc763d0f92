// Any steps in any states, as a record that somebody has written into may hold them: refused, or an answer that names
// each waiting step at most once and keeps within the room.
#include "core/error.hpp"
#include "pipeline/step_graph.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using etl::pipeline::run_if;
using etl::pipeline::step;
using etl::pipeline::step_status;

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

class bytes {
  public:
    bytes(const std::uint8_t* data, std::size_t size) : rest_{reinterpret_cast<const char*>(data), size} {}
    bool any() const { return !rest_.empty(); }
    std::uint8_t take()
    {
        const auto byte = static_cast<std::uint8_t>(rest_.empty() ? 0 : rest_.front());
        rest_.remove_prefix(rest_.empty() ? 0 : 1);
        return byte;
    }

  private:
    std::string_view rest_;
};

// Two bytes for what a step is, one for how many it needs, one for each of these.
step read_step(bytes& input)
{
    constexpr std::array words = {"waiting", "running", "succeeded", "failed", "skipped", "cancelled"};
    constexpr std::array conditions = {"all_success", "all_done", "any_failed"};
    const std::uint8_t first = input.take();
    const std::uint8_t second = input.take();
    step one;
    one.status = etl::pipeline::status_named(words[first % words.size()]);
    one.condition = etl::pipeline::condition_named(conditions[first / 8 % conditions.size()]);
    one.is_settled = (second & 1) != 0;
    one.after_failure = (second & 2) != 0;
    one.has_begun = (second & 4) != 0;
    one.is_due = (second & 8) == 0;
    for (int left = input.take() % 8; left > 0; --left) {
        one.needs.push_back(input.take());
    }
    return one;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    bytes input{data, size};
    const std::uint8_t how = input.take();
    const std::size_t room = how / 2U;
    std::vector<step> steps;
    while (input.any()) {
        steps.push_back(read_step(input));
    }
    try {
        const auto next = etl::pipeline::next_of(steps, (how & 1) != 0, room);
        demand(next.ready.size() <= room);
        std::vector<bool> seen(steps.size());
        const auto note = [&](std::size_t place) {
            demand(place < steps.size() && steps[place].status == step_status::waiting && !seen[place]);
            seen[place] = true;
        };
        for (const std::size_t place : next.ready) {
            note(place);
        }
        for (const auto& skipped : next.skipped) {
            note(skipped.place);
            demand(skipped.cause < steps.size() && !words_of(skipped, "step").empty());
        }
    } catch (const etl::error&) {
        return 0;
    }
    return 0;
}
