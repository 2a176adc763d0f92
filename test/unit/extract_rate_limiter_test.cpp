// The limit of a rate, over processes, and what clocks and rubbish cannot do to it.
#include "core/error.hpp"
#include "extract/rate_limiter.hpp"

#include <gtest/gtest.h>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>

namespace {

using etl::rate_limiter;
using std::chrono::nanoseconds;
using namespace std::chrono_literals;

class RateLimiter : public testing::Test {
  protected:
    RateLimiter()
    {
        std::string name = testing::TempDir() + "rates.XXXXXX";
        close(mkstemp(name.data()));
        file = name;
    }
    ~RateLimiter() override { unlink(file.c_str()); }

    std::string file;
};

TEST_F(RateLimiter, SpacesEvenly)
{
    rate_limiter limiter{file};
    EXPECT_EQ(limiter.take(1, 100ms, 5s), 5s);
    EXPECT_EQ(limiter.take(1, 100ms, 5s), 5100ms);
    EXPECT_EQ(limiter.take(1, 100ms, 5010ms), 5200ms);
    EXPECT_EQ(limiter.take(1, 100ms, 9s), 9s) << "what was not used is no credit";
    EXPECT_EQ(limiter.take(1, 100ms, 9s), 9100ms);
    EXPECT_EQ(limiter.take(2, 100ms, 9s), 9s) << "another key";
}

TEST_F(RateLimiter, GivesBack)
{
    rate_limiter limiter{file};
    const auto first = limiter.take(1, 1s, 5s);
    const auto second = limiter.take(1, 1s, 5s);
    limiter.give_back(1, 1s, first); // somebody has come after it
    EXPECT_EQ(limiter.take(1, 1s, 5s), 7s);
    limiter.give_back(1, 1s, 7s);
    EXPECT_EQ(limiter.take(1, 1s, 5s), 7s);
    EXPECT_EQ(second, 6s);
}

TEST_F(RateLimiter, IsInTheFile)
{
    {
        rate_limiter limiter{file};
        limiter.take(1, 1s, 5s);
    }
    rate_limiter other{file};
    EXPECT_EQ(other.take(1, 1s, 5s), 6s);
}

// As if a file had outlived the boot that its times are of.
TEST_F(RateLimiter, ForgetsAnotherBoot)
{
    {
        rate_limiter limiter{file};
        limiter.take(1, 1s, 1'000'000s);
    }
    std::fstream{file, std::ios::in | std::ios::out | std::ios::binary}.write("another!", 8);
    rate_limiter limiter{file};
    EXPECT_EQ(limiter.take(1, 1s, 5s), 5s);
}

TEST_F(RateLimiter, TimesTooFarAheadAreRubbish)
{
    rate_limiter limiter{file};
    limiter.take(1, 1ms, 1'000'000s); // a clock that has since gone back
    EXPECT_EQ(limiter.take(1, 1ms, 5s), 5s);
}

TEST_F(RateLimiter, FullTable)
{
    rate_limiter limiter{file};
    for (std::uint64_t key = 1; key <= 5000; ++key) {
        limiter.take(key << 32U | key, 1s, 5s);
    }
    EXPECT_GE(limiter.take(5000ULL << 32U | 5000, 1s, 5s), 6s) << "too few rather than too many";
}

TEST_F(RateLimiter, RefusesWhatIsNoFile)
{
    EXPECT_THROW(rate_limiter{"/proc/no such directory/rates"}, etl::error);
    EXPECT_THROW(rate_limiter{testing::TempDir()}, etl::error);
}

// Eight processes take as fast as they can: no time is given twice, none is left out.
TEST_F(RateLimiter, Processes)
{
    constexpr int processes = 8;
    constexpr int each = 2000;
    auto* times = static_cast<std::int64_t*>(mmap(nullptr, sizeof(std::int64_t) * processes * each,
                                                  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    for (int p = 0; p < processes; ++p) {
        if (fork() == 0) {
            rate_limiter limiter{file};
            for (int i = 0; i < each; ++i) {
                times[p * each + i] = limiter.take(7, 10ms, 1s).count();
            }
            _exit(0);
        }
    }
    for (int p = 0; p < processes; ++p) {
        int status = 0;
        wait(&status);
        EXPECT_EQ(status, 0);
    }
    std::sort(times, times + processes * each);
    for (int i = 0; i < processes * each; ++i) {
        ASSERT_EQ(nanoseconds{times[i]}, 1s + i * 10ms);
    }
}

// By the clock: three processes that wait for their times send no more than the rate in any second.
TEST_F(RateLimiter, Rate)
{
    constexpr int processes = 3;
    const auto begin = rate_limiter::now();
    for (int p = 0; p < processes; ++p) {
        if (fork() == 0) {
            rate_limiter limiter{file};
            for (int i = 0; i < 10; ++i) {
                std::this_thread::sleep_for(limiter.take(7, 20ms) - rate_limiter::now());
            }
            _exit(0);
        }
    }
    for (int p = 0; p < processes; ++p) {
        wait(nullptr);
    }
    EXPECT_GE(rate_limiter::now() - begin, 29 * 20ms);
}

} // namespace
