#include "feature/asof_records.hpp"

#include "core/bytes.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::feature {
namespace {

constexpr char type[] = "rows of a point-in-time join";
constexpr std::uint32_t magic = make_magic("EARc");
constexpr std::uint32_t version = 1;
constexpr std::uint64_t in_memory = 0; // the name of no file

} // namespace

std::size_t chunks_size(const record_chunks& chunks) noexcept
{
    return sizeof(state_header) + chunks.size() * sizeof(record_chunk);
}

void write_chunks(const record_chunks& chunks, std::byte* to) noexcept
{
    store(to, state_header{magic, version});
    if (!chunks.empty()) {
        std::memcpy(to + sizeof(state_header), chunks.data(), chunks.size() * sizeof(record_chunk));
    }
}

void read_chunks(record_chunks& to, std::span<const std::byte> bytes)
{
    check_header(bytes, magic, version, type);
    const auto listed = bytes.subspan(sizeof(state_header));
    if (listed.size() % sizeof(record_chunk) != 0) {
        refuse_state(type, "Its length of " + std::to_string(bytes.size()) + " bytes is not that of a list of chunks.");
    }
    const std::size_t held = to.size();
    to.resize(held + listed.size() / sizeof(record_chunk));
    if (!listed.empty()) {
        std::memcpy(to.data() + held, listed.data(), listed.size());
    }
    for (const record_chunk& chunk : std::span{to}.subspan(held)) {
        if (chunk.part >= record_parts) {
            refuse_state(type, "It claims a chunk of part " + std::to_string(chunk.part) + ".");
        }
        if (chunk.offset > chunk.from.bytes || chunk.bytes > chunk.from.bytes - chunk.offset) {
            refuse_state(type, "It claims a chunk past the end of its file.");
        }
    }
}

record_writer::record_writer(std::pmr::memory_resource* memory, run_store& store, bool in_parts, std::size_t kept)
    : store_{store}, in_parts_{in_parts}, may_keep_{kept},
      buffers_(in_parts ? record_parts : 1, memory), kept_{memory}, chunks_{memory}
{
}

// A row that is longer than a chunk is one alone.
void record_writer::add(const asof_record& row, std::span<const std::byte> bytes)
{
    const std::uint32_t part = in_parts_ ? part_of(row.key) : 0;
    std::pmr::vector<std::byte>& buffer = buffers_[part];
    const std::size_t size = sizeof row + room_for(bytes.size());
    if (buffer.size() + size > chunk_bytes && !buffer.empty()) {
        write(part, buffer);
        buffer.clear();
    }
    asof_record head = row;
    head.bytes = static_cast<std::uint32_t>(bytes.size());
    buffer.reserve(chunk_bytes);
    const std::size_t at = buffer.size();
    buffer.resize(at + size);
    std::memcpy(&buffer[at], &head, sizeof head);
    std::ranges::copy(bytes, buffer.begin() + static_cast<std::ptrdiff_t>(at + sizeof head));
    if (buffer.size() > chunk_bytes) {
        write(part, buffer);
        std::pmr::vector<std::byte>{buffer.get_allocator()}.swap(buffer);
    }
}

// A run is named when it is finished.
void record_writer::write(std::uint32_t part, std::span<const std::byte> bytes)
{
    const auto size = static_cast<std::uint32_t>(bytes.size());
    if (bytes.size() <= may_keep_) {
        may_keep_ -= bytes.size();
        kept_.emplace_back(bytes.begin(), bytes.end());
        chunks_.push_back({{in_memory, 0}, kept_.size() - 1, part, size});
        return;
    }
    may_keep_ = 0;
    store_.append(bytes);
    chunks_.push_back({{in_memory, 1}, written_, part, size});
    written_ += bytes.size();
}

void record_writer::finish()
{
    for (std::uint32_t part = 0; part < buffers_.size(); ++part) {
        if (!buffers_[part].empty()) {
            write(part, buffers_[part]);
        }
        std::pmr::vector<std::byte>{buffers_.get_allocator()}.swap(buffers_[part]);
    }
    if (written_ > 0) {
        const run made = store_.finish();
        for (record_chunk& chunk : chunks_) {
            if (chunk.from.bytes > 0) {
                chunk.from = made;
            }
        }
    }
}

std::span<const std::byte> record_writer::kept(const record_chunk& chunk) const noexcept
{
    return chunk.from.file == in_memory ? std::span<const std::byte>{kept_[chunk.offset]}
                                        : std::span<const std::byte>{};
}

std::span<const std::byte> record_reader::bytes_of(const record_chunk& chunk)
{
    poll_();
    if (writer_ != nullptr) {
        if (const auto kept = writer_->kept(chunk); !kept.empty()) {
            return kept;
        }
    }
    read_.resize(chunk.bytes);
    store_.read(chunk.from, chunk.offset, read_);
    return read_;
}

std::span<const std::byte> record_reader::take_header(std::span<const std::byte> rest, asof_record& row)
{
    if (rest.size() >= sizeof row) {
        std::memcpy(&row, rest.data(), sizeof row);
        if (room_for(row.bytes) <= rest.size() - sizeof row) {
            return rest.subspan(sizeof row);
        }
    }
    throw error(sqlstate::internal_error, "a temporary file of a point-in-time join is damaged");
}

} // namespace etl::feature
