// etl.fetch: all records of an API, one after the other.
#include "extract/page_arguments_pg.hpp"

#include "pg/encoding.hpp"
#include "pg/error_context.hpp"
#include "pg/notice.hpp"
#include "pg/value_series.hpp"

extern "C" {
#include <utils/fmgrprotos.h>
}

namespace etl {
namespace {

constexpr std::size_t bytes_between_pumps = std::size_t{256} << 10U;

class fetched_records {
  public:
    explicit fetched_records(pg::arguments args) : pages_{args, false} {}

    // The next record as a jsonb, in the current memory context; false behind the last one.
    bool next(Datum& record)
    {
        while (pages_.current() == nullptr || at_ == pages_.current()->contents.records.size()) {
            if (is_over_ || !turn_page()) {
                return false;
            }
        }
        record = read(*pages_.current());
        return true;
    }

  private:
    bool turn_page()
    {
        const auto came = pages_.next();
        at_ = 0;
        if (came == nullptr) {
            is_over_ = true;
            return false;
        }
        place_ = "page " + std::to_string(came->number) + " of " + std::string{pg::from_utf8(pages_.shown_url(*came))};
        if (came->number == 1 && pages_.has_chosen()) {
            pg::notice("etl.fetch finds " + std::string{pg::from_utf8(pages_.chosen())});
        }
        return true;
    }

    Datum read(const page& from)
    {
        text_ = pg::from_utf8(from.contents.records[at_++]);
        since_pump_ += text_.size();
        if (since_pump_ > bytes_between_pumps) {
            since_pump_ = 0;
            pages_.pump();
        }
        const pg::numbered_line line = {"record", at_, place_.c_str()};
        return pg::call_in_context(pg::add_numbered_line, &line, [text = text_.c_str()] {
            return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
        });
    }

    asked_pages pages_;
    std::size_t at_ = 0;
    std::size_t since_pump_ = 0;
    bool is_over_ = false;
    std::string place_; // of the page, for errors
    std::string text_;
};

} // namespace
} // namespace etl

ETL_FUNCTION(etl_fetch, args)
{
    auto* records = etl::pg::with_errors_of_server(
        [args] { return &etl::pg::series_state<etl::fetched_records>(args, [args] { return args; }); });
    Datum record;
    return records->next(record) ? etl::pg::series_value(args, record) : etl::pg::series_end(args);
}

ETL_FUNCTION(etl_check_paging, args)
{
    etl::check_paging(args, 0);
    return args.null_result();
}
