// etl._set_tail: how a stored set grows without being written anew.
//
// A large set lies out of line, and PostgreSQL writes such a value anew whenever it changes, but not when its row is
// updated and it stays. So who keeps sets that grow by a few values at a time keeps two: one that stays, and a small
// tail beside it with what came later and is not in it.
#include "pg/state_type.hpp"
#include "sketch/distinct_set_kind_pg.hpp"
#include "sketch/distinct_set_object_pg.hpp"
#include "sketch/distinct_set_pieces.hpp"

extern "C" {
#include <access/detoast.h>
}

namespace {

using etl::distinct_set;
using etl::set_kind;
using etl::set_operation;
using etl::pg::arguments;

// A set that lies out of line and is not compressed, so that pieces of it can be fetched.
class toasted_set final : public etl::set_pieces {
  public:
    toasted_set(varlena* value, std::size_t entries, std::size_t width) noexcept
        : set_pieces{entries, width}, value_{value}, width_{width}
    {
    }

  private:
    std::span<const std::byte> fetch(std::size_t first, std::size_t count) override
    {
        const auto offset = static_cast<int32>(distinct_set::header_size + first * width_);
        const auto length = static_cast<int32>(count * width_);
        const auto* piece =
            etl::pg::call([this, offset, length] { return detoast_attr_slice(value_, offset, length); });
        return std::as_bytes(std::span{VARDATA_ANY(piece), VARSIZE_ANY_EXHDR(piece)});
    }

    varlena* value_;
    std::size_t width_;
};

bool lies_in_pieces(varlena* value)
{
    if (!VARATT_IS_EXTERNAL_ONDISK(value)) {
        return false;
    }
    varatt_external pointer;
    VARATT_EXTERNAL_GET_POINTER(pointer, value);
    return !VARATT_EXTERNAL_IS_COMPRESSED(pointer);
}

// Of the added values those that the set does not have, found by pieces.
void subtract_pieces(const distinct_set& added, etl::set_pieces& set, etl::flat_buffer& to)
{
    to.resize(distinct_set::header_size + added.entry_bytes().size());
    distinct_set::write_header(to.data(), added.kind(), false);
    std::size_t size = distinct_set::header_size;
    etl::with_entry_of(added.kind().width, [&]<class Entry>(Entry) {
        for (std::size_t i = 0; i < added.entries(); ++i) {
            const auto entry = added.entry<Entry>(i);
            if (!set.contains(entry, etl::pg::poll)) {
                etl::store(to.data() + size, entry);
                size += sizeof entry;
            }
        }
    });
    to.resize(size);
}

// A set of so many bytes is fetched as a whole: its pieces lie beside each other.
constexpr std::size_t small_set = 8 * etl::set_pieces::piece_bytes;

// Takes the values that a base does not have, by pieces of it; false where it is better fetched as a whole.
bool subtract_in_pieces(const distinct_set& added, varlena* base, etl::flat_buffer& to)
{
    const std::size_t size = etl::pg::call([base] { return toast_raw_datum_size(PointerGetDatum(base)); }) - VARHDRSZ;
    if (!lies_in_pieces(base) || size < small_set || added.entries() * etl::set_pieces::piece_bytes > size / 2) {
        return false;
    }
    const auto* front = etl::pg::call([base] { return detoast_attr_slice(base, 0, distinct_set::header_size); });
    const auto header = std::as_bytes(std::span{VARDATA_ANY(front), VARSIZE_ANY_EXHDR(front)});
    const std::int64_t count = distinct_set::closed_count(header, size);
    const set_kind kind = distinct_set{header}.kind();
    etl::require_same_kind(kind, added.kind());
    if (count >= 0) {
        toasted_set pieces{base, static_cast<std::size_t>(count), kind.width};
        subtract_pieces(added, pieces, to);
    }
    return count >= 0;
}

// Of the added values those that the base does not have. Few are looked up, many are merged with all of it.
void subtract_base(const distinct_set& added, Datum base, etl::flat_buffer& to)
{
    if (subtract_in_pieces(added, reinterpret_cast<varlena*>(DatumGetPointer(base)), to)) {
        return;
    }
    distinct_set whole{etl::pg::call([base] { return etl::pg::varlena_bytes(base); })};
    if (whole.is_open()) {
        whole = distinct_set{etl::pg::varlena_bytes(etl::pg::closed_copy(whole))};
    }
    etl::require_same_kind(whole.kind(), added.kind());
    combine_sets(set_operation::subtract, added, whole, to, etl::pg::poll);
}

distinct_set closed_set(arguments args, int i)
{
    const distinct_set given{etl::pg::read_state(args, i)};
    return given.is_open() ? distinct_set{etl::pg::varlena_bytes(etl::pg::closed_copy(given))} : given;
}

distinct_set set_in(const etl::pg::state_buffer& buffer)
{
    return distinct_set{etl::pg::varlena_bytes(buffer.datum())};
}

} // namespace

ETL_FUNCTION(etl_set_tail, args)
{
    if (args.is_null(2)) {
        return args.is_null(1) ? args.null_result() : args.datum(1);
    }
    distinct_set news = closed_set(args, 2);
    etl::pg::state_buffer beside_tail;
    etl::pg::state_buffer beside_base;
    etl::pg::state_buffer made;
    if (!args.is_null(1)) {
        const distinct_set tail = closed_set(args, 1);
        etl::require_same_kind(tail.kind(), news.kind());
        combine_sets(set_operation::subtract, news, tail, beside_tail, etl::pg::poll);
        news = set_in(beside_tail);
    }
    if (!args.is_null(0) && news.entries() > 0) {
        subtract_base(news, args.datum(0), beside_base);
        news = set_in(beside_base);
    }
    if (news.entries() == 0) {
        return args.is_null(1) ? args.null_result() : args.datum(1);
    }
    if (args.is_null(1)) {
        return etl::pg::make_varlena(std::as_bytes(std::span{news.entry_bytes().data() - distinct_set::header_size,
                                                             news.entry_bytes().size() + distinct_set::header_size}));
    }
    combine_sets(set_operation::unite, closed_set(args, 1), news, made, etl::pg::poll);
    return made.datum();
}
