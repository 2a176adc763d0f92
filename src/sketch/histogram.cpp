#include "sketch/histogram.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <string>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr std::uint32_t magic = make_magic("HIST");
constexpr std::uint32_t version = 1;
constexpr std::uint64_t most_values = std::uint64_t{1} << 62; // of all counters, so that their sum is a bigint

struct header {
    state_header head;
    std::uint64_t below;
    std::uint64_t above;
    std::uint64_t nans;
    std::uint64_t nulls;
    std::uint64_t edges;
};
static_assert(sizeof(header) == 48);

constexpr std::size_t edges_at = sizeof(header);

constexpr std::size_t rows_at(std::size_t edges)
{
    return edges_at + edges * sizeof(double);
}

constexpr std::size_t size_of(std::size_t edges)
{
    return rows_at(edges) + (edges - 1) * sizeof(std::uint64_t);
}

// Reads the header and checks it against the length: after this no bin lies outside.
header read_header(std::span<const std::byte> bytes)
{
    check_header(bytes, magic, version, histogram::type_name);
    if (bytes.size() < sizeof(header)) {
        refuse_state(histogram::type_name, "The value ends within its header.");
    }
    const auto head = load<header>(bytes.data());
    if (head.edges < 2 || head.edges > histogram::most_edges || bytes.size() != size_of(head.edges)) {
        refuse_state(histogram::type_name, "A histogram of " + std::to_string(head.edges) + " edges does not have " +
                                               std::to_string(bytes.size()) + " bytes.");
    }
    return head;
}

std::string in_text(double value)
{
    char digits[32];
    return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

// As an array is written, cut where it is long.
std::string in_text(std::span<const double> edges)
{
    constexpr std::size_t most_shown = 10;
    std::string text = "{";
    for (std::size_t i = 0; i < std::min(edges.size(), most_shown); ++i) {
        text += (i == 0 ? "" : ",") + in_text(edges[i]);
    }
    return text + (edges.size() > most_shown ? ",… " + std::to_string(edges.size()) + " edges}" : "}");
}

[[noreturn]] void refuse_edges(const std::string& message, const std::string& detail = {})
{
    throw error(sqlstate::invalid_parameter_value, message, detail,
                "Give the borders of the bins in ascending order, as in ARRAY[0, 10, 100].");
}

void require_edges(std::span<const double> edges)
{
    if (edges.size() < 2 || edges.size() > histogram::most_edges) {
        refuse_edges("a histogram needs from 2 to " + std::to_string(histogram::most_edges) + " edges, not " +
                     std::to_string(edges.size()));
    }
    for (std::size_t i = 0; i < edges.size(); ++i) {
        if (std::isnan(edges[i])) {
            refuse_edges("edge " + std::to_string(i + 1) + " of a histogram is NaN");
        }
        if (i > 0 && edges[i] <= edges[i - 1]) {
            refuse_edges("the edges of a histogram are not ascending",
                         "Edge " + std::to_string(i + 1) + " is " + in_text(edges[i]) + ", and the one before it is " +
                             in_text(edges[i - 1]) + ".");
        }
    }
}

bool has_edges(std::span<const std::byte> state, std::size_t count, std::span<const double> edges)
{
    if (count != edges.size()) {
        return false;
    }
    const std::byte* own = state.data() + edges_at;
    if (std::memcmp(own, edges.data(), edges.size_bytes()) == 0) {
        return true;
    }
    for (std::size_t i = 0; i < edges.size(); ++i) { // 0 and -0 are equal
        if (load<double>(own + i * sizeof(double)) != edges[i]) {
            return false;
        }
    }
    return true;
}

[[noreturn]] void refuse_other_edges(const char* message, std::span<const double> a, std::span<const double> b)
{
    throw error(sqlstate::invalid_parameter_value, message, "One has " + in_text(a) + ", another " + in_text(b) + ".",
                "Use the same edges for all; etl.equi_depth_edges gives them from stored quantiles.");
}

[[noreturn]] void refuse_count()
{
    throw error(sqlstate::program_limit_exceeded, "a histogram cannot count more than 2^62 values");
}

void increase(std::byte* counter)
{
    const auto count = load<std::uint64_t>(counter);
    if (count >= most_values) {
        refuse_count();
    }
    store(counter, count + 1);
}

// Calls each(where) for all counters.
template <class Each>
void each_counter(std::size_t edges, Each&& each)
{
    for (const std::size_t at :
         {offsetof(header, below), offsetof(header, above), offsetof(header, nans), offsetof(header, nulls)}) {
        each(at);
    }
    for (std::size_t at = rows_at(edges); at < size_of(edges); at += sizeof(std::uint64_t)) {
        each(at);
    }
}

// Of all counters, or more than most_values.
std::uint64_t total_of(std::span<const std::byte> state, std::size_t edges)
{
    constexpr std::uint64_t too_many = most_values + 1;
    std::uint64_t sum = 0;
    each_counter(edges, [&](std::size_t at) {
        sum = std::min(sum + std::min(load<std::uint64_t>(state.data() + at), too_many), too_many);
    });
    return sum;
}

} // namespace

