#include "feature/graph_nodes.hpp"

#include "core/hex.hpp"

#include <charconv>

#include "core/cpp_only.hpp"

namespace etl::feature {
namespace {

constexpr std::size_t uuid_size = 36;

constexpr bool has_dash(std::size_t byte) noexcept
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

std::string_view write(const uuid_key& key, graph_nodes::name_space& space)
{
    constexpr char digits[] = "0123456789abcdef";
    char* at = space.data();
    for (std::size_t i = 0; i < key.size(); ++i) {
        if (has_dash(i)) {
            *at++ = '-';
        }
        *at++ = digits[key[i] >> 4];
        *at++ = digits[key[i] & 15];
    }
    return {space.data(), uuid_size};
}

std::string_view write(std::int64_t key, graph_nodes::name_space& space)
{
    const auto written = std::to_chars(space.data(), space.data() + space.size(), key);
    return {space.data(), static_cast<std::size_t>(written.ptr - space.data())};
}

// A key that has the name if there is one.
std::int64_t read_integer(std::string_view name) noexcept
{
    std::int64_t key = 0;
    std::from_chars(name.data(), name.data() + name.size(), key);
    return key;
}

uuid_key read_uuid(std::string_view name) noexcept
{
    uuid_key key = {};
    for (std::size_t i = 0, at = 0; i < key.size() && name.size() == uuid_size; ++i, at += 2) {
        at += has_dash(i) ? 1 : 0;
        key[i] = static_cast<std::uint8_t>(hex_digit(name[at]) << 4 | hex_digit(name[at + 1]));
    }
    return key;
}

} // namespace

graph_nodes::graph_nodes(std::pmr::memory_resource* memory)
    : integer_ids_{memory}, uuid_ids_{memory}, names_{memory}, integers_{memory}, uuids_{memory}, text_{memory},
      ends_{memory}, texts_{memory}, numbers_{memory}
{
}

std::span<const std::uint32_t> graph_nodes::take()
{
    switch (kind_) {
    case node_kind::integer:
        number(integer_ids_, std::span<const std::int64_t>{integers_});
        integers_.clear();
        break;
    case node_kind::uuid:
        number(uuid_ids_, std::span<const uuid_key>{uuids_});
        uuids_.clear();
        break;
    case node_kind::text:
        texts_.clear();
        for (std::size_t begin = 0; const auto end : ends_) {
            texts_.emplace_back(text_.data() + begin, end - begin);
            begin = end;
        }
        number(names_, std::span<const std::string_view>{texts_});
        text_.clear();
        ends_.clear();
        break;
    }
    return numbers_;
}

template <class Ids, class Key>
void graph_nodes::number(Ids& ids, std::span<const Key> keys)
{
    numbers_.resize(keys.size());
    ids.numbers_of(keys, numbers_.data());
}

std::uint32_t graph_nodes::count() const noexcept
{
    return integer_ids_.count() + uuid_ids_.count() + names_.count(); // of which two are empty
}

std::string_view graph_nodes::name(std::uint32_t node, name_space& space) const
{
    switch (kind_) {
    case node_kind::integer:
        return write(integer_ids_.name(node), space);
    case node_kind::uuid:
        return write(uuid_ids_.name(node), space);
    default:
        return names_.name(node);
    }
}

std::string graph_nodes::name(std::uint32_t node) const
{
    name_space space;
    return std::string{name(node, space)};
}

std::optional<std::uint32_t> graph_nodes::known(std::string_view wanted) const
{
    if (kind_ == node_kind::text) {
        return names_.known(wanted);
    }
    const auto node =
        kind_ == node_kind::integer ? integer_ids_.known(read_integer(wanted)) : uuid_ids_.known(read_uuid(wanted));
    name_space space; // other texts may be read as the same key
    return node && name(*node, space) == wanted ? node : std::nullopt;
}

bool graph_nodes::is_before(std::uint32_t a, std::uint32_t b) const noexcept
{
    switch (kind_) {
    case node_kind::integer:
        return integer_ids_.name(a) < integer_ids_.name(b);
    case node_kind::uuid:
        return uuid_ids_.name(a) < uuid_ids_.name(b);
    default:
        return names_.name(a) < names_.name(b);
    }
}

} // namespace etl::feature
