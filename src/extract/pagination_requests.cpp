// What pagination asks for: see pagination.hpp.
#include "core/text.hpp"
#include "extract/json_scan.hpp"
#include "extract/page_url.hpp"
#include "extract/pagination.hpp"

#include <span>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

// Where paginate puts a member: a name, or a JSON pointer, such as /variables/after.
std::vector<std::string> steps_to(const std::string& param)
{
    return param.starts_with('/') ? json_path::parse(param, "paginate").steps() : std::vector{param};
}

// Where the object ends (at its bracket) that the last of the steps is a member of.
class object_end {
  public:
    object_end(std::string_view body, std::span<const std::string> steps)
        : scanner_{body, scan_limits{}, never_poll}, steps_{steps}
    {
        look(0);
    }
    std::size_t at() const noexcept { return at_; }

  private:
    void look(std::size_t depth)
    {
        scanner_.next();
        scanner_.members([&](std::string_view key) {
            const bool leads_on = depth + 1 < steps_.size() && json::parse(key) == steps_[depth];
            if (leads_on) {
                look(depth + 1);
            } else {
                scanner_.value();
            }
        });
        at_ = depth + 1 == steps_.size() ? scanner_.position() - 1 : at_;
    }

    json_scanner scanner_;
    std::span<const std::string> steps_;
    std::size_t at_ = 0;
};

// A body with one more member. The text of the others is not touched. check_body has seen it.
std::string with_member(const std::string& body, const std::string& param, const json& value)
{
    const auto steps = steps_to(param);
    const std::size_t end = object_end{body, steps}.at();
    const std::size_t inner = body.find_last_not_of(" \t\r\n", end - 1);
    const std::string comma = body[inner] == '{' ? "" : ", ";
    return body.substr(0, inner + 1) + comma + json(steps.back()).dump() + ": " + value.dump() + body.substr(end);
}

void check_body(const std::optional<std::string>& body, const std::string& param)
{
    auto steps = steps_to(param);
    const std::string name = std::move(steps.back());
    steps.pop_back();
    const json document = body ? json::parse(*body, nullptr, false) : json{};
    const json* place = &document;
    json example = json::object();
    json* inner = &example;
    for (const auto& step : steps) {
        place = place != nullptr && place->is_object() && place->contains(step) ? &(*place)[step] : nullptr;
        inner = &((*inner)[step] = json::object());
    }
    if (place == nullptr || !place->is_object() || place->contains(name)) {
        throw error(sqlstate::invalid_parameter_value,
                    "paginate puts " + in_quotes(param) + " into the body, which must be a JSON object " +
                        (steps.empty() ? "" : "with an object there, ") + "without it",
                    {}, "Give one, for example method => 'POST', body => '" + example.dump() + "'.");
    }
}

} // namespace

pagination::pagination(paginate_options options, http_request first, std::string hidden)
    : options_{std::move(options)}, first_{std::move(first)}, hidden_{std::move(hidden)}
{
    base_ = options_.start;
    if (options_.in_body) {
        check_body(first_.body, options_.param);
        if (!options_.size_param.empty()) {
            check_body(first_.body, options_.size_param);
        }
    }
    const bool sends_param = is_by_number() || options_.kind == page_kind::cursor;
    if (sends_param && !options_.in_body && param_of(first_.url, options_.param)) {
        throw error(sqlstate::invalid_parameter_value,
                    "the query has " + in_quotes(options_.param) + ", which paginate sets for each page", {},
                    "Leave it out of the query; \"start\" is the first page or offset.");
    }
}

void pagination::check_position(const page_position& at) const
{
    const page_kind kind = options_.kind;
    const bool fits = kind == page_kind::automatic || at.is_first() || (kind == page_kind::page && at.page) ||
                      (kind == page_kind::offset && at.offset) || (kind == page_kind::cursor && at.cursor) ||
                      ((kind == page_kind::next || kind == page_kind::link) && at.url);
    if (!fits) {
        throw error(sqlstate::invalid_parameter_value,
                    "position " + at.shown() + " is none of paginate type " + in_quotes(name_of(kind)));
    }
}

http_request pagination::request_for(const page_position& at) const
{
    http_request made = first_;
    const auto put = [&made, this](const std::string& name, const json& value) {
        if (options_.in_body) {
            made.body = with_member(*made.body, name, value);
        } else {
            made.url = with_param(made.url, name, value.is_string() ? value.get<std::string>() : value.dump());
        }
    };
    if (at.url) {
        made.url = origin_of(first_.url) + *at.url;
        return made;
    }
    const auto name = [&](const char* usual) { return options_.param.empty() ? std::string{usual} : options_.param; };
    if (at.page) {
        put(name("page"), *at.page);
    } else if (at.offset) {
        put(name("offset"), *at.offset);
    } else if (at.cursor) {
        put(name("cursor"), *at.cursor);
    } else if (options_.start) {
        put(options_.param, *options_.start);
    }
    if (options_.size && !options_.size_param.empty()) {
        put(options_.size_param, *options_.size);
    }
    return made;
}

// ---- What is asked for ahead.

std::optional<page_position> pagination::likely_after(const page_position& at) const
{
    page_position next;
    std::int64_t before = 0; // records that come before it
    if (options_.kind == page_kind::page && at.page) {
        next.page = *at.page + 1;
        before = (*next.page - base_.value_or(1)) * page_size_;
        if (page_count_ && *next.page - base_.value_or(1) >= *page_count_) {
            return std::nullopt;
        }
    } else if (options_.kind == page_kind::offset && at.offset && page_size_ > 0) {
        next.offset = *at.offset + page_size_;
        before = *next.offset - options_.start.value_or(0);
    } else {
        return std::nullopt;
    }
    return lowest_total_ && before >= greatest_total_ ? std::nullopt : std::optional{next};
}

} // namespace etl
