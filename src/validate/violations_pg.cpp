// etl.violations: one row against a stored suite.
//
// What is compiled is kept from row to row in the calling expression, whose life may be longer than the shape of a row
// type or the text of a suite: PL/pgSQL keeps an expression for a whole transaction. So every call compares the row
// type's identity, and looks at the suite again when the transaction has done something since.
#include "pg/spi.hpp"
#include "pg/text_array.hpp"
#include "pg/trigger.hpp"
#include "validate/row_suite_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <catalog/pg_type.h>
#include <utils/array.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
}

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

namespace etl::validate {
namespace {

// What a row is to be judged by, as a call says it.
struct wanted_rules {
    std::string_view name;
    std::string_view min_severity;
    std::string_view params;

    friend bool operator==(const wanted_rules&, const wanted_rules&) = default;
};

row_rules stored_rules(const wanted_rules& wanted)
{
    const std::array arguments{wanted.name};
    const auto document = pg::query_text("SELECT etl._suite_document($1)", arguments);
    return {std::string{wanted.name},
            with_parameters(document.value_or(std::string{}), wanted.params),
            std::string{wanted.min_severity},
            {}};
}

row_kind kind_of(TupleDesc shape)
{
    const Oid relation = shape->tdtypeid == RECORDOID
                             ? InvalidOid
                             : pg::call([type = shape->tdtypeid] { return get_typ_typrelid(type); });
    return {shape, relation, nullptr};
}

// A suite at work on the rows of one type.
struct judge_of_type {
    std::string name;
    std::string min_severity;
    std::string params;
    std::uint64_t row_type;    // PostgreSQL's number for this shape of the type: a changed table has another
    pg::statement_number seen; // when the document was last looked at
    row_judge judge;
    std::vector<Datum> values; // room for a row
    std::unique_ptr<bool[]> nulls;
    Datum no_violations; // the empty array

    bool is_of(const wanted_rules& wanted, std::uint64_t type) const
    {
        return row_type == type && wanted == wanted_rules{name, min_severity, params};
    }
};

// The judges of one calling expression, which seldom meets more than one suite or type.
class judges {
  public:
    explicit judges(MemoryContext memory) : memory_{memory} {}

    // The judge that needs no second look at its suite, or nullptr.
    judge_of_type* find_fresh(const wanted_rules& wanted, std::uint64_t row_type)
    {
        const auto found = find(wanted, row_type);
        return found != known_.end() && found->seen == pg::statement_number::current() ? &*found : nullptr;
    }

    judge_of_type& look_again(const wanted_rules& wanted, TupleDesc shape, std::uint64_t row_type)
    {
        const auto now = pg::statement_number::current();
        const auto found = find(wanted, row_type);
        const row_rules rules = stored_rules(wanted);
        if (found != known_.end() && found->judge.rules().is_of(rules, kind_of(shape))) {
            found->seen = now;
            return *found;
        }
        return replace(found, make(rules, wanted.params, shape, row_type, now));
    }

  private:
    static constexpr std::size_t most_kept = 16;

    std::vector<judge_of_type>::iterator find(const wanted_rules& wanted, std::uint64_t row_type)
    {
        return std::ranges::find_if(known_, [&](const auto& judge) { return judge.is_of(wanted, row_type); });
    }

    judge_of_type make(const row_rules& rules, std::string_view params, TupleDesc shape, std::uint64_t row_type,
                       pg::statement_number now) const
    {
        const auto width = static_cast<std::size_t>(shape->natts);
        return {rules.name,
                rules.least_severity,
                std::string{params},
                row_type,
                now,
                row_judge{row_suite_for(rules, kind_of(shape)), memory_},
                std::vector<Datum>(width),
                std::make_unique<bool[]>(width),
                pg::call([memory = memory_] {
                    MemoryContext old = MemoryContextSwitchTo(memory);
                    const Datum made = PointerGetDatum(construct_empty_array(TEXTOID));
                    MemoryContextSwitchTo(old);
                    return made;
                })};
    }

    judge_of_type& replace(std::vector<judge_of_type>::iterator known, judge_of_type by)
    {
        if (known != known_.end()) {
            return *known = std::move(by);
        }
        if (known_.size() == most_kept) {
            known_.clear();
        }
        return known_.emplace_back(std::move(by));
    }

    MemoryContext memory_;
    std::vector<judge_of_type> known_;
};

judge_of_type& judge_for(pg::arguments args, const wanted_rules& wanted, HeapTupleHeader row)
{
    const Oid type = HeapTupleHeaderGetTypeId(row);
    const std::int32_t typmod = HeapTupleHeaderGetTypMod(row);
    const std::uint64_t row_type = assign_record_type_identifier(type, typmod);
    auto& known = args.cached<judges>([args] { return judges{args.raw()->flinfo->fn_mcxt}; });
    if (judge_of_type* fresh = known.find_fresh(wanted, row_type)) {
        return *fresh;
    }
    TupleDesc shape = lookup_rowtype_tupdesc(type, typmod);
    judge_of_type& looked_again = known.look_again(wanted, shape, row_type);
    ReleaseTupleDesc(shape);
    return looked_again;
}

// May raise: only trivial locals.
std::span<const field> read_row(judge_of_type& of, HeapTupleHeader row)
{
    HeapTupleData tuple = {};
    tuple.t_len = HeapTupleHeaderGetDatumLength(row);
    ItemPointerSetInvalid(&tuple.t_self);
    tuple.t_data = row;
    heap_deform_tuple(&tuple, of.judge.rules().shape(), of.values.data(), of.nulls.get());
    return of.judge.read(of.values.data(), of.nulls.get());
}

std::vector<std::string> labels_of(std::span<const checker::breach> found)
{
    std::vector<std::string> labels;
    for (const checker::breach& b : found) {
        labels.push_back(b.label);
    }
    return labels;
}

} // namespace
} // namespace etl::validate

using namespace etl;
using namespace etl::validate;

ETL_FUNCTION(etl_violations, args)
{
    const bool is_short = args.count() < 4; // etl.violations, not etl._violations
    const wanted_rules wanted{args.get<std::string_view>(0), is_short ? "info" : args.get<std::string_view>(2),
                              is_short || args.is_null(3) ? std::string_view{} : args.get<std::string_view>(3)};
    HeapTupleHeader row = DatumGetHeapTupleHeader(args.given(1));
    judge_of_type& of = judge_for(args, wanted, row);
    const auto fields = read_row(of, row);
    const checker& checks = of.judge.rules().checks();
    return checks.keeps(fields) ? of.no_violations : pg::make_text_array(labels_of(checks.breaches(fields)));
}
