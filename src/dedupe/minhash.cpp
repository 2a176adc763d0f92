#include "dedupe/minhash.hpp"

#include "core/text.hpp"
#include "dedupe/unicode.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <limits>
#include <string>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

constexpr std::int32_t most_in_shingle = 1000;

std::uint32_t scaled(std::uint64_t hash, std::uint32_t to) noexcept
{
    return static_cast<std::uint32_t>(((hash >> 32) * to) >> 32);
}

// A bijection whose every input bit reaches every output bit (the finalizer of G. L. Steele, D. Lea, C. H. Flood, "Fast
// splittable pseudorandom number generators", 2014): the orders of neighbouring places have nothing in common.
std::uint64_t mixed(std::uint64_t x) noexcept
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

// Takes the least number of each place.
class places {
  public:
    places(std::int32_t k, std::pmr::memory_resource* memory)
        : least_(static_cast<std::size_t>(k), nothing, memory), count_{static_cast<std::uint32_t>(k)}
    {
    }

    void add(std::uint64_t hash) noexcept
    {
        std::uint64_t& least = least_[scaled(hash, count_)];
        filled_ += least == nothing ? 1 : 0;
        least = std::min(least, hash & 0xffffffffU);
    }

    // The places in order; those without a shingle have looked elsewhere.
    signature finish(std::uint64_t seed, poll_fn poll) const
    {
        signature made{least_.get_allocator()};
        if (filled_ == 0) {
            return made;
        }
        poller stop{poll};
        made.reserve(count_);
        for (std::uint32_t place = 0; place < count_; ++place) {
            std::uint64_t number = least_[place];
            std::uint64_t state = mixed(seed + place);
            while (number == nothing) {
                state = state * 0x5851f42d4c957f2dU + 0x14057b7ef767814fU; // D. E. Knuth's MMIX generator
                number = least_[scaled(state, count_)];
                stop.tick();
            }
            made.push_back(static_cast<std::int32_t>(static_cast<std::uint32_t>(number)));
        }
        return made;
    }

  private:
    static constexpr std::uint64_t nothing = std::numeric_limits<std::uint64_t>::max();

    std::pmr::vector<std::uint64_t> least_;
    std::uint32_t count_;
    std::uint32_t filled_ = 0;
};

// The starts of the last n units of a text, and so the next shingle.
class window {
  public:
    window(std::int32_t n, std::pmr::memory_resource* memory) : starts_(static_cast<std::size_t>(n), 0, memory) {}

    void push(std::size_t start) noexcept
    {
        starts_[next_] = start;
        next_ = next_ + 1 == starts_.size() ? 0 : next_ + 1;
        ++count_;
    }
    bool is_full() const noexcept { return count_ >= starts_.size(); }
    bool is_empty() const noexcept { return count_ == 0; }
    std::size_t first() const noexcept { return is_full() ? starts_[next_] : starts_[0]; }

  private:
    std::pmr::vector<std::size_t> starts_;
    std::size_t next_ = 0;
    std::size_t count_ = 0;
};

template <class Add>
void for_each_characters(std::string_view text, window units, poll_fn poll, Add&& add)
{
    poller stop{poll};
    for (std::size_t at = 0; at < text.size();) {
        stop.tick();
        units.push(at);
        at += decode_at(text, at).size;
        if (units.is_full()) {
            add(text.substr(units.first(), at - units.first()));
        }
    }
    if (!units.is_empty() && !units.is_full()) {
        add(text);
    }
}

// The words of a text with one blank between them, and so the same however they were separated.
std::pmr::string evenly_spaced(std::string_view text, std::pmr::memory_resource* memory, poll_fn poll)
{
    std::pmr::string made{memory};
    made.reserve(text.size());
    poller stop{poll};
    bool owes_blank = false;
    for (std::size_t at = 0; at < text.size();) {
        stop.tick();
        const decoded next = decode_at(text, at);
        if (is_character(next.value) && kind_of(next.value) == character_kind::separator) {
            owes_blank = !made.empty();
        } else {
            made += owes_blank ? " " : "";
            made += text.substr(at, next.size);
            owes_blank = false;
        }
        at += next.size;
    }
    return made;
}

template <class Add>
void for_each_words(std::string_view text, window units, poll_fn poll, Add&& add)
{
    poller stop{poll};
    for (std::size_t at = 0; at < text.size();) {
        stop.tick();
        units.push(at);
        const std::size_t end = std::min(text.find(' ', at), text.size());
        if (units.is_full()) {
            add(text.substr(units.first(), end - units.first()));
        }
        at = end + 1;
    }
    if (!units.is_empty() && !units.is_full()) {
        add(text);
    }
}

} // namespace

void check_options(const minhash_options& options)
{
    if (options.k < 1 || options.k > longest_signature) {
        throw error(sqlstate::invalid_parameter_value, "k must be from 1 to 4096, not " + std::to_string(options.k),
                    "It is how many numbers a signature has.", "Call etl.minhash(text, k => 128).");
    }
    if (options.n < 1 || options.n > most_in_shingle) {
        throw error(sqlstate::invalid_parameter_value, "n must be from 1 to 1000, not " + std::to_string(options.n),
                    "It is how many characters or words a shingle has.", "Call etl.minhash(text, n => 3).");
    }
}

bool are_words(std::string_view unit)
{
    if (unit != "word" && unit != "character") {
        throw error(sqlstate::invalid_parameter_value, "unknown unit " + in_quotes(unit),
                    "The known ones are character and word.", "Call etl.minhash(text, unit => 'word').");
    }
    return unit == "word";
}

signature minhash(std::string_view text, const minhash_options& options, std::pmr::memory_resource* memory,
                  poll_fn poll)
{
    check_options(options);
    const auto seed = static_cast<std::uint64_t>(options.seed);
    places all{options.k, memory};
    const auto add = [&](std::string_view shingle) {
        all.add(XXH3_64bits_withSeed(shingle.data(), shingle.size(), seed));
    };
    if (options.of_words) {
        for_each_words(evenly_spaced(text, memory, poll), window{options.n, memory}, poll, add);
    } else {
        for_each_characters(text, window{options.n, memory}, poll, add);
    }
    return all.finish(seed, poll);
}

} // namespace etl::dedupe
