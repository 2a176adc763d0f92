// Any text as a schedule: refused, or times that grow, that its fields allow and that the way back agrees with. Clocks
// are set forward and back, by hours that the input's first two bytes choose.
#include "core/error.hpp"
#include "core/schedule.hpp"
#include "core/schedule_words.hpp"

#include <cstdlib>
#include <limits>
#include <string_view>

namespace {

using etl::clock::cron;
using etl::clock::moment;
using etl::clock::schedule;

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

constexpr moment begin = 1'774'000'000; // in March 2026
constexpr moment set_at = begin + 400'000;
constexpr moment set_back_at = begin + 17'000'000;

class two_changes final : public etl::clock::zone {
  public:
    two_changes(std::int64_t first, std::int64_t second) : first_{first}, second_{second} {}
    etl::clock::clock_offset at(moment when) const override
    {
        if (when < set_at) {
            return {first_, set_at};
        }
        return when < set_back_at ? etl::clock::clock_offset{second_, set_back_at}
                                  : etl::clock::clock_offset{first_, std::numeric_limits<moment>::max()};
    }

  private:
    std::int64_t first_;
    std::int64_t second_;
};

std::int64_t offset_of(std::uint8_t byte)
{
    return (byte % 105 - 48) * 900LL; // from 12 hours behind to 14 before, in quarters of an hour
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 2) {
        return 0;
    }
    const std::string_view text{reinterpret_cast<const char*>(data) + 2, size - 2};
    const two_changes zone{offset_of(data[0]), offset_of(data[1])};
    etl::clock::looks_like_cron(text);
    try {
        const auto fields = cron::parse(text);
        demand(!etl::clock::words_of(fields).empty());
        etl::clock::warnings_of(fields);
        const schedule times{fields};
        auto after = begin;
        for (int n = 0; n < 20; ++n) {
            const auto next = times.next(after, zone);
            demand(next && *next > after);
            demand(times.next(*next - 1, zone) == next);
            after = *next;
        }
        demand(times.previous(after + 1, zone) == after);
    } catch (const etl::error&) {
        return 0;
    }
    return 0;
}
