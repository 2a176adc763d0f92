// An API whose every answer is made of the input, signals that lie among them, and one that tells the truth in a style
// that the input chooses: reading pages comes to an end, and where it ends without an error nothing is missing.
#include "extract/page_stream.hpp"

#include "unit/fake_api.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

constexpr std::int64_t most_pages = 40;

void demand(bool truth)
{
    if (!truth) {
        std::abort();
    }
}

class choices {
  public:
    choices(const std::uint8_t* data, std::size_t size) : data_{data}, size_{size} {}
    unsigned next(unsigned below) { return size_ == 0 ? 0 : data_[at_++ % size_] % below; }

  private:
    const std::uint8_t* data_;
    std::size_t size_;
    std::size_t at_ = 0;
};

constexpr const char* options[] = {R"({})",
                                   R"({"type":"page"})",
                                   R"({"type":"page","start":1})",
                                   R"({"type":"page","start":0,"end":"empty"})",
                                   R"({"type":"page","start":1,"end":"short","size":3})",
                                   R"({"type":"offset"})",
                                   R"({"type":"cursor","at":"/next_cursor"})",
                                   R"({"type":"cursor","at":"/next_cursor","end":"missing"})",
                                   R"({"type":"cursor","at":"record:/id","end":"empty"})",
                                   R"({"type":"next","at":"/next"})",
                                   R"({"type":"link"})",
                                   R"({"type":"link","end":"missing"})",
                                   R"({"type":"has_more"})",
                                   R"({"type":"none"})"};

constexpr const char* members[] = {R"("next_page":2)",
                                   R"("next_page":null)",
                                   R"("next_page":"x")",
                                   R"("has_more":true)",
                                   R"("has_more":false)",
                                   R"("has_more":null)",
                                   R"("total":6)",
                                   R"("total":0)",
                                   R"("total_pages":2)",
                                   R"("page":1)",
                                   R"("next_cursor":"c")",
                                   R"("next_cursor":null)",
                                   R"("next":"/a?page=3")",
                                   R"("next":"//other.example/")",
                                   R"("pagination":{"next_page":3,"has_more":true})",
                                   R"("links":{"next":null})",
                                   R"("offset":0,"limit":3)",
                                   R"("next_page":3,"next_page":4)"};

etl::page_plan plan_of(const char* paginate, unsigned parallel)
{
    etl::page_plan made;
    made.first.url = "https://api.example.com/a";
    made.paginate = etl::paginate_options::parse(etl::json::parse(paginate));
    made.max_pages = most_pages;
    made.parallel = static_cast<int>(parallel);
    return made;
}

// Returns how many records came; -1 where it has failed.
std::int64_t read_all(fake_api& api, etl::page_plan plan)
{
    std::int64_t records = 0;
    std::int64_t pages = 0;
    try {
        etl::page_stream stream{api, std::move(plan), etl::never_poll};
        while (const auto page = stream.next()) {
            records += static_cast<std::int64_t>(page->contents.records.size());
            demand(++pages <= most_pages);
        }
    } catch (const etl::error&) {
        records = -1;
    }
    demand(api.is_idle());
    return records;
}

void read_nonsense(choices from)
{
    const char* paginate = options[from.next(std::size(options))];
    const unsigned parallel = 1 + from.next(5);
    fake_api api{[&from](const etl::http_request&) {
        const auto first = static_cast<std::int64_t>(from.next(8)) * 3;
        std::string body = records_text(first, first + from.next(4));
        if (from.next(4) != 0) {
            body = "{\"data\":" + body;
            for (unsigned each = from.next(4); each > 0; --each) {
                body += ',' + std::string{members[from.next(std::size(members))]};
            }
            body += '}';
        }
        std::vector<etl::http_header> headers;
        if (from.next(3) == 0) {
            headers.push_back({"Link", from.next(2) == 0 ? "</a?page=7>; rel=next" : "</a>; rel=prev"});
        }
        return answer_of(std::move(body), std::move(headers), from.next(20) == 0 ? 500 : 200);
    }};
    read_all(api, plan_of(paginate, parallel));
}

// Pages of `size` of `total` records, as one style tells them.
etl::http_response honest(const etl::http_request& request, unsigned style, std::int64_t total, std::int64_t size)
{
    const auto by_offset = number_param(request.url, "offset", number_param(request.url, "cursor", -1));
    const auto page = number_param(request.url, "page", 1);
    const auto from = std::min(total, by_offset >= 0 ? by_offset : (page - 1) * size);
    const auto to = std::min(total, from + size);
    const bool more = to < total;
    const auto or_null = [more](const std::string& value) { return more ? value : std::string{"null"}; };
    const std::string records = records_text(from, to);
    const std::string data = "{\"data\":" + records;
    switch (style) {
    case 0:
        return answer_of(data + ",\"next_page\":" + or_null(std::to_string(page + 1)) + '}');
    case 1:
        return answer_of(data + ",\"has_more\":" + (more ? "true" : "false") + '}');
    case 2:
        return answer_of(data + ",\"next_cursor\":" + or_null('"' + std::to_string(to) + '"') + '}');
    case 3:
        return answer_of(data + ",\"links\":{\"next\":" + or_null("\"?page=" + std::to_string(page + 1) + '"') + "}}");
    case 4:
        return answer_of(records);
    case 5:
        return answer_of(data + ",\"offset\":" + std::to_string(from) + ",\"limit\":" + std::to_string(size) +
                         ",\"total\":" + std::to_string(total) + '}');
    case 6:
        return answer_of(data + ",\"page\":" + std::to_string(page) +
                         ",\"total_pages\":" + std::to_string((total + size - 1) / size) + '}');
    default:
        return answer_of(records, {{"Link", more ? "<?page=" + std::to_string(page + 1) + ">; rel=\"next\""
                                                 : std::string{"<?page=1>; rel=\"first\""}}});
    }
}

void read_truth(choices from)
{
    const unsigned style = from.next(8);
    const std::int64_t total = from.next(60);
    const std::int64_t size = 2 + from.next(9);
    const unsigned parallel = 1 + from.next(5);
    const auto answer = [=](const etl::http_request& request) { return honest(request, style, total, size); };
    fake_api api{answer};
    demand(read_all(api, plan_of("{}", parallel)) == total);
    // One page is not what it was: its records are gone, or what it says of the next one. Then all came all the same
    // (it was behind the end, or said nothing that mattered), or it is an error.
    const auto bad = 1 + from.next(8);
    const bool cuts = from.next(2) == 0;
    unsigned asked = 0;
    fake_api broken{[&](const etl::http_request& request) {
        auto made = answer(request);
        if (++asked == bad) {
            if (cuts) {
                made.body.resize(made.body.size() / 2);
            } else {
                made.headers.clear();
                const std::size_t end = made.body.find("],");
                made.body = end == std::string::npos ? made.body : made.body.substr(0, end + 1) + '}';
            }
        }
        return made;
    }};
    const auto got = read_all(broken, plan_of("{}", parallel));
    demand(got == -1 || got == total || (style == 7 && !cuts && bad == 1));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    read_nonsense({data, size});
    read_truth({data, size});
    return 0;
}
