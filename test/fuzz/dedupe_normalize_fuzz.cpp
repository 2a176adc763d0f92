// Any bytes through everything that normalises texts: nothing crashes, the result is UTF-8, and normalising it again
// changes nothing.
#include "dedupe/minhash_bands.hpp"
#include "dedupe/normalize_address.hpp"
#include "dedupe/normalize_email.hpp"
#include "dedupe/normalize_name.hpp"
#include "dedupe/normalize_phone.hpp"
#include "dedupe/normalize_text.hpp"
#include "dedupe/unicode.hpp"

#include <cstdlib>

namespace {

using namespace etl::dedupe;

void require(bool holds)
{
    if (!holds) {
        std::abort();
    }
}

template <class Normalize>
void require_once(std::string_view text, Normalize&& normalize)
{
    const std::pmr::string once = normalize(text);
    for (std::size_t at = 0; at < once.size();) {
        const etl::decoded next = etl::decode_at(once, at);
        require(etl::is_character(next.value));
        at += next.size;
    }
    require(normalize(once) == once);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    auto* memory = std::pmr::get_default_resource();
    require_once(text, [&](std::string_view t) { return normalize_text(t, memory); });
    require_once(text, [&](std::string_view t) { return normalize_name(t, memory); });
    require_once(text, [&](std::string_view t) { return normalize_address(t, memory); });
    require_once(text, [&](std::string_view t) { return normalize_email(t, true, memory); });
    for (const std::string_view country : {"DE", "US", "IT", "RU", "ZZ"}) {
        const dialling* home = home_country(country);
        require_once(text, [&](std::string_view t) { return normalize_phone(t, home, memory); });
    }
    const minhash_options options{.k = 16, .n = 2, .of_words = size % 2 == 0};
    const auto signature = minhash(text, options, memory);
    require(signature.empty() || signature.size() == 16);
    require(signature == minhash(text, options, memory));
    return 0;
}
