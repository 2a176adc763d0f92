#include "sketch/distinct_set.hpp"

#include "sketch/distinct_set_sort.hpp"

#include <algorithm>
#include <string>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr char type_name[] = "etl.distinct_set";
constexpr std::uint32_t magic = make_magic("DSET");
constexpr std::uint32_t version = 1;

constexpr std::uint8_t open_flag = 1;
constexpr std::uint8_t collation_flag = 2;

struct header {
    state_header head;
    std::uint32_t type;
    std::uint8_t width;
    std::uint8_t flags;
    std::uint16_t unused;
};
static_assert(sizeof(header) == distinct_set::header_size);

header read_header(std::span<const std::byte> bytes, std::size_t size)
{
    check_header(bytes, magic, version, type_name);
    if (bytes.size() < sizeof(header)) {
        refuse_state(type_name, "The value ends within its header.");
    }
    const auto head = load<header>(bytes.data());
    if (head.width != sizeof(std::uint64_t) && head.width != sizeof(fingerprint)) {
        refuse_state(type_name, "Entries of " + std::to_string(head.width) + " bytes are not known.");
    }
    if ((head.flags & ~(open_flag | collation_flag)) != 0 || head.unused != 0) {
        refuse_state(type_name, "The header has marks that are not known.");
    }
    if ((size - sizeof(header)) % head.width != 0) {
        refuse_state(type_name, "The value ends within an entry.");
    }
    return head;
}

template <class Entry>
void check_order(const distinct_set& set, poll_fn poll)
{
    poller stop{poll};
    for (std::size_t i = 1; i < set.entries(); ++i) {
        if (!precedes(set.entry<Entry>(i - 1), set.entry<Entry>(i))) {
            refuse_state(type_name, "Entry " + std::to_string(i + 1) + " does not follow the one before it.");
        }
        stop.tick();
    }
}

