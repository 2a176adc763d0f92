// Which page comes after which, and which is the last one: decided from what each answer says, and nothing else. It
// sends nothing and waits for nothing.
//
// Two mistakes are possible, to end too early and never to end. Against the first: the end is where a signal says so
// that the kind of pagination has (docs/fetch.md tells which), never where one is missing; signals that contradict each
// other are an error; a total that the answers tell is compared with the records that came. Against the second: each
// page must lead on. A page with the same records as one before, a link or cursor that was followed before, a page
// number that does not follow its own, and empty pages that promise more are errors.
//
// A total that changes. It is told by each answer, and records may be added while pages are read. Let the first total be
// T1 and the greatest one Tn. Records that are added at the end are read and counted in the end; those that are added
// before the place of reading are not, or (by page number or offset) move records along that are then read twice. So all
// counts from T1 to Tn are consistent, and others are not. By page number and offset, a total below T1 is an error at
// once: records were deleted, those behind have moved up, and some may stand on pages that were already read.
#pragma once

#include "extract/page_position.hpp"
#include "extract/page_signals.hpp"
#include "extract/paginate_options.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>

namespace etl {

struct page_decision {
    // `probe`: to know how pages are numbered, ask for `next` too, and call after_probe.
    enum class is { next, end, probe };
    is what = is::end;
    page_position next;
};

class pagination {
  public:
    // `first` is the request of the first page. `hidden` is the parameter of a query that the credentials add: a server
    // may write it into its links, and it is taken out of them.
    pagination(paginate_options options, http_request first, std::string hidden = {});

    // Throws 22023 for a position that no page of this kind has.
    void check_position(const page_position& at) const;
    http_request request_for(const page_position& at) const;
    // What follows the page at a position, that came from a URL. Throws 08P01, with a message that reads on from "the
    // page"; 42501 for a link to another origin.
    page_decision after(const page_position& at, const page_answer& answer, const std::string& url);
    page_decision after_probe(const page_answer& answer);
    // Where there is no such page, and that is the end: see is_end.
    page_decision after_missing(const page_position& at) const;
    // The position after one, where it is known before its page has come, and there is likely to be one.
    std::optional<page_position> likely_after(const page_position& at) const;
    // Whether a status says that the pages have ended, as an empty page does.
    bool is_end(int status, const page_position& at) const noexcept
    {
        return status == 404 && options_.end == page_end::not_found && !at.is_first();
    }
    bool has_chosen() const noexcept { return options_.kind != page_kind::automatic; }
    // What was chosen, for people.
    std::string chosen() const;

  private:
    class votes;
    struct progress; // of one page

    page_decision by_number(const progress& page);
    page_decision by_token(const progress& page);
    std::optional<std::int64_t> read_next_number(const progress& page, votes& say);
    page_decision next_number(const progress& page, std::optional<std::int64_t> told);
    json read_token(const progress& page, votes& say);
    json cursor_or_link(const json& value, const std::string& place) const;
    page_position position_of(const json& token, const progress& page) const;
    void vote_by_flag(const progress& page, votes& say);
    void vote_by_pages(const progress& page, votes& say);
    void vote_by_total(const progress& page, votes& say) const;
    void watch_total(const progress& page);
    void check_end(const progress& page) const;
    void check_repeated(const progress& page);
    std::optional<std::int64_t> known_number(const progress& page) const;
    bool is_by_number() const noexcept
    {
        return options_.kind == page_kind::page || options_.kind == page_kind::offset;
    }
    void check_current(const progress& page) const;
    page_position after_records(const progress& page) const;

    paginate_options options_;
    http_request first_;
    std::string hidden_;
    std::unordered_set<std::size_t> pages_;  // hashes of their records
    std::unordered_set<std::string> tokens_; // that were followed
    std::optional<std::int64_t> lowest_total_;
    std::int64_t greatest_total_ = 0;
    std::string total_at_;
    std::optional<std::int64_t> page_count_;
    std::optional<std::int64_t> base_; // the number of the first page
    std::int64_t page_size_ = 0;       // records of the first page that came
    int empty_pages_ = 0;              // one after the other
    bool had_flag_ = false;
    bool had_pages_ = false;
    std::size_t probed_ = 0; // the hash of the page whose number is asked for
    page_position after_probed_;
};

} // namespace etl
