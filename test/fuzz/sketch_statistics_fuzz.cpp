// Any bytes as moments, quantiles, a histogram or velocity tiles: refused, or a state on which every operation is safe
// and keeps it a state.
#include "sketch/histogram.hpp"
#include "sketch/moments.hpp"
#include "sketch/moments_reader.hpp"
#include "sketch/quantiles.hpp"
#include "sketch/quantiles_reader.hpp"
#include "sketch/velocity_tiles.hpp"

#include "../unit/vector_buffer.hpp"

#include <cmath>
#include <cstdlib>
#include <limits>

namespace {

using etl::test::vector_buffer;
using bytes_view = std::span<const std::byte>;

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

// A refusal is an answer.
template <class Ask>
void ask(Ask question)
{
    try {
        (void)question();
    } catch (const etl::error&) {
    }
}

constexpr double numbers[] = {0,
                              1,
                              -2.5,
                              1e300,
                              -1e-300,
                              std::numeric_limits<double>::denorm_min(),
                              std::numeric_limits<double>::infinity(),
                              std::nan("")};

void read_moments(bytes_view state)
{
    using etl::moments_reader;
    const moments_reader reader{state};
    for (const auto by : {moments_reader::divisor::population, moments_reader::divisor::sample}) {
        ask([&] { return reader.variance(by); });
        ask([&] { return reader.deviation(by); });
    }
    ask([&] { return reader.sum(); });
    (void)reader.mean();
    (void)reader.skewness();
    (void)reader.kurtosis();
    (void)reader.least();
    (void)reader.greatest();
}

void use_moments(bytes_view bytes)
{
    read_moments(bytes);
    ask([bytes] {
        vector_buffer grown{bytes};
        etl::moments state{grown};
        const auto count = etl::moments_reader{bytes}.count();
        for (const double number : numbers) {
            state.add(number);
        }
        state.merge(bytes);
        demand(etl::moments_reader{grown.bytes()}.count() == 2 * count + std::size(numbers));
        etl::moments::check(grown.bytes());
        vector_buffer stored;
        etl::moments::pack(grown.bytes(), stored);
        etl::moments::check(stored.bytes());
        read_moments(stored.bytes());
        return true;
    });
}

void read_quantiles(bytes_view state)
{
    const etl::quantiles_reader reader{state, etl::never_poll};
    for (const double number : numbers) {
        ask([&] { return reader.at(number); });
        (void)reader.up_to(number);
    }
    ask([&] { return reader.at(0.3); });
    ask([&] { return reader.edges(7); });
    (void)reader.rank_error();
    (void)reader.least();
    (void)reader.greatest();
}

void use_quantiles(bytes_view bytes)
{
    read_quantiles(bytes);
    ask([bytes] {
        const auto before = etl::quantiles::read(bytes);
        vector_buffer grown{bytes};
        etl::quantiles state{grown, static_cast<int>(before.kept)};
        for (int i = 0; i < 200; ++i) {
            state.add(i % 7);
        }
        etl::quantiles::check(grown.bytes());
        etl::quantiles::merge(grown, bytes);
        demand(etl::quantiles::read(grown.bytes()).count == 2 * before.count + 200);
        vector_buffer stored;
        etl::quantiles::pack(grown.bytes(), stored);
        etl::quantiles::check(stored.bytes());
        read_quantiles(stored.bytes());
        return true;
    });
}

void use_histogram(bytes_view bytes)
{
    const auto before = etl::histogram::read(bytes);
    ask([&] {
        vector_buffer grown{bytes};
        etl::histogram state{grown, before.edges};
        for (const double number : numbers) {
            state.add(number);
        }
        state.add_null();
        demand(etl::histogram::read(grown.bytes()).count() == before.count() + std::size(numbers));
        etl::histogram::merge(grown, bytes);
        return true;
    });
}

void use_tiles(bytes_view bytes)
{
    ask([bytes] {
        const auto before = etl::velocity_tiles::read(bytes);
        vector_buffer grown{bytes};
        etl::velocity_tiles state{grown, before.minutes};
        for (std::int64_t i = 0; i < 100; ++i) {
            state.add((before.newest() + i - 50) * etl::velocity_tiles::microseconds_per_minute);
        }
        etl::velocity_tiles::check(grown.bytes());
        const auto after = etl::velocity_tiles::read(grown.bytes());
        demand(after.count() + after.dropped == before.count() + before.dropped + 100);
        (void)etl::velocity_tiles::rows_within(grown.bytes(), before.minutes);
        etl::velocity_tiles::merge(grown, bytes);
        etl::velocity_tiles::check(grown.bytes());
        return true;
    });
    ask([bytes] { return etl::velocity_tiles::rows_within(bytes, 1, 12345); });
}

template <class Check, class Use>
void try_as(bytes_view bytes, Check check, Use use)
{
    try {
        check(bytes);
    } catch (const etl::error&) {
        return;
    }
    use(bytes);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto bytes = std::as_bytes(std::span{data, size});
    try_as(bytes, etl::moments::check, use_moments);
    try_as(bytes, etl::quantiles::check, use_quantiles);
    try_as(bytes, etl::histogram::check, use_histogram);
    try_as(bytes, etl::velocity_tiles::check, use_tiles);
    return 0;
}
