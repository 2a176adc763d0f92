#include "dedupe/normalize_name.hpp"

#include "dedupe/normalize_text.hpp"
#include "dedupe/words.hpp"

#include <span>
#include <vector>

#include "core/cpp_only.hpp"

namespace etl::dedupe {
namespace {

// What is a given name as well is none: Don, Gen, Major.
constexpr std::string_view title_words =
    "mr mister mrs missus ms miss mx dr doctor prof professor sir dame lady lord rev reverend hon honorable honourable "
    "capt captain cmdr commander lt lieutenant sgt sergeant cpl corporal herr frau fraulein dipl ing mag "
    "monsieur madame mademoiselle mme mlle maitre sr sra srta senor senora senorita "
    "signor signora signorina dott dottore dottoressa dhr mevr mevrouw meneer shri smt";
constexpr auto titles = make_word_table<count_words(title_words)>(title_words);

constexpr std::string_view suffix_words = "jr junior jnr sr senior snr ii iii iv phd dphil md dds dmd dvm jd llb llm "
                                          "mba msc bsc cpa rn esq esquire obe mbe cbe";
constexpr auto suffixes = make_word_table<count_words(suffix_words)>(suffix_words);

using words = std::pmr::vector<std::string_view>;

words words_of(std::string_view text, std::pmr::memory_resource* memory)
{
    words all{memory};
    for_each_word(text, [&](std::string_view word, bool) { all.push_back(word); });
    return all;
}

bool ends_in_doctorate(std::span<const std::string_view> name)
{
    return name.size() > 2 && name[name.size() - 2] == "ph" && name.back() == "d";
}

std::span<const std::string_view> without_suffixes(std::span<const std::string_view> name, std::size_t fewest)
{
    for (;;) {
        if (ends_in_doctorate(name)) {
            name = name.first(name.size() - 2);
        } else if (name.size() > fewest && suffixes.has(name.back())) {
            name = name.first(name.size() - 1);
        } else {
            return name;
        }
    }
}

std::span<const std::string_view> without_titles(std::span<const std::string_view> name)
{
    while (name.size() > 1 && titles.has(name.front())) {
        name = name.subspan(1);
    }
    return name;
}

// The size of a comma at a place, or 0: also the wide, the ideographic and the Arabic one.
std::size_t comma_at(std::string_view text, std::size_t at)
{
    for (const std::string_view comma : {",", "，", "、", "،"}) {
        if (text.substr(at).starts_with(comma)) {
            return comma.size();
        }
    }
    return 0;
}

// A text with its first comma, which has a part on either side that is more than suffixes, for a turn.
class name_parts {
  public:
    name_parts(std::string_view text, std::pmr::memory_resource* memory, poll_fn poll) : kept_{memory}, poll_{poll}
    {
        std::size_t from = 0;
        for (std::size_t at = 0; at < text.size();) {
            poll_.tick();
            const std::size_t comma = comma_at(text, at);
            if (comma > 0) {
                add(text.substr(from, at - from), poll);
                from = at + comma;
            }
            at += comma > 0 ? comma : 1;
        }
        add(text.substr(from), poll);
    }

    // All but the first part, then that, each without titles and suffixes.
    words in_order() const
    {
        words all{kept_.get_allocator()};
        const auto put = [&](std::string_view part) {
            const words own = words_of(part, all.get_allocator().resource());
            const auto left = without_suffixes(without_titles(own), 1);
            all.insert(all.end(), left.begin(), left.end());
        };
        for (std::size_t i = 1; i < kept_.size(); ++i) {
            put(kept_[i]);
        }
        if (!kept_.empty()) {
            put(kept_.front());
        }
        return all;
    }

  private:
    // "Jr." between commas says nothing of the order. Were it the whole name, it would be kept.
    void add(std::string_view part, poll_fn poll)
    {
        auto form = normalize_text(part, kept_.get_allocator().resource(), poll);
        const words all = words_of(form, kept_.get_allocator().resource());
        const bool is_suffix = all.empty() || without_suffixes(all, 0).empty() || is_doctorate(all);
        if (!form.empty() && (kept_.empty() || !is_suffix)) {
            kept_.push_back(std::move(form));
        }
    }

    static bool is_doctorate(const words& all) { return all.size() == 2 && all[0] == "ph" && all[1] == "d"; }

    std::pmr::vector<std::pmr::string> kept_;
    poller poll_;
};

} // namespace

std::pmr::string normalize_name(std::string_view text, std::pmr::memory_resource* memory, poll_fn poll)
{
    const name_parts parts{text, memory, poll};
    const words all = parts.in_order();
    std::pmr::string made{memory};
    for (const std::string_view word : without_suffixes(without_titles(all), 1)) {
        made += made.empty() ? "" : " ";
        made += word;
    }
    return made;
}

} // namespace etl::dedupe
