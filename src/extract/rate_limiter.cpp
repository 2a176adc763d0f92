#include "extract/rate_limiter.hpp"

#include "extract/http_error.hpp"

#include "core/file_error.hpp"
#include "core/text.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "core/cpp_only.hpp"

namespace etl {

namespace {

constexpr std::size_t slot_count = 4096; // a power of two
constexpr std::int64_t longest_queue = 100'000;
constexpr std::int64_t nanoseconds_of_second = 1'000'000'000;

std::atomic_ref<std::int64_t> shared(std::int64_t& number) noexcept
{
    static_assert(std::atomic_ref<std::int64_t>::is_always_lock_free, "processes share no locks of a library");
    return std::atomic_ref{number};
}

std::atomic_ref<std::uint64_t> shared(std::uint64_t& number) noexcept
{
    static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free);
    return std::atomic_ref{number};
}

// The finalizer of MurmurHash3: keys are made of small numbers.
std::uint64_t mixed(std::uint64_t key) noexcept
{
    key = (key ^ key >> 33U) * 0xff51afd7ed558ccdULL;
    key = (key ^ key >> 33U) * 0xc4ceb9fe1a85ec53ULL;
    return key ^ key >> 33U;
}

class open_file {
  public:
    open_file(const char* path, int flags) noexcept : descriptor_{open(path, flags | O_CLOEXEC, 0600)} {}
    ~open_file()
    {
        if (descriptor_ >= 0) {
            close(descriptor_);
        }
    }
    open_file(const open_file&) = delete;
    open_file& operator=(const open_file&) = delete;
    int descriptor() const noexcept { return descriptor_; }

  private:
    int descriptor_;
};

// A number that differs from one boot of the machine to the next, where the system tells; never 0.
std::uint64_t this_boot() noexcept
{
    const open_file file{"/proc/sys/kernel/random/boot_id", O_RDONLY};
    char text[64] = {};
    const ssize_t size = file.descriptor() < 0 ? 0 : read(file.descriptor(), text, sizeof text);
    std::uint64_t hash = 1469598103934665603ULL; // FNV-1a
    for (ssize_t i = 0; i < size; ++i) {
        hash = (hash ^ static_cast<unsigned char>(text[i])) * 1099511628211ULL;
    }
    return hash | 1U;
}

[[noreturn]] void fail(const std::string& file, int code)
{
    throw error(code == ENOSPC ? file_sqlstate::disk_full : file_sqlstate::io_error,
                "could not map the file of rate limits " + in_quotes(file) + ": " + std::strerror(code));
}

} // namespace

struct rate_limiter::table {
    std::uint64_t boot;
    std::uint64_t unused;
    slot slots[slot_count];
};

rate_limiter::rate_limiter(const std::string& file)
{
    const open_file opened{file.c_str(), O_RDWR | O_CREAT};
    if (opened.descriptor() < 0) {
        fail(file, errno);
    }
    // All of it is on the disk before it is touched: a page that has no room there would end the process.
    if (const int code = posix_fallocate(opened.descriptor(), 0, sizeof(table)); code != 0) {
        fail(file, code);
    }
    void* memory = mmap(nullptr, sizeof(table), PROT_READ | PROT_WRITE, MAP_SHARED, opened.descriptor(), 0);
    if (memory == MAP_FAILED) {
        fail(file, errno);
    }
    table_ = static_cast<table*>(memory);
    const std::uint64_t boot = this_boot();
    if (shared(table_->boot).exchange(boot) != boot) {
        for (slot& each : table_->slots) {
            shared(each.next).store(0);
        }
    }
}

rate_limiter::~rate_limiter()
{
    munmap(table_, sizeof(table));
}

rate_limiter::nanoseconds rate_limiter::now() noexcept
{
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return nanoseconds{time.tv_sec * nanoseconds_of_second + time.tv_nsec};
}

// Open addressing; keys are never removed. In a table that is full, keys share the slots where they would begin, and
// get less than their rate.
rate_limiter::slot& rate_limiter::slot_of(std::uint64_t key) noexcept
{
    const std::size_t home = mixed(key) & (slot_count - 1);
    for (std::size_t step = 0; step < slot_count; ++step) {
        slot& found = table_->slots[(home + step) & (slot_count - 1)];
        std::uint64_t held = 0;
        if (shared(found.key).compare_exchange_strong(held, key) || held == key) {
            return found;
        }
    }
    return table_->slots[home];
}

rate_limiter::nanoseconds rate_limiter::take(std::uint64_t key, nanoseconds interval, nanoseconds now) noexcept
{
    const auto next = shared(slot_of(key).next);
    const std::int64_t furthest =
        now.count() + std::min(interval.count(), INT64_MAX / 4 / longest_queue) * longest_queue;
    std::int64_t held = next.load();
    std::int64_t mine = 0;
    do {
        mine = held > furthest ? now.count() : std::max(held, now.count());
    } while (!next.compare_exchange_weak(held, mine + interval.count()));
    return nanoseconds{mine};
}

void rate_limiter::give_back(std::uint64_t key, nanoseconds interval, nanoseconds taken) noexcept
{
    std::int64_t held = (taken + interval).count();
    shared(slot_of(key).next).compare_exchange_strong(held, taken.count());
}

} // namespace etl
