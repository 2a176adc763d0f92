#include "dedupe/repeated_keys.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

constexpr std::uint32_t state_magic = make_magic("ERKs");
constexpr std::uint32_t answer_magic = make_magic("ERKa");
constexpr std::uint32_t version = 1;
constexpr std::size_t header_bytes = sizeof(state_header) + 16;
constexpr std::size_t polled_words = 65536;

// One varlena holds a state; beyond that more keys are named wrongly, and nothing else changes.
constexpr std::uint64_t most_blocks = (std::uint64_t{1} << 29) / key_layout::bytes_per_block;

struct flat_header {
    state_header is;
    std::uint64_t seed;
    std::uint32_t flags;
    std::uint32_t probes;
};
static_assert(sizeof(flat_header) == header_bytes);

std::byte* write_header(std::byte* to, std::uint32_t magic, std::uint64_t seed, std::uint32_t flags, key_layout layout)
{
    store(to, flat_header{{magic, version}, seed, flags, layout.probes});
    return to + header_bytes;
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
    const std::size_t rest = bytes.size() - std::min(bytes.size(), header_bytes);
    if (rest == 0 || rest % bytes_per_block != 0 || rest / bytes_per_block > most_blocks) {
        refuse_state(type, "Its length of " + std::to_string(bytes.size()) + " bytes is none that it can have.");
    }
    const auto header = load<flat_header>(bytes.data());
    if (header.probes < 1 || header.probes > most_probes) {
        refuse_state(type, "It claims " + std::to_string(header.probes) + " slots a key.");
    }
    return {header, {static_cast<std::uint32_t>(rest / bytes_per_block), header.probes}, bytes.data() + header_bytes};
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
    constexpr std::uint64_t least_blocks = 1024; // 64 kB
    constexpr std::uint64_t few_slots = 6;
    const std::uint64_t known = std::min<std::uint64_t>(keys, most_blocks * slots_per_block);
    const std::uint64_t wanted = known * slots_per_key / slots_per_block + least_blocks;
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
    constexpr std::uint64_t seen = 0x5555555555555555;
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

void repeated_keys::write_state(std::byte* to)
{
    settle();
    to = write_header(to, state_magic, seed_, flags_, layout_);
    std::memcpy(to, words_.data(), words_.size() * sizeof(words_[0]));
}

repeated_keys repeated_keys::read_state(std::pmr::memory_resource* memory, std::span<const std::byte> bytes)
{
    const parsed from = parse(bytes, state_magic, key_layout::bytes_per_block);
    repeated_keys made{memory, from.layout, from.header.seed, from.header.flags};
    std::memcpy(made.words_.data(), from.rest, made.words_.size() * sizeof(made.words_[0]));
    return made;
}

void repeated_keys::write_answer(std::byte* to, poll_fn poll)
{
    settle();
    to = write_header(to, answer_magic, seed_, flags_, layout_);
    for (std::size_t i = 0; i < words_.size(); ++i) {
        if (i % polled_words == 0) {
            poll();
        }
        store(to + i * sizeof(std::uint32_t), odd_bits(words_[i]));
    }
}

repeated_keys_view repeated_keys_view::read(std::span<const std::byte> bytes)
{
    const parsed from = parse(bytes, answer_magic, key_layout::bytes_per_block / 2);
    repeated_keys_view made;
    made.seed_ = from.header.seed;
    made.flags_ = from.header.flags;
    made.layout_ = from.layout;
    made.words_ = from.rest;
    return made;
}

} // namespace etl::dedupe