// The place of the first entry that does not precede this one, in a closed set.
template <class Entry>
std::size_t lower_bound(const distinct_set& set, const Entry& entry)
{
    std::size_t first = 0;
    std::size_t count = set.entries();
    while (count > 0) {
        const std::size_t half = count / 2;
        if (precedes(set.entry<Entry>(first + half), entry)) {
            first += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return first;
}

template <class Entry>
bool has(const distinct_set& set, const Entry& entry, poll_fn poll)
{
    if (!set.is_open()) {
        const std::size_t at = lower_bound(set, entry);
        return at < set.entries() && set.entry<Entry>(at) == entry;
    }
    poller stop{poll};
    for (std::size_t i = 0; i < set.entries(); ++i) {
        if (set.entry<Entry>(i) == entry) {
            return true;
        }
        stop.tick();
    }
    return false;
}

// Writes entries side by side.
template <class Entry>
class entry_writer {
  public:
    explicit entry_writer(std::byte* to) : to_{to} {}
    void put(const Entry& entry)
    {
        store(to_, entry);
        to_ += sizeof entry;
    }
    void put_rest(const distinct_set& of, std::size_t from)
    {
        const auto rest = of.entry_bytes().subspan(from * sizeof(Entry));
        if (!rest.empty()) {
            std::memcpy(to_, rest.data(), rest.size());
            to_ += rest.size();
        }
    }
    const std::byte* end() const { return to_; }

  private:
    std::byte* to_;
};

// Only counts them.
template <class Entry>
class entry_counter {
  public:
    void put(const Entry&) { ++count_; }
    void put_rest(const distinct_set& of, std::size_t from) { count_ += of.entries() - from; }
    std::size_t count() const { return count_; }

  private:
    std::size_t count_ = 0;
};

// One pass through both: where the smaller entry stands decides, with the operation, whether it is kept.
template <class Entry, class Out>
void pass(set_operation operation, const distinct_set& left, const distinct_set& right, Out& out, poll_fn poll)
{
    const bool keeps_left = operation != set_operation::intersect;
    const bool keeps_right = operation == set_operation::unite;
    const bool keeps_both = operation != set_operation::subtract;
    poller stop{poll};
    std::size_t l = 0;
    std::size_t r = 0;
    while (l < left.entries() && r < right.entries()) {
        const auto from_left = left.entry<Entry>(l);
        const auto from_right = right.entry<Entry>(r);
        const bool is_left = !precedes(from_right, from_left);
        const bool is_right = !precedes(from_left, from_right);
        if (is_left && is_right ? keeps_both : is_left ? keeps_left : keeps_right) {
            out.put(is_left ? from_left : from_right);
        }
        l += is_left;
        r += is_right;
        stop.tick();
    }
    if (keeps_left) {
        out.put_rest(left, l);
    }
    if (keeps_right) {
        out.put_rest(right, r);
    }
}

// The most that an operation may leave.
std::size_t most_of(set_operation operation, const distinct_set& left, const distinct_set& right)
{
    switch (operation) {
    case set_operation::unite:
        return left.entries() + right.entries();
    case set_operation::intersect:
        return std::min(left.entries(), right.entries());
    default:
        return left.entries();
    }
}

template <class Entry>
void combine(set_operation operation, const distinct_set& left, const distinct_set& right, flat_buffer& to,
             poll_fn poll, std::size_t most_bytes)
{
    std::size_t room = most_of(operation, left, right);
    if (room * sizeof(Entry) > most_bytes) { // what both have may be much
        entry_counter<Entry> counted;
        pass<Entry>(operation, left, right, counted, poll);
        room = counted.count();
        if (room * sizeof(Entry) > most_bytes) {
            refuse_set_size(sizeof(Entry));
        }
    }
    to.resize(distinct_set::header_size + room * sizeof(Entry));
    distinct_set::write_header(to.data(), left.kind(), false);
    entry_writer<Entry> out{to.data() + distinct_set::header_size};
    pass<Entry>(operation, left, right, out, poll);
    to.resize(static_cast<std::size_t>(out.end() - to.data()));
}

} // namespace

[[noreturn]] void refuse_set_size(std::size_t width)
{
    throw error(sqlstate::program_limit_exceeded,
                "a distinct set cannot hold more than " + std::to_string(distinct_set::max_count(width)) +
                    " values of this type",
                "A set is one value, and PostgreSQL's values end at 1 GB.",
                "Count parts of the values and add the counts: SELECT sum(n) FROM (SELECT etl.count_distinct(x) AS n "
                "FROM t GROUP BY hashtext(x::text) & 15) AS parts.");
}

distinct_set::distinct_set(std::span<const std::byte> bytes)
{
    const header head = read_header(bytes, bytes.size());
    kind_ = {head.type, head.width, (head.flags & collation_flag) != 0};
    is_open_ = (head.flags & open_flag) != 0;
    entries_ = bytes.subspan(sizeof(header));
}

void distinct_set::check(std::span<const std::byte> bytes, poll_fn poll)
{
    const distinct_set set{bytes};
    if (!set.is_open()) {
        with_entry_of(set.kind().width, [&]<class Entry>(Entry) { check_order<Entry>(set, poll); });
    }
}

std::int64_t distinct_set::closed_count(std::span<const std::byte> front, std::size_t size)
{
    const header head = read_header(front, size);
    return (head.flags & open_flag) != 0 ? -1 : static_cast<std::int64_t>((size - sizeof(header)) / head.width);
}

bool distinct_set::contains(std::uint64_t entry, poll_fn poll) const
{
    return has(*this, entry, poll);
}

bool distinct_set::contains(const fingerprint& entry, poll_fn poll) const
{
    return has(*this, entry, poll);
}

void distinct_set::write_header(std::byte* to, const set_kind& kind, bool is_open)
{
    const auto flags = static_cast<std::uint8_t>((is_open ? open_flag : 0) | (kind.by_collation ? collation_flag : 0));
    store(to, header{{magic, version}, kind.type, kind.width, flags, 0});
}

void combine_sets(set_operation operation, const distinct_set& left, const distinct_set& right, flat_buffer& to,
                  poll_fn poll, std::size_t most_bytes)
{
    with_entry_of(left.kind().width,
                  [&]<class Entry>(Entry) { combine<Entry>(operation, left, right, to, poll, most_bytes); });
}

} // namespace etl
