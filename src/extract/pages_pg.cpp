// The handle functions of pages: etl._open_pages, etl._await_page, etl._page, etl._page_records, etl._close_pages.
//
// A handle outlives commits, so that a procedure can commit the rows of each page with the position of the next one. It
// ends with the abort of the transaction, or of the subtransaction, that it is in: nothing that failed goes on.
#include "extract/pages_pg.hpp"

#include "extract/failure_pg.hpp"
#include "extract/page_arguments_pg.hpp"

#include "pg/background_worker.hpp"
#include "pg/call_context.hpp"
#include "pg/encoding.hpp"
#include "pg/function_right.hpp"
#include "pg/jsonb.hpp"
#include "pg/result_set.hpp"
#include "pg/text_maker.hpp"
#include "pg/xact_end.hpp"

extern "C" {
#include <access/htup_details.h>
#include <funcapi.h>
#include <utils/snapmgr.h>
}

#include <map>
#include <memory>

namespace etl {
namespace {

constexpr char object_not_in_prerequisite_state[] = "55000";
constexpr char active_sql_transaction[] = "25001";
constexpr char query_canceled[] = "57014";

struct open_pages {
    explicit open_pages(pg::arguments args) : pages{args, true} {}

    asked_pages pages;
    Oid role = GetUserId();
    SubTransactionId within = GetCurrentSubTransactionId(); // none once a transaction has committed
};

// Left alone when the process ends: by then OpenSSL may have cleaned up what its connections need.
std::map<int, std::shared_ptr<open_pages>>& handles()
{
    static auto* const open = new std::map<int, std::shared_ptr<open_pages>>;
    return *open;
}

void keep_all() noexcept
{
    for (auto& [number, each] : handles()) {
        each->within = InvalidSubTransactionId;
    }
}

void close_all() noexcept
{
    handles().clear();
}

void hand_to_parent(SubTransactionId which, SubTransactionId parent) noexcept
{
    for (auto& [number, each] : handles()) {
        each->within = each->within == which ? parent : each->within;
    }
}

void close_within(SubTransactionId which) noexcept
{
    std::erase_if(handles(), [which](const auto& each) { return each.second->within == which; });
}

void watch_ends()
{
    static constexpr pg::xact_watcher watcher = {keep_all, close_all, hand_to_parent, close_within};
    static bool watching = false;
    if (!watching) {
        pg::call([] { pg::watch_xacts(watcher); });
        watching = true;
    }
}

std::shared_ptr<open_pages> pages_of(int handle)
{
    const auto found = handles().find(handle);
    if (found == handles().end() || found->second->role != GetUserId()) {
        throw error(sqlstate::invalid_parameter_value,
                    "the current role has no pages open by the number " + std::to_string(handle),
                    "A handle ends with the transaction that fails, and with its session.");
    }
    return found->second;
}

// A transaction without a snapshot and without anything done in it, so that nothing waits for it meanwhile.
void leave_transaction()
{
    if (TransactionIdIsValid(GetTopTransactionIdIfAny())) {
        throw error(active_sql_transaction, "etl._await_page must be called right after COMMIT",
                    "The transaction has changed something, and would stay open while the network is waited for.");
    }
    pg::commit_for_caller();
    if (ActiveSnapshotSet()) {
        throw error(active_sql_transaction, "etl._await_page cannot leave the snapshot of its caller");
    }
}

int open(pg::arguments args)
{
    static int latest = 0;
    pg::require_execute("fetch", "fetch pages");
    watch_ends();
    auto made = pg::with_errors_of_server([args] { return std::make_shared<open_pages>(args); });
    handles().emplace(++latest, std::move(made));
    return latest;
}

bool await(pg::arguments args)
{
    const auto open = pages_of(args.get<std::int32_t>(0));
    open->pages.renew();
    if (pg::may_commit(args)) {
        leave_transaction();
    }
    return open->pages.next() != nullptr;
}

Datum text_datum(std::string_view text)
{
    return pg::make_text(pg::from_utf8(text));
}

Datum row_of(pg::arguments args, const asked_pages& pages, const page& from)
{
    Datum values[] = {Int32GetDatum(static_cast<std::int32_t>(from.number)),
                      text_datum(pages.shown_url(from)),
                      pg::make_jsonb(from.at.document().dump()),
                      from.next ? pg::make_jsonb(from.next->document().dump()) : Datum{0},
                      BoolGetDatum(!from.next),
                      Int32GetDatum(static_cast<std::int32_t>(from.contents.records.size())),
                      Int64GetDatum(static_cast<std::int64_t>(from.answer.body.size())),
                      text_datum(pages.chosen()),
                      Float8GetDatum(from.seconds)};
    bool nulls[std::size(values)] = {};
    nulls[3] = !from.next;
    return pg::call([args, &values, &nulls] {
        TupleDesc row = nullptr;
        get_call_result_type(args.raw(), nullptr, &row);
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls));
    });
}

std::shared_ptr<const page> page_in(const open_pages& open)
{
    if (open.pages.current() == nullptr) {
        throw error(object_not_in_prerequisite_state, "no page is there", {}, "CALL etl._await_page(…) first.");
    }
    return open.pages.current();
}

} // namespace

std::shared_ptr<const page> current_page(int handle)
{
    return page_in(*pages_of(handle));
}

} // namespace etl

ETL_FUNCTION(etl_open_pages, args)
{
    return args.result(std::int32_t{etl::open(args)});
}

ETL_FUNCTION(etl_await_page, args)
{
    return etl::pg::row_of_one(args, BoolGetDatum(etl::await(args)));
}

ETL_FUNCTION(etl_try_await_page, args)
{
    try {
        return etl::row_or_failure(args, BoolGetDatum(etl::await(args)), std::nullopt);
    } catch (const etl::error& e) {
        return etl::row_or_failure(args, std::nullopt, etl::failure_datum(e));
    } catch (const etl::pg::error_in_flight&) {
        if (!etl::pg::is_cancel()) {
            throw;
        }
        etl::pg::forget_cancel();
    }
    return etl::row_or_failure(args, std::nullopt,
                               etl::failure_datum({etl::query_canceled, "canceled while a page was awaited"}));
}

ETL_FUNCTION(etl_page, args)
{
    const auto open = etl::pages_of(args.get<std::int32_t>(0));
    return etl::row_of(args, open->pages, *etl::page_in(*open));
}

ETL_FUNCTION(etl_page_records, args)
{
    etl::pg::result_set result{args};
    const auto open = etl::pages_of(args.get<std::int32_t>(0));
    const auto from = etl::page_in(*open);
    const auto& records = from->contents.records;
    etl::pg::context_resource memory;
    etl::pg::text_maker text{&memory};
    std::int32_t ordinal = 0;
    for (const auto& record : records) {
        Datum values[] = {Int32GetDatum(++ordinal), text.make(etl::pg::from_utf8(record))};
        bool nulls[] = {false, false};
        result.put(values, nulls);
        if (ordinal % 1024 == 0) {
            etl::pg::poll();
            open->pages.pump();
        }
    }
    return result.finish();
}

ETL_FUNCTION(etl_close_pages, args)
{
    const auto handle = args.get<std::int32_t>(0);
    etl::pages_of(handle);
    etl::handles().erase(handle);
    return Datum{0};
}
