// etl._load, _require_load_job, _file_bytes, _file_hash: the content of a file or an argument into a table.
#include "core/file_error.hpp"
#include "core/text.hpp"
#include "extract/connection_pg.hpp"
#include "extract/load_source_pg.hpp"
#include "extract/row_loader_pg.hpp"
#include "pg/encoding.hpp"
#include "pg/jsonb.hpp"
#include "pg/spi.hpp"
#include "pg/text_array.hpp"

extern "C" {
#include <access/htup_details.h>
#include <access/table.h>
#include <funcapi.h>
#include <mb/pg_wchar.h>
#include <utils/rel.h>
}

#include <array>
#include <memory>

using namespace etl;

namespace {

std::string name_of_text(std::string_view text)
{
    if (!is_content_text(text)) {
        throw error("22021", "the header holds bytes that are no text in the encoding",
                    "Zero bytes, as in UTF-16, are such too.", "Say what it is, as in encoding => 'LATIN1'.");
    }
    return std::string{text};
}

// An opened relation, which stays locked.
class opened_table {
  public:
    explicit opened_table(Oid table) : table_{pg::call([table] { return table_open(table, RowExclusiveLock); })} {}
    Relation get() const noexcept { return table_; }
    void close()
    {
        pg::call([this] { table_close(table_, NoLock); });
    }

  private:
    Relation table_;
};

// Where a content lies, and what messages call it.
struct place_of_content {
    std::optional<file_path> path;
    std::string url; // below a server
    std::string_view content;

    std::string name() const
    {
        return path ? path->subject() : url.empty() ? "the content" : "the answer of " + in_quotes(without_query(url));
    }
    static std::string without_query(const std::string& url) { return url.substr(0, url.find_first_of("?#")); }
};

// The body of an answer.
class answer_source final : public byte_source {
  public:
    answer_source(std::string_view server, const std::string& url) : body_{fetch(server, url)}, bytes_{body_} {}

    std::size_t read(std::span<char> to) override { return bytes_.read(to); }

  private:
    static std::string fetch(std::string_view server, const std::string& url)
    {
        const std::shared_ptr<http_client> client = open_connection(server);
        http_request request;
        request.url = client->url(url);
        http_response answer = client->wait(client->start(std::move(request)));
        client->require_success(answer);
        return std::move(answer.body);
    }

    std::string body_;
    memory_source bytes_;
};

std::unique_ptr<byte_source> raw_source(const place_of_content& place, const std::string& server)
{
    if (place.path) {
        return std::make_unique<source_file>(*place.path, pg::poll);
    }
    if (!place.url.empty()) {
        return std::make_unique<answer_source>(server, place.url);
    }
    return std::make_unique<memory_source>(place.content);
}

struct loaded {
    row_loader::counts counts;
    std::uint64_t bytes;
    pg::sha256::digest hash;
    std::vector<std::string> columns;
    std::string errors;
};

loaded load(const load_job& job, const place_of_content& place, Oid table, Oid stage)
{
    const std::string name = place.name();
    const pg::foreign_descriptors descriptors{place.path ? 2 : 0};
    opened_table target{table};
    opened_table into{stage};
    const pg::spi_session spi;
    load_source source{raw_source(place, job.server), {job.packed, job.encoding}, name};
    const auto records = make_load_records(source, job, mappable_columns(target.get()), name_of_text);
    row_loader loader{job, target.get(), into.get(), *records, name, name_of_text};
    loader.run();
    loaded made{loader.total(), source.bytes(), source.hash(), loader.columns(), loader.errors()};
    into.close();
    target.close();
    return made;
}

} // namespace

ETL_FUNCTION(etl_load, args)
{
    const std::string_view text = pg::jsonb_text(args.given(0));
    const auto table = static_cast<Oid>(args.given(3));
    const Oid stage = args.is_null(4) ? table : static_cast<Oid>(args.datum(4));
    TupleDesc type = nullptr;
    get_call_result_type(args.raw(), nullptr, &type);
    type = BlessTupleDesc(type);
    const auto source = args.get<std::string_view>(1);
    const std::string_view content = args.is_null(2) ? std::string_view{} : args.get<std::string_view>(2);
    const loaded made = pg::with_errors_of_server([&] {
        const load_job job = load_job::parse(pg::as_utf8(text));
        place_of_content place;
        if (!args.is_null(2)) {
            place.content = content;
        } else if (job.server.empty()) {
            place.path = import_path(source);
        } else {
            require_right_to_load();
            place.url = source;
        }
        return load(job, place, table, stage);
    });
    std::array values{Int64GetDatum(made.counts.received),
                      Int64GetDatum(made.counts.written),
                      Int64GetDatum(made.counts.held),
                      Int64GetDatum(made.counts.rejected),
                      Int64GetDatum(static_cast<std::int64_t>(made.bytes)),
                      pg::make_varlena(made.hash),
                      pg::make_text_array(made.columns),
                      pg::make_jsonb(made.errors)};
    std::array<bool, std::size(values)> nulls{};
    return pg::call([&] { return HeapTupleGetDatum(heap_form_tuple(type, values.data(), nulls.data())); });
}

ETL_FUNCTION(etl_require_load_job, args)
{
    const std::string_view text = pg::jsonb_text(args.given(0));
    pg::with_errors_of_server([text] { return load_job::parse(pg::as_utf8(text)).batch; });
    return args.null_result();
}

ETL_FUNCTION(etl_file_bytes, args)
{
    const pg::foreign_descriptors descriptors{2};
    const source_file file{import_path(args.get<std::string_view>(0)), pg::poll};
    return args.result(static_cast<std::int64_t>(file.size()));
}

ETL_FUNCTION(etl_file_hash, args)
{
    const pg::foreign_descriptors descriptors{2};
    source_file file{import_path(args.get<std::string_view>(0)), pg::poll};
    pg::sha256 hash;
    std::vector<char> piece(std::size_t{256} << 10);
    while (const std::size_t count = file.read(piece)) {
        hash.add({piece.data(), count});
    }
    return args.result(std::span<const std::byte>{hash.finish()});
}
