#include "pg/sha256.hpp"

#include <cstdint>

namespace etl::pg {
namespace {

void require(int outcome)
{
    if (outcome < 0) {
        throw error(sqlstate::internal_error, "SHA-256 cannot be computed");
    }
}

} // namespace

sha256::sha256() : context_{call([] { return pg_cryptohash_create(PG_SHA256); })}
{
    if (const int outcome = pg_cryptohash_init(context_); outcome < 0) {
        pg_cryptohash_free(context_);
        require(outcome);
    }
}

void sha256::add(std::string_view bytes)
{
    require(pg_cryptohash_update(context_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

sha256::digest sha256::finish()
{
    digest made;
    require(pg_cryptohash_final(context_, reinterpret_cast<std::uint8_t*>(made.data()), made.size()));
    return made;
}

} // namespace etl::pg
