#include "extract/json_path.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <charconv>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

[[noreturn]] void refuse(std::string_view text, const char* what, const std::string& why)
{
    throw error(sqlstate::invalid_parameter_value, std::string{what} + " cannot be " + in_quotes(text) + ": " + why, {},
                "Write a JSON pointer such as /data/items, or a JSONPath such as $.data.items[*].");
}

class path_reader {
  public:
    path_reader(std::string_view text, const char* what) : text_{text}, what_{what} {}

    std::vector<std::string> pointer()
    {
        while (at_ < text_.size()) {
            const std::size_t end = std::min(text_.find('/', at_ + 1), text_.size());
            steps_.push_back(unescaped(text_.substr(at_ + 1, end - at_ - 1)));
            at_ = end;
        }
        return std::move(steps_);
    }

    std::vector<std::string> json_path()
    {
        for (at_ = 1; at_ < text_.size() && text_.substr(at_) != "[*]";) {
            if (text_[at_] == '.') {
                name();
            } else if (text_[at_] == '[') {
                bracket();
            } else {
                refuse(text_, what_, "it has something else where . or [ should be");
            }
        }
        return std::move(steps_);
    }

  private:
    std::string unescaped(std::string_view token)
    {
        std::string made;
        for (std::size_t i = 0; i < token.size(); ++i) {
            if (token[i] != '~') {
                made += token[i];
                continue;
            }
            if (++i == token.size() || (token[i] != '0' && token[i] != '1')) {
                refuse(text_, what_, "in a JSON pointer ~ is followed by 0 or 1");
            }
            made += token[i] == '0' ? '~' : '/';
        }
        return made;
    }

    // .name
    void name()
    {
        const std::size_t end = std::min(text_.find_first_of(".[", at_ + 1), text_.size());
        const std::string_view found = text_.substr(at_ + 1, end - at_ - 1);
        if (found.empty() || found == "*") {
            refuse(text_, what_, "a name must follow each .");
        }
        steps_.emplace_back(found);
        at_ = end;
    }

    // ['name'], ["name"] or [0]
    void bracket()
    {
        const char quote = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
        const bool is_quoted = quote == '\'' || quote == '"';
        const std::size_t from = at_ + (is_quoted ? 2 : 1);
        const std::size_t end = text_.find(is_quoted ? std::string{quote, ']'} : "]", from);
        if (end == std::string_view::npos) {
            refuse(text_, what_, "a bracket is not closed");
        }
        const std::string_view found = text_.substr(from, end - from);
        if (is_quoted ? found.find('\\') != std::string_view::npos : !is_number(found)) {
            refuse(text_, what_, "in brackets stands a name in quotes, a number, or at the end *");
        }
        steps_.emplace_back(found);
        at_ = end + (is_quoted ? 2 : 1);
    }

    static bool is_number(std::string_view text)
    {
        return !text.empty() && text.size() < 10 &&
               std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    }

    std::string_view text_;
    const char* what_;
    std::size_t at_ = 0;
    std::vector<std::string> steps_;
};

const json* element(const json& array, const std::string& step)
{
    std::size_t index = 0;
    const char* end = step.data() + step.size();
    const auto [stopped, failure] = std::from_chars(step.data(), end, index);
    const bool is_index = failure == std::errc{} && stopped == end && (step == "0" || step[0] != '0');
    return is_index && index < array.size() ? &array[index] : nullptr;
}

} // namespace

json_path json_path::parse(std::string_view text, const char* what)
{
    json_path made;
    path_reader reader{text, what};
    if (text.empty() || text.front() == '/') {
        made.steps_ = reader.pointer();
    } else if (text.front() == '$') {
        made.steps_ = reader.json_path();
    } else {
        refuse(text, what, "it begins neither with / nor with $");
    }
    return made;
}

std::string json_path::pointer() const
{
    std::string made;
    for (const auto& step : steps_) {
        made = below(made, step);
    }
    return made;
}

const json* json_path::find(const json& document) const
{
    const json* at = &document;
    for (const auto& step : steps_) {
        if (at->is_array()) {
            at = element(*at, step);
        } else if (const auto found = at->find(step); at->is_object() && found != at->end()) {
            at = &*found;
        } else {
            return nullptr;
        }
        if (at == nullptr) {
            return nullptr;
        }
    }
    return at;
}

std::string below(const std::string& pointer, std::string_view step)
{
    std::string made = pointer + '/';
    for (const char c : step) {
        if (c == '~') {
            made += "~0";
        } else if (c == '/') {
            made += "~1";
        } else {
            made += c;
        }
    }
    return made;
}

bool is_within(std::string_view pointer, std::string_view place) noexcept
{
    return pointer.substr(0, place.size()) == place && (pointer.size() == place.size() || pointer[place.size()] == '/');
}

} // namespace etl
