// Any text as a match model: it is refused or read, and then what it says of two texts is one of its levels, the same
// either way, and its explanation is JSON whose parts are the weight.
#include "dedupe/match_model.hpp"
#include "dedupe/match_training.hpp"
#include "dedupe/match_weight.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace etl::dedupe;

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

std::vector<compared_values> values_for(const match_model& model, std::string_view a, std::string_view b)
{
    std::vector<compared_values> made;
    for (const auto& each : model.comparisons()) {
        if (each.levels.type() == value_type::text) {
            made.push_back({match_value::of(a), match_value::of(b)});
        } else {
            made.push_back({match_value::of(a.size() * 1.0), match_value::of(b.size() * 1.0)});
        }
    }
    return made;
}

void demand_weights(const match_model& model, const std::vector<compared_values>& values)
{
    const match_weigher weigher{model};
    const auto explained = etl::json::parse(weigher.explain(values, etl::never_poll));
    demand(explained["match_weight"].get<double>() == to_bits(weigher.weight(values, etl::never_poll)));
    demand(explained["comparisons"].size() == model.comparisons().size());
}

void use(const match_model& model, std::string_view a, std::string_view b)
{
    const auto values = values_for(model, a, b);
    std::vector<std::uint8_t> levels(values.size());
    std::vector<std::uint8_t> backwards(values.size());
    find_levels(model, values, levels, etl::never_poll);
    find_levels(model, values_for(model, b, a), backwards, etl::never_poll);
    demand(levels == backwards);
    for (std::size_t i = 0; i < levels.size(); ++i) {
        demand(levels[i] == null_level || levels[i] < model.comparisons()[i].levels.size());
    }
    demand_weights(model, values);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    try {
        const auto model = match_model::parse(text);
        const std::string pattern(model.comparisons().size(), '\0');
        const given_pattern pairs[] = {{pattern, 3, 1}, {pattern, 1, -2}};
        const auto trained =
            train_model({text, {}, pairs, R"({"1": []})", 10, R"({"max_iterations": 3})"}, etl::never_poll);
        demand(match_model::parse(trained).comparisons().size() == model.comparisons().size());
        use(model, text.substr(size / 2), text.substr(size / 3));
    } catch (const etl::error&) {
        return 0;
    }
    return 0;
}
