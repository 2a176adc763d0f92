// Tests of a second scan: it lists the rows of values that the first one found to repeat, or to lie too far out.
#include "core/bytes.hpp"
#include "core/error.hpp"
#include "core/hex.hpp"
#include "sketch/key_order.hpp"
#include "validate/metrics.hpp"
#include "validate/row_tests.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/cpp_only.hpp"

namespace etl::validate {
namespace {

[[noreturn]] void refuse_plan()
{
    refuse_state("etl.validation_state", "Its plan is damaged.");
}

std::vector<fingerprint> prints_in(const std::string& hex)
{
    const auto bytes = from_hex(hex);
    if (!bytes || bytes->size() % sizeof(fingerprint) != 0) {
        refuse_plan();
    }
    std::vector<fingerprint> made(bytes->size() / sizeof(fingerprint));
    std::ranges::copy(*bytes, std::as_writable_bytes(std::span{made}).begin());
    return made;
}

std::vector<fingerprint> prints_in(const run& from, run_store& runs)
{
    constexpr std::uint64_t most = std::uint64_t{1} << 30;
    if (from.bytes % sizeof(fingerprint) != 0 || from.bytes > most) {
        refuse_plan();
    }
    std::vector<fingerprint> made(from.bytes / sizeof(fingerprint));
    runs.read(from, 0, std::as_writable_bytes(std::span{made}));
    runs.close();
    return made;
}

// As judge_rows.cpp writes them: the number and the size of a file, or all of them.
std::vector<fingerprint> read_prints(const json& from, run_store* runs)
{
    if (from.is_string()) {
        return prints_in(from.get<std::string>());
    }
    const bool names_run = from.is_array() && from.size() == 2 && from[0].is_number_unsigned() &&
                           from[1].is_number_unsigned() && runs != nullptr;
    if (!names_run) {
        refuse_plan();
    }
    return prints_in(run{from[0].get<std::uint64_t>(), from[1].get<std::uint64_t>()}, *runs);
}

// A set of fingerprints that most values are not in. Before it a Bloom filter of one word and three bits for each, small
// enough to stay near the processor while a table streams by, tells all but one in a hundred of the others.
class sought_prints {
  public:
    sought_prints(std::vector<fingerprint> prints, poll_fn poll)
        : prints_{std::move(prints)}, words_(std::bit_ceil(prints_.size() / 8 + 1))
    {
        sort_keys(prints_, poll);
        for (const fingerprint& print : prints_) {
            words_[place_of(print)] |= bits_of(print);
        }
    }

    bool contains(const fingerprint& print) const
    {
        const std::uint64_t bits = bits_of(print);
        return (words_[place_of(print)] & bits) == bits &&
               std::binary_search(prints_.begin(), prints_.end(), print, is_before<fingerprint>);
    }

  private:
    // Both from the low half: the high one of a number says only what kind of number it is.
    std::size_t place_of(const fingerprint& print) const { return print.low & (words_.size() - 1); }

    static std::uint64_t bits_of(const fingerprint& print)
    {
        constexpr std::uint64_t one = 1;
        return one << (print.low >> 58) | one << (print.low >> 52 & 63) | one << (print.low >> 46 & 63);
    }

    std::vector<fingerprint> prints_;
    std::vector<std::uint64_t> words_;
};

class repeated_test final : public row_test {
  public:
    // Passes over the rows that the metric has passed over.
    repeated_test(std::vector<fingerprint> prints, std::uint64_t seed, std::vector<std::size_t> columns,
                  passed_over ignored, const columns_view& view)
        : prints_{std::move(prints), view.type(columns[0]).poll()}, seed_{seed}, ignored_{ignored}
    {
        for (const std::size_t i : columns) {
            types_.push_back(&view.type(i));
        }
        subjects = std::move(columns);
    }

    verdict test(std::span<const field> row) const override
    {
        if (is_passed_over(row, subjects, ignored_)) {
            return verdict::missing;
        }
        const fingerprint print = print_of_row(row, subjects, types_, seed_);
        return prints_.contains(print) ? verdict::unexpected : verdict::as_expected;
    }

  private:
    sought_prints prints_;
    std::vector<const column_type*> types_;
    std::uint64_t seed_;
    passed_over ignored_;
};

class beyond_test final : public row_test {
  public:
    beyond_test(std::size_t column, double least, double greatest) : least_{least}, greatest_{greatest}
    {
        subjects = {column};
    }

    verdict test(std::span<const field> row) const override
    {
        const field& value = row[subjects[0]];
        if (value.is_null()) {
            return verdict::missing;
        }
        const double real = real_of(value);
        return real <= least_ || real >= greatest_ ? verdict::unexpected : verdict::as_expected;
    }

  private:
    double least_;
    double greatest_;
};

} // namespace

std::unique_ptr<row_test> compile_search(const expectation& what, const json& sought, std::uint64_t seed,
                                         const columns_view& columns)
{
    if (sought.contains("repeated")) {
        auto prints = read_prints(sought["repeated"], columns.runs());
        return std::make_unique<repeated_test>(std::move(prints), seed, columns.find_all(what.columns, what),
                                               ignored_by(what), columns);
    }
    return std::make_unique<beyond_test>(columns.find(what.columns[0], what), sought.value("least", -HUGE_VAL),
                                         sought.value("greatest", HUGE_VAL));
}

} // namespace etl::validate
