// etl.similar_pairs: texts from one query or two into the core, pairs out of it.
#include "core/text_list.hpp"
#include "dedupe/similarity_join.hpp"
#include "pg/encoding.hpp"
#include "pg/query.hpp"
#include "pg/result_set.hpp"
#include "pg/spi.hpp"
#include "pg/text_maker.hpp"

#include <array>
#include <string>

namespace {

using namespace etl;

// A row without a text is like none, and one without an id cannot be named.
void read_texts(dedupe::similarity_join& into, text_list& ids, const std::string& query, const char* what,
                bool is_second)
{
    const pg::spi_session session;
    pg::require_select(query, what, "Select two columns: the id and the text of each row.");
    pg::text_cursor cursor{query, 2, what};
    for (auto fields = cursor.fetch(); !fields.empty(); fields = cursor.fetch()) {
        for (std::size_t i = 0; i < fields.size(); i += 2) {
            if (!fields[i].is_null() && !fields[i + 1].is_null()) {
                into.add(pg::as_utf8(fields[i + 1].view()), is_second);
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
    text_list ids{&memory}; // by the numbers of the texts
    read_texts(join, ids, std::string{query}, "query", false);
    if (links) {
        read_texts(join, ids, std::string{other}, "link_to", true);
    }
    pg::text_maker first{&memory};
    pg::text_maker second{&memory};
    join.each(
        [&](const dedupe::similarity_join::pair& found) {
            std::array values{first.make(ids[found.a]), second.make(ids[found.b]), Float8GetDatum(found.similarity)};
            std::array nulls{false, false, false};
            rows.put(values, nulls);
        },
        pg::poll);
    return rows.finish();
}
