// Any bytes as what etl._repeated_keys leaves behind, or as its state on the way between two processes (the first byte
// says which): refused, or used without a look beyond its end.
#include "dedupe/repeated_keys.hpp"

#include <cstdlib>
#include <vector>

namespace {

using etl::dedupe::repeated_keys;
using etl::dedupe::repeated_keys_view;

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

constexpr std::uint64_t keys[] = {0, 1, 0x9e3779b97f4a7c15, ~std::uint64_t{0}};

void ask(std::span<const std::byte> bytes)
{
    const auto view = repeated_keys_view::read(bytes);
    int found = 0;
    for (const std::uint64_t key : keys) {
        found += static_cast<int>(view.has(key));
    }
    demand(found >= 0);
}

// What was added twice is found, whatever was there before.
void go_on(std::span<const std::byte> bytes)
{
    auto first = repeated_keys::read_state(std::pmr::get_default_resource(), bytes);
    auto second = repeated_keys::read_state(std::pmr::get_default_resource(), bytes);
    for (const std::uint64_t key : keys) {
        first.add(key);
        second.add(key);
    }
    first.merge(std::move(second), etl::never_poll);
    const std::uint32_t folds = first.best_folds(etl::never_poll);
    std::vector<std::byte> answer(first.answer_size(folds));
    first.write_answer(answer.data(), folds, etl::never_poll);
    const auto view = repeated_keys_view::read(answer);
    for (const std::uint64_t key : keys) {
        demand(view.has(key));
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0) {
        return 0;
    }
    const auto bytes = std::as_bytes(std::span{data + 1, size - 1});
    try {
        data[0] % 2 == 0 ? ask(bytes) : go_on(bytes);
    } catch (const etl::error&) {
    }
    return 0;
}
