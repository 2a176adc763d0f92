#include "rollup/log_row_pg.hpp"

#include "pg/memory.hpp"

extern "C" {
#include <access/xact.h>
#include <utils/timestamp.h>
}

#include <algorithm>

namespace etl::rollup {

log_row_maker::log_row_maker(const capture_plan& plan, TupleDesc table, TupleDesc log, bool is_insert)
    : plan_{plan}, width_{log->natts}, values_{pg::allocate_array<Datum>(static_cast<std::size_t>(width_))},
      nulls_{pg::allocate_array<bool>(static_cast<std::size_t>(width_))}
{
    clear('a');
    set(plan.at_attribute(), TimestampTzGetDatum(GetCurrentStatementStartTimestamp()));
    for (std::size_t i = 0; plan.fault().empty() && i < plan.expressions().size(); ++i) {
        read_ = std::max(read_, plan.plain_attributes()[i] + 1);
        if (plan.plain_attributes()[i] < 0) {
            if (!program_) {
                program_.emplace(table, CurrentMemoryContext);
            }
            program_->add_result(plan.expressions()[i]);
        }
    }
    for (std::size_t i = 0; is_insert && plan.fault().empty() && i < plan.generated().size(); ++i) {
        if (!generation_) {
            generation_.emplace(table, CurrentMemoryContext);
        }
        generation_->add_column(plan.generated()[i], plan.generated_attributes()[i]);
    }
}

void log_row_maker::generate(TupleTableSlot* of)
{
    slot_getallattrs(of);
    generation_->run(of->tts_values, of->tts_isnull);
    for (const int attribute : plan_.generated_attributes()) {
        of->tts_values[attribute] = generation_->values()[attribute];
        of->tts_isnull[attribute] = generation_->nulls()[attribute];
    }
}

void log_row_maker::clear(char op) noexcept
{
    std::fill_n(nulls_, width_, true);
    nulls_[plan_.at_attribute()] = false;
    set(plan_.op_attribute(), CharGetDatum(op));
}

void log_row_maker::make(char op, TupleTableSlot* of)
{
    slot_getsomeattrs(of, read_);
    if (generation_) {
        generate(of);
    }
    if (program_) {
        program_->run(of);
    }
    values_[plan_.op_attribute()] = CharGetDatum(op);
    const auto attributes = plan_.value_attributes();
    std::size_t computed = 0;
    for (std::size_t i = 0; i < attributes.size(); ++i) {
        const int plain = plan_.plain_attributes()[i];
        if (plain >= 0) {
            set(attributes[i], of->tts_values[plain], of->tts_isnull[plain]);
        } else {
            const NullableDatum value = program_->result(computed++);
            set(attributes[i], value.value, value.isnull);
        }
    }
}

void log_row_maker::make_range(const key_range& of, bool is_erased) noexcept
{
    clear(is_erased ? 'B' : 'b');
    set(plan_.value_attributes()[0], of.least());
    set(plan_.to_attribute(), of.greatest());
}

} // namespace etl::rollup
