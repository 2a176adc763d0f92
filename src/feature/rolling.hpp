// Aggregates over the rows of a key in spans of time that end at a row: for every row and several spans at once, in one
// walk through the rows in the order of (key, time).
//
// The window of a row and a span holds the rows of its key with a time in (time - span, time]: all that have the row's
// own time belong to it. Several readers follow each other through the rows. One goes ahead and adds the rows up to the
// time of the row that is looked at to all windows; one for each span comes behind and takes away what has left its
// window. So a row is added once, and taken away once for each span, whatever the spans are.
#pragma once

#include "core/decimal.hpp"
#include "feature/row_parts.hpp"
#include "feature/sorted_rows.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

namespace etl::feature {

// What a row holds after its head: a slot for each column that is aggregated, in one of these forms, and then what the
// caller wants to have back. Bytes that a slot speaks of lie somewhere within the row.
//
//   whole      the number, 1
//   real       the double's bits, 1
//   decimal    offset and length of the digits (32 bits each); 1, then sign, places and weight (16 bits each)
//   print      a fingerprint, which is never zero
//   bytes      offset and length (32 bits each), 1
//
// A slot of zeros is NULL.
struct row_slot {
    std::uint64_t first;
    std::uint64_t second;
    bool is_null() const noexcept { return (first | second) == 0; }
};
static_assert(sizeof(row_slot) == 16);

enum class slot_form : std::uint8_t { whole, real, decimal, print, bytes };
enum class rolling_function : std::uint8_t { rows, count, sum, avg, min, max, distinct, latest };

// In row_head::flags: the row has no time. It lies in no window, and has none.
inline constexpr std::uint32_t no_time = 1;

// Times; what is before and after all of them. Nothing lies before past_infinity.
inline constexpr std::int64_t past_infinity = std::numeric_limits<std::int64_t>::min() + 1;
inline constexpr std::int64_t future_infinity = std::numeric_limits<std::int64_t>::max();

struct rolling_call {
    rolling_function function;
    std::size_t slot; // of rows: none
};

// What a call gives for a window.
struct rolling_value {
    enum class kind : std::uint8_t { null, whole, real, decimal, bytes };
    kind is = kind::null;
    std::int16_t places = 0; // of a decimal
    std::uint64_t rows = 0;  // of sums: how many values are in it; the average is yet to be taken
    std::uint64_t low = 0;   // a whole number of 128 bits
    std::int64_t high = 0;
    double real = 0;                    // an average of reals is one already
    etl::decimal decimal{};             // good until the next value
    std::span<const std::byte> bytes{}; // good until the next row

    __int128 whole() const noexcept { return static_cast<__int128>(high) << 64 | low; }
};

// The order of values that are only known by their bytes.
class byte_order {
  public:
    virtual int compare(std::size_t slot, std::span<const std::byte> a, std::span<const std::byte> b) const = 0;

  protected:
    ~byte_order() = default;
};

// Takes what comes out.
class rolling_sink {
  public:
    // What a call gives for a span, for the rows that follow; their other values stay.
    virtual void value(std::size_t call, std::size_t span, const rolling_value& value) = 0;
    // A row whose values are known.
    virtual void row(const row_head* row) = 0;

  protected:
    ~rolling_sink() = default;
};

class slot_window;

class rolling {
  public:
    // Spans in microseconds, above 0. The order outlives the object.
    rolling(std::pmr::memory_resource* memory, std::span<const slot_form> slots, std::span<const rolling_call> calls,
            std::span<const std::int64_t> spans, const byte_order& order);
    ~rolling();

    // All rows of the part that is shown.
    void run(sorted_rows& part, rolling_sink& to, poll_fn poll);

  private:
    struct walk;
    struct served_call {
        rolling_function function;
        slot_window* from; // nullptr of rows
    };
    slot_window* window_for(rolling_function function, std::size_t slot, slot_form form, const byte_order& order);
    void tell(walk& at, rolling_sink& to, std::int64_t time);
    void tell_nothing(rolling_sink& to);
    void finish_key(walk& at);

    std::pmr::memory_resource* memory_;
    std::pmr::vector<std::int64_t> spans_;
    std::vector<std::unique_ptr<slot_window>> windows_;
    std::pmr::vector<served_call> calls_;
};

// Where the window that ends at a time begins; this moment itself is outside. An infinite time sees only its peers.
std::int64_t window_start(std::int64_t time, std::int64_t span) noexcept;

} // namespace etl::feature
