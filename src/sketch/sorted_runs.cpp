#include "sketch/sorted_runs.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::size_t most_hot_keys = 16384;
constexpr std::size_t first_pending = 1024;
constexpr std::size_t most_small_runs = 256;
constexpr std::size_t largest_flat = std::size_t{1} << 20;

std::uint64_t sum_of_rows(std::uint64_t a, std::uint64_t b)
{
    std::uint64_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum)) {
        throw error(sqlstate::program_limit_exceeded, "the number of rows is out of range");
    }
    return sum;
}

} // namespace

template <class Key>
sorted_runs<Key>::sorted_runs(std::pmr::memory_resource* memory, std::size_t budget, run_store* store, poll_fn poll)
    : hot_{memory}, pending_{memory}, pending_several_{memory}, settled_{memory}, settled_several_{memory},
      runs_{memory}, budget_{store == nullptr ? no_budget : budget}, store_{store}, poll_{poll}
{
    set_pending_limit();
}

template <class Key>
void sorted_runs<Key>::add(Key key, std::uint64_t rows)
{
    rows_ = sum_of_rows(rows_, rows);
    append(entry{key, rows});
}

template <class Key>
void sorted_runs<Key>::append(entry added)
{
    if (added.rows == 1) {
        append(added.key);
    } else if (added.rows > 1) {
        if (pending_several_.size() >= std::max(first_pending, pending_limit_ / 2)) {
            make_room();
        }
        pending_several_.push_back(added);
    }
}

// Called when the next key would not fit.
template <class Key>
void sorted_runs<Key>::make_room()
{
    if (pending_.size() == pending_room_ && pending_.size() < pending_limit_) {
        const std::size_t wanted = std::max({2 * pending_.size(), pending_.capacity(), std::size_t{32}});
        pending_.reserve(std::min(pending_limit_, wanted));
        pending_room_ = std::min(pending_limit_, pending_.capacity());
        return;
    }
    const std::size_t came = pending_.size() + pending_several_.size();
    sort_pending();
    make_settled();
    keep_hot(came);
    set_pending_limit();
}

// Turns the hash table on where there are few keys and more rows, and off where it knows less than every other row.
template <class Key>
void sorted_runs<Key>::keep_hot(std::uint64_t came)
{
    const std::uint64_t known = rows_ - rows_when_full_ - std::min(came, rows_ - rows_when_full_);
    rows_when_full_ = rows_;
    if (hot_.is_on()) {
        if (known < came) {
            hot_failed_ = true;
            drain_hot();
        }
    } else if (!hot_failed_ && runs_.empty() && settled().keys() <= most_hot_keys && settled().keys() <= rows_ / 2) {
        hot_.start(std::min(2 * most_hot_keys * sizeof(entry), budget_ / 8));
    }
}

template <class Key>
void sorted_runs<Key>::drain_hot()
{
    hot_keys<Key> drained{settled_.get_allocator().resource()};
    std::swap(drained, hot_);
    drained.each([this](const entry& held) { append(held); });
}

template <class Key>
void sorted_runs<Key>::sort_pending()
{
    sort_and_join(pending_, pending_several_, poll_);
    sort_and_join(pending_several_, poll_);
}

// Merges what is pending, sorted by now, with what is settled: in memory while that is a third of the budget, for then
// the lists before and after fit into twice the budget.
template <class Key>
void sorted_runs<Key>::make_settled()
{
    if (settled().bytes() + pending().bytes() > budget_ / 3) {
        write_memory();
    } else if (!pending().empty()) {
        settle_with(pending());
        pending_.clear();
        pending_several_.clear();
    }
}

template <class Key>
void sorted_runs<Key>::settle_with(const key_lists<Key>& more)
{
    std::pmr::vector<Key> single{settled_.get_allocator()};
    std::pmr::vector<entry> several{settled_.get_allocator()};
    merge_lists(settled(), more, single, several, poll_);
    settled_ = std::move(single);
    settled_several_ = std::move(several);
}

// What is pending may grow to the size of what is settled, so that each key is merged a few times only. Once there are
// runs, there are many different keys, and pending takes the whole budget.
template <class Key>
void sorted_runs<Key>::set_pending_limit() noexcept
{
    const std::size_t wanted = runs_.empty() ? settled().keys() : no_budget;
    const std::size_t room = (budget_ - std::min(budget_, settled().bytes())) / sizeof(Key);
    pending_limit_ = std::max(first_pending, std::min(wanted, room));
    pending_room_ = std::min(pending_limit_, pending_.capacity());
}

// Writes what is settled and what is pending, sorted by now, into a run.
template <class Key>
void sorted_runs<Key>::write_memory(key_lists<Key> more)
{
    write_run({}, std::array{settled(), pending(), more});
    settled_ = std::pmr::vector<Key>{settled_.get_allocator()};
    settled_several_ = std::pmr::vector<entry>{settled_.get_allocator()};
    pending_.clear();
    pending_several_ = std::pmr::vector<entry>{settled_.get_allocator()};
    compact_runs();
}

