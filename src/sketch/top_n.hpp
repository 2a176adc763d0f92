// The first n values of a group in an order: what etl.top_n, etl.latest_n and etl.first_n keep while rows come.
//
// A row is one entry in a buffer of eight-byte words. Entries are appended; when the buffer holds twice as many as are
// wanted, the better half is selected and moved together. So a row costs a copy and, over time, a constant number of
// comparisons, small groups lie in as little memory as their rows need, and rows that come after all that are kept are
// left out by one comparison.
//
// The stored form is a list of the entries in their final order, each with its place in the order and its value in
// bytes that say nothing of memory:
//
//   magic "TOPN" u32, version u32                     state_header
//   is ascending u8, encoding i32, n u32
//   value type, order type, collation of the order    each a schema and a name, as strings
//   shapes of the value type and of the order type    u64 each: what a row's columns are, 0 for types without rows
//   entries u64, and of each: is NULL u8, order string, value string (empty for NULL)
#pragma once

#include "core/byte_io.hpp"
#include "core/error.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

namespace etl {

// Words of eight bytes that so many bytes take.
constexpr std::size_t words_of(std::size_t bytes) noexcept
{
    return (bytes + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
}

// How an entry begins. Its order comes first, then its value.
struct top_entry {
    std::uint64_t code;     // entries with a lower one come first
    std::uint32_t words;    // of the entry, with this
    std::uint32_t value_at; // in words; equals `words` for NULL

    bool is_null() const noexcept { return value_at == words; }
    const std::byte* order() const noexcept { return reinterpret_cast<const std::byte*>(this + 1); }
    const std::byte* value() const noexcept
    {
        return reinterpret_cast<const std::byte*>(reinterpret_cast<const std::uint64_t*>(this) + value_at);
    }
};
static_assert(sizeof(top_entry) == 16);

// Decides between entries of one code: negative where a comes before b. 0 only where nothing tells them apart.
class entry_order {
  public:
    virtual int compare(const top_entry& a, const top_entry& b) const = 0;

  protected:
    ~entry_order() = default;
};

class top_n {
  public:
    static constexpr std::uint32_t max_n = 10'000'000;
    static constexpr std::uint32_t header_words = sizeof(top_entry) / sizeof(std::uint64_t);

    top_n(std::pmr::memory_resource* memory, std::uint32_t n) : n_{n}, words_{memory} {}

    std::uint32_t n() const noexcept { return n_; }
    std::uint32_t rows() const noexcept { return rows_; }

    // Whether an entry of this code may be among the first n.
    bool wants(std::uint64_t code) const noexcept { return code <= bound_ && n_ > 0; }

    // Makes room for an entry whose order and value have so many bytes, to be filled by the caller, who then calls
    // settle(). `value` is its own argument as NULL has none.
    top_entry& append(std::uint64_t code, std::size_t order_bytes, std::size_t value_bytes, bool is_null);

    // Where an entry's bytes are written.
    static std::byte* order_of(top_entry& entry) noexcept { return reinterpret_cast<std::byte*>(&entry + 1); }
    static std::byte* value_of(top_entry& entry) noexcept
    {
        return reinterpret_cast<std::byte*>(reinterpret_cast<std::uint64_t*>(&entry) + entry.value_at);
    }

    void settle(const entry_order& order, poll_fn poll)
    {
        if (rows_ >= most_rows()) {
            prune(order, poll);
        }
    }

    // The first n entries in their order. They are valid until the next change.
    std::pmr::vector<const top_entry*> sorted(const entry_order& order, poll_fn poll,
                                              std::pmr::memory_resource* memory) const;

    // All entries of another one as well. Both keep n.
    void merge(const top_n& other, const entry_order& order, poll_fn poll);

  private:
    std::uint64_t most_rows() const noexcept { return std::uint64_t{2} * n_; }
    void prune(const entry_order& order, poll_fn poll);
    std::pmr::vector<const top_entry*> entries(std::pmr::memory_resource* memory) const;

    std::uint32_t n_;
    std::uint32_t rows_ = 0;
    std::uint64_t bound_ = ~std::uint64_t{0}; // codes beyond it come after n entries
    std::pmr::vector<std::uint64_t> words_;
};

// What a stored state says of itself.
struct top_n_header {
    bool ascending = false;
    std::int32_t encoding = 0;
    std::uint32_t n = 0;
    std::string_view value_schema, value_type;
    std::string_view order_schema, order_type;
    std::string_view collation_schema, collation;
    std::uint64_t value_shape = 0;
    std::uint64_t order_shape = 0;

    friend bool operator==(const top_n_header&, const top_n_header&) noexcept = default;
};

struct stored_entry {
    bool is_null;
    std::string_view order;
    std::string_view value;
};

constexpr char top_n_type[] = "etl.top_n_state";

void write_top_n_header(byte_writer& to, const top_n_header& header, std::size_t entries);
void write_top_n_entry(byte_writer& to, const stored_entry& entry);

// Reads a stored state from a stranger: what it says of itself, then each entry.
class top_n_reader {
  public:
    explicit top_n_reader(std::span<const std::byte> bytes);

    const top_n_header& header() const noexcept { return header_; }
    std::size_t entries() const noexcept { return entries_; }
    stored_entry next();
    void expect_end() const { from_.expect_end(); }

  private:
    byte_reader from_;
    top_n_header header_;
    std::size_t entries_;
};

// Reads all of it.
void check_top_n(std::span<const std::byte> bytes, poll_fn poll);

} // namespace etl
