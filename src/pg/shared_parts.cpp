#include "pg/shared_parts.hpp"

#include "pg/expanded_state.hpp"
#include "pg/query_rows.hpp"

extern "C" {
#include <catalog/pg_type.h>
}

#include <algorithm>

namespace etl::pg {
namespace {

class value_reader final : public row_receiver {
  public:
    explicit value_reader(MemoryContext context) noexcept : context_{context} {}

    void columns(TupleDesc) override {}
    bool row(TupleTableSlot* slot) override
    {
        if (!slot->tts_isnull[0]) {
            const auto found = varlena_bytes(slot->tts_values[0]);
            auto* made = static_cast<std::byte*>(allocate_in(context_, found.size()));
            std::ranges::copy(found, made);
            bytes_ = {made, found.size()};
        }
        return true;
    }
    std::span<const std::byte> bytes() const noexcept { return bytes_; }

  private:
    MemoryContext context_;
    std::span<const std::byte> bytes_;
};

} // namespace

part_writer& shared_parts::open(std::span<const std::byte> directory, const part_layout& layout)
{
    store_.emplace(directory, context_);
    return rows_.emplace(&memory_, *store_, layout);
}

void shared_parts::append(const shared_parts& more)
{
    chunks_.insert(chunks_.end(), more.chunks_.begin(), more.chunks_.end());
}

void shared_parts::write(byte_writer& to)
{
    write_chunks(to, rows_ ? rows_->finish() : chunks_);
}

Datum parts_value(std::span<const std::byte> bytes)
{
    require_value_size(bytes.size());
    return make_varlena(bytes);
}

std::span<const std::byte> scan_parts(const std::string& query, std::span<const std::byte> directory)
{
    value_reader made{CurrentMemoryContext};
    const ParamListInfo parameters = call([] { return makeParamList(1); });
    parameters->params[0] = {make_varlena(directory), false, 0, BYTEAOID};
    run_query(query, made, parameters);
    return made.bytes();
}

} // namespace etl::pg
