#include "feature/asof_records.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::feature {

void add_record(part_writer& to, const asof_record& row, std::span<const std::byte> bytes)
{
    std::byte* made = to.add(part_of(row.key, to.parts()), sizeof row + room_for(bytes.size()));
    asof_record head = row;
    head.bytes = static_cast<std::uint32_t>(bytes.size());
    std::memcpy(made, &head, sizeof head);
    std::ranges::copy(bytes, made + sizeof head);
}

std::span<const std::byte> record_reader::bytes_of(const part_chunk& chunk)
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
