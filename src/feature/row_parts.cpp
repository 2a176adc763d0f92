#include "feature/row_parts.hpp"

#include "core/bytes.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <tuple>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::feature {
namespace {

constexpr char type[] = "row parts";
constexpr std::uint32_t magic = make_magic("ERPc");
constexpr std::uint32_t version = 1;

constexpr std::size_t buffer_bytes = std::size_t{row_parts::parts} * row_parts::chunk_bytes;

} // namespace

std::size_t flat_size(const part_chunks& chunks) noexcept
{
    return sizeof(state_header) + chunks.size() * sizeof(part_chunk);
}

void write_flat(const part_chunks& chunks, std::byte* to) noexcept
{
    store(to, state_header{magic, version});
    if (!chunks.empty()) {
        std::memcpy(to + sizeof(state_header), chunks.data(), chunks.size() * sizeof(part_chunk));
    }
}

part_chunks read_flat(std::pmr::memory_resource* memory, std::span<const std::byte> bytes)
{
    check_header(bytes, magic, version, type);
    const auto listed = bytes.subspan(sizeof(state_header));
    if (listed.size() % sizeof(part_chunk) != 0) {
        refuse_state(type, "Its length of " + std::to_string(bytes.size()) + " bytes is not that of a list of chunks.");
    }
    part_chunks made(listed.size() / sizeof(part_chunk), memory);
    if (!made.empty()) {
        std::memcpy(made.data(), listed.data(), listed.size());
    }
    return made;
}

void sort_by_part(part_chunks& chunks)
{
    std::ranges::sort(chunks, {}, [](const part_chunk& c) { return std::tuple{c.part, c.from.file, c.offset}; });
}

row_parts::row_parts(std::pmr::memory_resource* memory, run_store& store)
    : memory_{memory}, store_{store}, buffers_{static_cast<std::byte*>(memory->allocate(buffer_bytes, row_alignment))},
      held_(parts, memory), chunks_{memory}
{
}

row_parts::~row_parts()
{
    memory_->deallocate(buffers_, buffer_bytes, row_alignment);
}

void row_parts::add(std::span<const std::byte> row)
{
    constexpr unsigned shift = 64 - std::countr_zero(parts);
    const auto part = static_cast<std::uint32_t>(load<row_head>(row.data()).key.high >> shift);
    if (row.size() > chunk_bytes - held_[part]) {
        flush(part);
        if (row.size() > chunk_bytes) {
            write(part, row);
            return;
        }
    }
    std::memcpy(buffers_ + std::size_t{part} * chunk_bytes + held_[part], row.data(), row.size());
    held_[part] += static_cast<std::uint32_t>(row.size());
}

// The run is named when it is finished.
void row_parts::write(std::uint32_t part, std::span<const std::byte> rows)
{
    store_.append(rows);
    chunks_.push_back({{}, written_, part, static_cast<std::uint32_t>(rows.size())});
    written_ += rows.size();
}

void row_parts::flush(std::uint32_t part)
{
    if (held_[part] > 0) {
        write(part, {buffers_ + std::size_t{part} * chunk_bytes, held_[part]});
        held_[part] = 0;
    }
}

const part_chunks& row_parts::finish()
{
    for (std::uint32_t part = 0; part < parts; ++part) {
        flush(part);
    }
    if (!chunks_.empty() && chunks_.front().from == run{}) {
        const run made = store_.finish();
        std::ranges::for_each(chunks_, [&made](part_chunk& chunk) { chunk.from = made; });
    }
    return chunks_;
}

} // namespace etl::feature