histogram::histogram(flat_buffer& buffer, std::span<const double> edges) : buffer_{buffer}, edges_{edges.size()}
{
    if (buffer_.size() == 0) {
        require_edges(edges);
        buffer_.resize(size_of(edges.size()));
        std::memset(buffer_.data(), 0, buffer_.size());
        store(buffer_.data(), header{{magic, version}, 0, 0, 0, 0, edges.size()});
        for (std::size_t i = 0; i < edges.size(); ++i) {
            store(buffer_.data() + edges_at + i * sizeof(double), edges[i] + 0.0);
        }
        return;
    }
    const header head = read_header(buffer_.bytes());
    if (!has_edges(buffer_.bytes(), head.edges, edges)) {
        refuse_other_edges("the edges of a histogram differ between its rows", read(buffer_.bytes()).edges, edges);
    }
}

// The bin of a value is one less than the number of edges that are not above it: found by halving what edges are left.
void histogram::add(double value)
{
    std::byte* state = buffer_.data();
    const std::byte* first = state + edges_at;
    const auto edge = [first](std::size_t i) { return load<double>(first + i * sizeof(double)); };
    if (std::isnan(value)) {
        return increase(state + offsetof(header, nans));
    }
    if (value < edge(0)) {
        return increase(state + offsetof(header, below));
    }
    const double last = edge(edges_ - 1);
    if (value > last) {
        return increase(state + offsetof(header, above));
    }
    std::size_t bin = 0;
    for (std::size_t left = edges_ - 1; left > 1;) {
        const std::size_t half = left / 2;
        bin += edge(bin + half) <= value ? half : 0;
        left -= half;
    }
    increase(state + rows_at(edges_) + bin * sizeof(std::uint64_t));
}

void histogram::add_null()
{
    increase(buffer_.data() + offsetof(header, nulls));
}

void histogram::merge(flat_buffer& buffer, std::span<const std::byte> other)
{
    const header head = read_header(buffer.bytes());
    const header from = read_header(other);
    if (head.edges != from.edges ||
        std::memcmp(buffer.data() + edges_at, other.data() + edges_at, head.edges * sizeof(double)) != 0) {
        refuse_other_edges("histograms of different edges cannot be merged", read(buffer.bytes()).edges,
                           read(other).edges);
    }
    if (total_of(buffer.bytes(), head.edges) + total_of(other, head.edges) > most_values) {
        refuse_count();
    }
    each_counter(head.edges, [&](std::size_t at) {
        store(buffer.data() + at, load<std::uint64_t>(buffer.data() + at) + load<std::uint64_t>(other.data() + at));
    });
}

histogram::contents histogram::read(std::span<const std::byte> state)
{
    const header head = read_header(state);
    contents result{head.below,
                    head.above,
                    head.nans,
                    head.nulls,
                    std::vector<double>(head.edges),
                    std::vector<std::uint64_t>(head.edges - 1)};
    std::memcpy(result.edges.data(), state.data() + edges_at, head.edges * sizeof(double));
    std::memcpy(result.rows.data(), state.data() + rows_at(head.edges), result.rows.size() * sizeof(std::uint64_t));
    return result;
}

std::uint64_t histogram::contents::count() const noexcept
{
    return std::accumulate(rows.begin(), rows.end(), below + above + nans);
}

void histogram::check(std::span<const std::byte> bytes)
{
    const contents state = read(bytes);
    if (total_of(bytes, state.edges.size()) > most_values) {
        refuse_state(type_name, "It counts more than 2^62 values.");
    }
    for (std::size_t i = 0; i < state.edges.size(); ++i) {
        const double edge = state.edges[i];
        if (std::isnan(edge) || (i > 0 && edge <= state.edges[i - 1]) || (edge == 0 && std::signbit(edge))) {
            refuse_state(type_name, "Its edges are not ascending.");
        }
    }
}

} // namespace etl
