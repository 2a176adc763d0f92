// etl.similar_pairs: texts from one query or two into the core, pairs out of it.
#include "dedupe/similarity_join.hpp"
#include "pg/query.hpp"
#include "pg/result_set.hpp"
#include "pg/spi.hpp"

#include <array>
#include <string>

namespace {

using namespace etl;

// The ids of the texts, by their numbers, one after the other.
class id_list {
  public:
    explicit id_list(std::pmr::memory_resource* memory) : bytes_{memory}, ends_{memory} {}

    void add(std::string_view id)
    {
        bytes_.insert(bytes_.end(), id.begin(), id.end());
        ends_.push_back(bytes_.size());
    }
    std::string_view operator[](std::uint32_t i) const noexcept
    {
        const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
        return {bytes_.data() + begin, ends_[i] - begin};
    }

  private:
    std::pmr::vector<char> bytes_;
    std::pmr::vector<std::size_t> ends_;
};

// A row without a text is like none, and one without an id cannot be named.
void read_texts(dedupe::similarity_join& into, id_list& ids, const std::string& query, const char* what, bool is_second)
{
    const pg::spi_session session;
    pg::require_select(query, what, "Select two columns: the id and the text of each row.");
    pg::text_cursor cursor{query, 2, what};
    for (auto fields = cursor.fetch(); !fields.empty(); fields = cursor.fetch()) {
        for (std::size_t i = 0; i < fields.size(); i += 2) {
            if (!fields[i].is_null() && !fields[i + 1].is_null()) {
                into.add(fields[i + 1].view(), is_second);
                ids.add(fields[i].view());
            }
        }
        pg::poll();
    }
}

} // namespace

ETL_FUNCTION(etl_similar_pairs, args)
{
    const auto query = args.get<std::string_view>(0);
    const auto threshold = args.get<double>(1);
    const bool links = !args.is_null(2);
    const auto other = links ? args.get<std::string_view>(2) : std::string_view{};
    pg::result_set rows{args};

    pg::context_resource memory;
    dedupe::similarity_join join{threshold, links, &memory};
    id_list ids{&memory};
    read_texts(join, ids, std::string{query}, "query", false);
    if (links) {
        read_texts(join, ids, std::string{other}, "link_to", true);
    }
    join.each(
        [&](const dedupe::similarity_join::pair& found) {
            const pg::scratch_context texts;
            MemoryContext old = MemoryContextSwitchTo(texts.get());
            std::array values{pg::make_text(ids[found.a]), pg::make_text(ids[found.b]),
                              Float8GetDatum(found.similarity)};
            MemoryContextSwitchTo(old);
            std::array nulls{false, false, false};
            rows.put(values, nulls);
        },
        pg::poll);
    return rows.finish();
}
