// CSV read the slow and plain way, out of a text that is there as a whole; and how csv_reader reads the same.
#pragma once

#include "extract/csv_reader.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace csv_reference {

struct entry {
    bool is_fault = false;
    std::uint64_t line = 0;
    std::string text;
    std::vector<std::pair<std::string, bool>> values; // of a record: with whether it was quoted
    std::uint64_t fault_line = 0;
    std::size_t fault_value = 0;

    bool operator==(const entry&) const = default;
};

// Bytes of a line end that stands at a place; 0 where there is none.
inline std::size_t line_end_at(std::string_view all, std::size_t at)
{
    if (at >= all.size()) {
        return 0;
    }
    return all.substr(at, 2) == "\r\n" ? 2 : all[at] == '\n' || all[at] == '\r' ? 1 : 0;
}

class parser {
  public:
    parser(std::string_view all, etl::csv_dialect dialect) : all_{all}, dialect_{dialect} {}

    std::vector<entry> run()
    {
        std::vector<entry> made;
        at_ = all_.starts_with("\xef\xbb\xbf") ? 3 : 0;
        line_ = 1;
        while (at_ < all_.size()) {
            made.push_back(record());
        }
        return made;
    }

  private:
    entry record()
    {
        const std::size_t begin = at_;
        const std::uint64_t first_line = line_;
        entry made;
        made.line = first_line;
        for (;;) {
            if (!value(made)) {
                return fault(begin, first_line, std::move(made));
            }
            if (at_ == all_.size() || line_end_at(all_, at_) > 0) {
                break;
            }
            ++at_;
        }
        made.text = all_.substr(begin, at_ - begin);
        at_ += line_end_at(all_, at_);
        ++line_;
        return made;
    }

    entry fault(std::size_t begin, std::uint64_t first_line, entry made)
    {
        std::size_t end = begin;
        while (end < all_.size() && line_end_at(all_, end) == 0) {
            ++end;
        }
        at_ = end + line_end_at(all_, end);
        line_ = first_line + 1;
        return {true, first_line, std::string{all_.substr(begin, end - begin)}, {}, made.fault_line, made.fault_value};
    }

    bool value(entry& to)
    {
        std::string text;
        if (dialect_.quote == '\0' || at_ == all_.size() || all_[at_] != dialect_.quote) {
            while (at_ < all_.size() && all_[at_] != dialect_.delimiter && line_end_at(all_, at_) == 0) {
                text += all_[at_++];
            }
            to.values.emplace_back(text, false);
            return true;
        }
        to.fault_line = line_;
        to.fault_value = to.values.size() + 1;
        for (++at_; at_ < all_.size();) {
            const char next = at_ + 1 < all_.size() ? all_[at_ + 1] : '\0';
            if (all_[at_] == dialect_.escape && (next == dialect_.quote || next == dialect_.escape)) {
                text += next;
                at_ += 2;
            } else if (all_[at_] == dialect_.quote) {
                ++at_;
                to.values.emplace_back(text, true);
                to.fault_line = line_;
                const bool ends = at_ == all_.size() || all_[at_] == dialect_.delimiter || line_end_at(all_, at_) > 0;
                to.fault_value = ends ? 0 : to.fault_value;
                to.fault_line = ends ? 0 : to.fault_line;
                return ends;
            } else {
                const std::size_t end = line_end_at(all_, at_);
                line_ += end > 0 ? 1 : 0;
                text += all_.substr(at_, std::max<std::size_t>(end, 1));
                at_ += std::max<std::size_t>(end, 1);
            }
        }
        return false;
    }

    std::string_view all_;
    etl::csv_dialect dialect_;
    std::size_t at_ = 0;
    std::uint64_t line_ = 1;
};

// A text in pieces: of one size, or of the sizes that a seed makes.
class pieces final : public etl::byte_source {
  public:
    pieces(std::string_view text, std::size_t size) : text_{text}, size_{size} {}

    std::size_t read(std::span<char> to) override
    {
        const std::size_t count = std::min({to.size(), size_, text_.size()});
        std::copy_n(text_.data(), count, to.data());
        text_.remove_prefix(count);
        return count;
    }

  private:
    std::string_view text_;
    std::size_t size_;
};

inline std::vector<entry> read(etl::byte_source& from, etl::csv_dialect dialect, etl::csv_limits limits = {})
{
    etl::csv_reader reader{from, dialect, limits};
    std::vector<entry> made;
    for (;;) {
        const auto outcome = reader.next();
        if (outcome == etl::csv_reader::outcome::end) {
            return made;
        }
        entry& one = made.emplace_back();
        one.line = reader.line();
        one.text = reader.text();
        one.is_fault = outcome == etl::csv_reader::outcome::fault;
        if (one.is_fault) {
            one.fault_line = reader.what().line;
            one.fault_value = reader.what().value;
            continue;
        }
        for (const etl::csv_value& value : reader.values()) {
            one.values.emplace_back(value.text, value.is_quoted);
        }
    }
}

inline std::vector<entry> read(std::string_view text, etl::csv_dialect dialect = {}, std::size_t piece = 1U << 20U,
                               etl::csv_limits limits = {})
{
    pieces from{text, piece};
    return read(from, dialect, limits);
}

} // namespace csv_reference
