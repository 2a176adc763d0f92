#include "dedupe/repeated_keys.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

constexpr std::uint32_t state_magic = make_magic("ERKs");
constexpr std::uint32_t answer_magic = make_magic("ERKa");
constexpr std::uint32_t version = 1;
constexpr std::uint64_t seen = 0x5555555555555555; // the first bits of a word's slots
constexpr std::size_t polled_words = 65536;
constexpr std::uint32_t most_folds = 31;

// One varlena holds a state; beyond that more keys are named wrongly, and nothing else changes.
constexpr std::uint64_t most_blocks = (std::uint64_t{1} << 29) / key_layout::bytes_per_block;

struct flat_header {
    state_header is;
    std::uint64_t seed;
    std::uint32_t flags;
    std::uint32_t probes;
    std::uint32_t blocks;
    std::uint32_t folds;
};
static_assert(sizeof(flat_header) == 32);

std::uint64_t folded(std::uint64_t blocks, std::uint32_t folds) noexcept
{
    return (blocks + (std::uint64_t{1} << folds) - 1) >> folds;
}

struct parsed {
    flat_header header;
    key_layout layout;
    const std::byte* rest;
};

parsed parse(std::span<const std::byte> bytes, std::uint32_t magic, std::size_t bytes_per_block)
{
    constexpr char type[] = "repeated keys";
    check_header(bytes, magic, version, type);
    if (bytes.size() < sizeof(flat_header)) {
        refuse_state(type, "The value is " + std::to_string(bytes.size()) + " bytes long, which is too short.");
    }
    const auto header = load<flat_header>(bytes.data());
    if (header.probes < 1 || header.probes > most_probes) {
        refuse_state(type, "It claims " + std::to_string(header.probes) + " slots a key.");
    }
    if (header.blocks < 1 || header.blocks > most_blocks || header.folds > most_folds ||
        bytes.size() - sizeof header != folded(header.blocks, header.folds) * bytes_per_block) {
        refuse_state(type, "Its length of " + std::to_string(bytes.size()) + " bytes is not that of " +
                               std::to_string(header.blocks) + " blocks.");
    }
    return {header, {header.blocks, header.probes}, bytes.data() + sizeof header};
}

// Every second bit of a word, side by side: the odd ones.
std::uint32_t odd_bits(std::uint64_t word) noexcept
{
    word = word >> 1 & 0x5555555555555555;
    word = (word | word >> 1) & 0x3333333333333333;
    word = (word | word >> 2) & 0x0f0f0f0f0f0f0f0f;
    word = (word | word >> 4) & 0x00ff00ff00ff00ff;
    word = (word | word >> 8) & 0x0000ffff0000ffff;
    return static_cast<std::uint32_t>(word | word >> 16);
}

} // namespace

key_layout key_layout::for_keys(std::uint64_t keys, std::size_t budget) noexcept
{
    constexpr std::uint64_t slots_per_key = 16;
    constexpr std::uint64_t least_blocks = 1024;  // 64 kB
    constexpr std::uint64_t spare_blocks = 16384; // 1 MB, for keys that nobody has expected
    constexpr std::uint64_t few_slots = 6;
    const std::uint64_t known = std::min<std::uint64_t>(keys, most_blocks * slots_per_block);
    const std::uint64_t wanted = known * slots_per_key / slots_per_block + spare_blocks;
    const std::uint64_t allowed = std::clamp<std::uint64_t>(budget / bytes_per_block, least_blocks, most_blocks);
    const std::uint64_t blocks = std::min(wanted, allowed);
    return {static_cast<std::uint32_t>(blocks), blocks * slots_per_block < keys * few_slots ? 1 : most_probes};
}

repeated_keys::repeated_keys(std::pmr::memory_resource* memory, key_layout layout, std::uint64_t seed,
                             std::uint32_t flags)
    : words_(layout.blocks * words_per_block, 0, memory), layout_{layout}, seed_{seed}, flags_{flags}
{
}

