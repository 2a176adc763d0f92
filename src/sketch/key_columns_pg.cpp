#include "sketch/key_columns_pg.hpp"

#include "sketch/top_n.hpp"

namespace etl {
namespace {

constexpr std::uint64_t null_size = ~std::uint64_t{0};

} // namespace

void key_columns::add(Oid type, MemoryContext memory)
{
    types_.push_back(pg::call([=] { return make_stored_type(type, InvalidOid, memory); }));
}

void key_columns::hold(pg::arguments args, int first, held_keys& to) const
{
    for (std::size_t i = 0; i < types_.size(); ++i) {
        const int at = first + static_cast<int>(i);
        to.nulls[i] = args.is_null(at);
        to.values[i] = to.nulls[i] ? Datum{0} : held_value(*types_[i], args.datum(at));
    }
}

std::size_t key_columns::words(const held_keys& keys) const noexcept
{
    std::size_t words = types_.size();
    for (std::size_t i = 0; i < types_.size(); ++i) {
        words += keys.nulls[i] ? 0 : words_of(held_size(*types_[i], keys.values[i]));
    }
    return words;
}

void key_columns::write(const held_keys& keys, std::uint64_t* to) const noexcept
{
    for (std::size_t i = 0; i < types_.size(); ++i) {
        const std::size_t size = keys.nulls[i] ? 0 : held_size(*types_[i], keys.values[i]);
        *to++ = keys.nulls[i] ? null_size : size;
        if (!keys.nulls[i]) {
            if (size > 0) {
                to[words_of(size) - 1] = 0; // what the last word has no bytes for
            }
            write_held(*types_[i], keys.values[i], reinterpret_cast<std::byte*>(to));
            to += words_of(size);
        }
    }
}

void key_columns::read(const std::uint64_t* from, Datum* keys, bool* nulls) const
{
    for (std::size_t i = 0; i < types_.size(); ++i) {
        const std::uint64_t size = *from++;
        nulls[i] = size == null_size;
        if (!nulls[i]) {
            keys[i] = real_value(*types_[i], read_held(*types_[i], reinterpret_cast<const std::byte*>(from)));
            from += words_of(size);
        }
    }
}

} // namespace etl