template <class Key>
void sorted_runs<Key>::write_run(std::span<const run> runs, std::span<const key_lists<Key>> lists)
{
    std::pmr::memory_resource* memory = runs_.get_allocator().resource();
    run_writer<Key> writer{memory, *store_};
    run_merge<Key> all{memory, lists, store_, runs, budget_ / 2, poll_};
    for (auto batch = all.next(); !batch.empty(); batch = all.next()) {
        writer.write(batch);
    }
    runs_.push_back(writer.finish());
}

// A run is large when it holds many small ones.
template <class Key>
void sorted_runs<Key>::compact_runs()
{
    const auto is_large = [this](const run& of) { return of.bytes / 16 > budget_; };
    const auto small = std::partition(runs_.begin(), runs_.end(), is_large);
    if (static_cast<std::size_t>(runs_.end() - small) < most_small_runs) {
        return;
    }
    const std::pmr::vector<run> merged{small, runs_.end(), runs_.get_allocator()};
    write_run(merged, {});
    runs_.erase(runs_.end() - 1 - static_cast<std::ptrdiff_t>(merged.size()), runs_.end() - 1);
    for (const run& done : merged) {
        store_->remove(done);
    }
}

template <class Key>
void sorted_runs<Key>::settle()
{
    drain_hot();
    sort_pending();
    make_settled();
    set_pending_limit();
}

template <class Key>
void sorted_runs<Key>::spill()
{
    drain_hot();
    sort_pending();
    if (store_ != nullptr && !(settled().empty() && pending().empty())) {
        write_memory();
    }
    set_pending_limit();
}

template <class Key>
run_merge<Key> sorted_runs<Key>::start_merge()
{
    drain_hot();
    sort_pending();
    return {runs_.get_allocator().resource(), std::array{settled(), pending()}, store_, runs_, budget_ / 2, poll_};
}

// The other's settled lists are merged as they are; what it has pending is added to what is pending here.
template <class Key>
void sorted_runs<Key>::merge(const sorted_runs& other)
{
    if (other.has_runs() && store_ == nullptr) {
        throw error(sqlstate::internal_error, "runs were merged where there is no run store");
    }
    rows_ = sum_of_rows(rows_, other.rows_);
    runs_.insert(runs_.end(), other.runs_.begin(), other.runs_.end());
    if (settled().bytes() + other.settled().bytes() > budget_ / 3) {
        sort_pending();
        write_memory(other.settled());
    } else if (!other.settled().empty()) {
        settle_with(other.settled());
    }
    set_pending_limit();
    for (const Key& key : other.pending_) {
        append(key);
    }
    for (const entry& several : other.pending_several_) {
        append(several);
    }
    other.hot_.each([this](const entry& held) { append(held); });
}

template <class Key>
std::size_t sorted_runs<Key>::memory_bytes() const noexcept
{
    return (pending_.capacity() + settled_.capacity()) * sizeof(Key) +
           (pending_several_.capacity() + settled_several_.capacity()) * sizeof(entry) + hot_.bytes() +
           runs_.capacity() * sizeof(run);
}

// The flat form: rows in runs u64, runs, keys of one row, keys of several; each list after its length.
template <class Key>
std::size_t sorted_runs<Key>::flat_size()
{
    settle();
    return 4 * sizeof(std::uint64_t) + runs_.size() * sizeof(run) + settled().bytes();
}

template <class Key>
void sorted_runs<Key>::write(byte_writer& to)
{
    settle();
    std::uint64_t rows_in_memory = settled_.size();
    for (const entry& several : settled_several_) {
        rows_in_memory += several.rows;
    }
    to.value(rows_ - rows_in_memory);
    to.count(runs_.size());
    to.values(std::span<const run>{runs_});
    to.count(settled_.size());
    to.values(std::span<const Key>{settled_});
    to.count(settled_several_.size());
    to.values(std::span<const entry>{settled_several_});
}

template <class Key>
void sorted_runs<Key>::write_small(byte_writer& to)
{
    if (store_ != nullptr && flat_size() > largest_flat) {
        spill();
    }
    write(to);
}

template <class Key>
void sorted_runs<Key>::read(byte_reader& from)
{
    rows_ = from.value<std::uint64_t>();
    from.values(runs_, from.count(sizeof(run)));
    if ((rows_ > 0) != has_runs()) {
        from.refuse("It counts rows of runs that it does not have.");
    }
    if (has_runs() && store_ == nullptr) {
        from.refuse("It refers to temporary files of a query, which are gone.");
    }
    from.values(settled_, from.count(sizeof(Key)));
    from.values(settled_several_, from.count(sizeof(entry)));
    if (!are_sound(settled(), poll_)) {
        from.refuse("Its keys are not in ascending order.");
    }
    rows_ = sum_of_rows(rows_, settled_.size());
    for (const entry& several : settled_several_) {
        if (__builtin_add_overflow(rows_, several.rows, &rows_)) {
            from.refuse("It counts more rows than there can be.");
        }
    }
    set_pending_limit();
}

template class sorted_runs<fingerprint>;
template class sorted_runs<std::uint64_t>;

} // namespace etl
