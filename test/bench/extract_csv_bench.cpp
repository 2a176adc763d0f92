// How fast CSV is read: bytes a second of typical rows, with and without quotes.
#include "extract/csv_reader.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <utility>

namespace {

class text_source final : public etl::byte_source {
  public:
    explicit text_source(std::string_view text) : text_{text} {}

    std::size_t read(std::span<char> to) override
    {
        const std::size_t count = std::min(to.size(), text_.size());
        std::copy_n(text_.data(), count, to.data());
        text_.remove_prefix(count);
        return count;
    }

  private:
    std::string_view text_;
};

std::string rows(bool quoted)
{
    std::string made;
    for (int i = 0; made.size() < 32U << 20U; ++i) {
        const std::string number = std::to_string(i);
        const std::string wallet = "0x" + std::to_string(7'919ULL * static_cast<unsigned>(i) % 1'000'003);
        if (quoted) {
            made += '"' + number + "\",\"" + wallet +
                    "\",\"2025-03-01 10:00:00+00\",\"say \"\"hi\"\", please\",\"12.50\"\n";
        } else {
            made += number + ',' + wallet + ",2025-03-01 10:00:00+00,say hi please,12.50\n";
        }
    }
    return made;
}

void read_csv(benchmark::State& state, bool quoted)
{
    const std::string text = rows(quoted);
    for (auto _ : state) {
        text_source from{text};
        etl::csv_reader reader{from, {}};
        std::size_t bytes = 0;
        while (reader.next() == etl::csv_reader::outcome::record) {
            bytes += reader.values().size() + reader.values().back().text.size();
        }
        benchmark::DoNotOptimize(bytes);
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}
BENCHMARK_CAPTURE(read_csv, plain, false);
BENCHMARK_CAPTURE(read_csv, quoted, true);

} // namespace
