#include "sketch/top_n.hpp"

#include <algorithm>
#include <limits>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::uint32_t magic = make_magic("TOPN");
constexpr std::uint32_t version = 1;
constexpr std::size_t least_entry = sizeof(std::uint8_t) + 2 * sizeof(std::uint64_t);

// Stands before the entries' own comparison, and lets a long sort be cancelled.
class earlier {
  public:
    earlier(const entry_order& order, poller& polls) noexcept : order_{order}, polls_{polls} {}
    bool operator()(const top_entry* a, const top_entry* b) const
    {
        polls_.tick();
        return a->code != b->code ? a->code < b->code : order_.compare(*a, *b) < 0;
    }

  private:
    const entry_order& order_;
    poller& polls_;
};

template <class Entries>
auto nth(Entries& entries, std::size_t n)
{
    return entries.begin() + static_cast<std::ptrdiff_t>(n);
}

} // namespace

top_entry& top_n::append(std::uint64_t code, std::size_t order_bytes, std::size_t value_bytes, bool is_null)
{
    const std::size_t value_at = header_words + words_of(order_bytes);
    const std::size_t words = value_at + (is_null ? 0 : std::max<std::size_t>(words_of(value_bytes), 1));
    if (words > std::numeric_limits<std::uint32_t>::max()) {
        throw error(sqlstate::program_limit_exceeded, "a value is too large for a state");
    }
    if (n_ == 1 && rows_ == 1 && code < reinterpret_cast<const top_entry*>(words_.data())->code) {
        words_.clear(); // nothing to select
        rows_ = 0;
    }
    const std::size_t at = words_.size();
    words_.resize(at + words);
    auto& made =
        *new (&words_[at]) top_entry{code, static_cast<std::uint32_t>(words), static_cast<std::uint32_t>(value_at)};
    if (n_ == 1 && rows_ == 0) {
        bound_ = code;
    }
    ++rows_;
    return made;
}

std::pmr::vector<const top_entry*> top_n::entries(std::pmr::memory_resource* memory) const
{
    std::pmr::vector<const top_entry*> made{memory};
    made.reserve(rows_);
    for (std::size_t at = 0; at < words_.size();) {
        made.push_back(reinterpret_cast<const top_entry*>(&words_[at]));
        at += made.back()->words;
    }
    return made;
}

// Entries are moved towards the front, in the order in which they lie: none is written over before it is moved.
void top_n::prune(const entry_order& order, poll_fn poll)
{
    auto all = entries(words_.get_allocator().resource());
    if (n_ > 0 && all.size() > n_) {
        poller polls{poll};
        std::nth_element(all.begin(), nth(all, n_ - 1), all.end(), earlier{order, polls});
        bound_ = all[n_ - 1]->code;
    }
    all.resize(std::min<std::size_t>(all.size(), n_));
    std::ranges::sort(all);
    std::size_t at = 0;
    for (const top_entry* from : all) {
        const std::size_t words = from->words;
        std::copy_n(reinterpret_cast<const std::uint64_t*>(from), words,
                    words_.begin() + static_cast<std::ptrdiff_t>(at));
        at += words;
    }
    words_.resize(at);
    rows_ = static_cast<std::uint32_t>(all.size());
}

std::pmr::vector<const top_entry*> top_n::sorted(const entry_order& order, poll_fn poll,
                                                 std::pmr::memory_resource* memory) const
{
    auto all = entries(memory);
    const std::size_t kept = std::min<std::size_t>(all.size(), n_);
    poller polls{poll};
    std::partial_sort(all.begin(), nth(all, kept), all.end(), earlier{order, polls});
    all.resize(kept);
    return all;
}

void top_n::merge(const top_n& other, const entry_order& order, poll_fn poll)
{
    poller polls{poll};
    for (std::size_t at = 0; at < other.words_.size();) {
        const auto* from = reinterpret_cast<const top_entry*>(&other.words_[at]);
        if (wants(from->code)) {
            words_.insert(words_.end(), &other.words_[at], &other.words_[at] + from->words);
            ++rows_;
            settle(order, poll);
        }
        at += from->words;
        polls.tick();
    }
}

void write_top_n_header(byte_writer& to, const top_n_header& header, std::size_t entries)
{
    to.value(magic);
    to.value(version);
    to.value(static_cast<std::uint8_t>(header.ascending));
    to.value(header.encoding);
    to.value(header.n);
    for (const auto name : {header.value_schema, header.value_type, header.order_schema, header.order_type,
                            header.collation_schema, header.collation}) {
        to.string(name);
    }
    to.value(header.value_shape);
    to.value(header.order_shape);
    to.count(entries);
}

void write_top_n_entry(byte_writer& to, const stored_entry& entry)
{
    to.value(static_cast<std::uint8_t>(entry.is_null));
    to.string(entry.order);
    to.string(entry.value);
}

top_n_reader::top_n_reader(std::span<const std::byte> bytes) : from_{bytes, top_n_type}
{
    check_header(bytes, magic, version, top_n_type);
    from_.bytes(sizeof(state_header));
    header_.ascending = from_.flag();
    header_.encoding = from_.value<std::int32_t>();
    header_.n = from_.value<std::uint32_t>();
    for (auto* name : {&header_.value_schema, &header_.value_type, &header_.order_schema, &header_.order_type,
                       &header_.collation_schema, &header_.collation}) {
        *name = from_.string();
        if (name->find('\0') != std::string_view::npos) {
            from_.refuse("A name in it holds a zero byte.");
        }
    }
    header_.value_shape = from_.value<std::uint64_t>();
    header_.order_shape = from_.value<std::uint64_t>();
    entries_ = from_.count(least_entry);
    if (header_.n > top_n::max_n || entries_ > header_.n) {
        from_.refuse("It claims to keep " + std::to_string(header_.n) + " values and has " + std::to_string(entries_) +
                     ".");
    }
}

stored_entry top_n_reader::next()
{
    stored_entry made{};
    made.is_null = from_.flag();
    made.order = from_.string();
    made.value = from_.string();
    if (made.is_null && !made.value.empty()) {
        from_.refuse("A NULL has bytes.");
    }
    return made;
}

void check_top_n(std::span<const std::byte> bytes, poll_fn poll)
{
    top_n_reader from{bytes};
    poller polls{poll};
    for (std::size_t i = 0; i < from.entries(); ++i) {
        from.next();
        polls.tick();
    }
    from.expect_end();
}

} // namespace etl