void repeated_keys::settle() noexcept
{
    const std::size_t waiting = std::min<std::uint64_t>(added_, waiting_.size());
    for (std::size_t i = 0; i < waiting; ++i) {
        count(waiting_[i]);
    }
    added_ = 0;
}

// A slot that both have seen is seen again.
void repeated_keys::merge(repeated_keys&& gone, poll_fn poll)
{
    if (gone.layout_ != layout_ || gone.seed_ != seed_ || gone.flags_ != flags_) {
        throw error(sqlstate::invalid_parameter_value, "keys that were counted in two ways cannot be put together");
    }
    repeated_keys other = std::move(gone);
    settle();
    other.settle();
    for (std::size_t i = 0; i < words_.size(); ++i) {
        if (i % polled_words == 0) {
            poll();
        }
        const std::uint64_t theirs = other.words_[i];
        words_[i] |= theirs | (words_[i] & theirs & seen) << 1;
    }
}

std::size_t repeated_keys::state_size() const noexcept
{
    return sizeof(flat_header) + words_.size() * sizeof(words_[0]);
}

void repeated_keys::write_state(std::byte* to)
{
    settle();
    store(to, flat_header{{state_magic, version}, seed_, flags_, layout_.probes, layout_.blocks, 0});
    std::memcpy(to + sizeof(flat_header), words_.data(), words_.size() * sizeof(words_[0]));
}

repeated_keys repeated_keys::read_state(std::pmr::memory_resource* memory, std::span<const std::byte> bytes)
{
    const parsed from = parse(bytes, state_magic, key_layout::bytes_per_block);
    if (from.header.folds != 0) {
        refuse_state("repeated keys", "A state is not folded.");
    }
    repeated_keys made{memory, from.layout, from.header.seed, from.header.flags};
    std::memcpy(made.words_.data(), from.rest, made.words_.size() * sizeof(made.words_[0]));
    return made;
}

// As many as leave a key that was added once a chance of 1 in 500 to be named for it.
std::uint32_t repeated_keys::best_folds(poll_fn poll)
{
    constexpr double most_named = 0.002;
    settle();
    std::uint64_t set = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) {
        if (i % polled_words == 0) {
            poll();
        }
        set += static_cast<std::uint64_t>(std::popcount(words_[i] & ~seen));
    }
    double clear = 1 - static_cast<double>(set) / (static_cast<double>(layout_.blocks) * key_layout::slots_per_block);
    std::uint32_t folds = 0;
    while (folds < most_folds && layout_.blocks >> folds > 1 &&
           std::pow(1 - clear * clear, layout_.probes) < most_named) {
        clear *= clear;
        ++folds;
    }
    return folds;
}

std::size_t repeated_keys::answer_size(std::uint32_t folds) const noexcept
{
    return sizeof(flat_header) + folded(layout_.blocks, folds) * (key_layout::bytes_per_block / 2);
}

void repeated_keys::write_answer(std::byte* to, std::uint32_t folds, poll_fn poll)
{
    settle();
    store(to, flat_header{{answer_magic, version}, seed_, flags_, layout_.probes, layout_.blocks, folds});
    to += sizeof(flat_header);
    std::memset(to, 0, answer_size(folds) - sizeof(flat_header));
    for (std::size_t i = 0; i < words_.size(); ++i) {
        if (i % polled_words == 0) {
            poll();
        }
        const std::size_t block = i / words_per_block >> folds;
        std::byte* half = to + (block * words_per_block + i % words_per_block) * sizeof(std::uint32_t);
        store(half, load<std::uint32_t>(half) | odd_bits(words_[i]));
    }
}

repeated_keys_view repeated_keys_view::read(std::span<const std::byte> bytes)
{
    const parsed from = parse(bytes, answer_magic, key_layout::bytes_per_block / 2);
    repeated_keys_view made;
    made.seed_ = from.header.seed;
    made.flags_ = from.header.flags;
    made.folds_ = from.header.folds;
    made.layout_ = from.layout;
    made.words_ = from.rest;
    return made;
}

} // namespace etl::dedupe
