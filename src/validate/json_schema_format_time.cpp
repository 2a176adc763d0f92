// Dates, times and durations of RFC 3339 (section 5.6 and appendix A).
#include "validate/json_schema_format.hpp"

#include "core/cpp_only.hpp"

namespace etl::validate::schema {
namespace {

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// Takes what a format is made of off the start of a text.
class reader {
  public:
    explicit reader(std::string_view text) : rest_{text} {}

    bool done() const { return rest_.empty(); }

    bool take(char wanted)
    {
        if (rest_.empty() || rest_.front() != wanted) {
            return false;
        }
        rest_.remove_prefix(1);
        return true;
    }

    bool take_either(char a, char b) { return take(a) || take(b); }

    // A number of so many digits.
    bool number(int digits, int& value)
    {
        value = 0;
        for (int i = 0; i < digits; ++i) {
            if (rest_.empty() || !is_digit(rest_.front())) {
                return false;
            }
            value = value * 10 + (rest_.front() - '0');
            rest_.remove_prefix(1);
        }
        return true;
    }

    bool digits()
    {
        const std::size_t before = rest_.size();
        while (!rest_.empty() && is_digit(rest_.front())) {
            rest_.remove_prefix(1);
        }
        return rest_.size() < before;
    }

  private:
    std::string_view rest_;
};

int days_of_month(int year, int month)
{
    constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

bool read_date(reader& from)
{
    int year = 0;
    int month = 0;
    int day = 0;
    return from.number(4, year) && from.take('-') && from.number(2, month) && from.take('-') && from.number(2, day) &&
           month >= 1 && month <= 12 && day >= 1 && day <= days_of_month(year, month);
}

// Minutes to the east of Greenwich.
bool read_offset(reader& from, int& offset)
{
    if (from.take_either('Z', 'z')) {
        offset = 0;
        return true;
    }
    const int sign = from.take('-') ? -1 : 1;
    int hours = 0;
    int minutes = 0;
    if (sign > 0 && !from.take('+')) {
        return false;
    }
    const bool read = from.number(2, hours) && from.take(':') && from.number(2, minutes);
    offset = sign * (hours * 60 + minutes);
    return read && hours <= 23 && minutes <= 59;
}

bool read_time(reader& from)
{
    constexpr int day = 24 * 60;
    int hour = 0;
    int minute = 0;
    int second = 0;
    int offset = 0;
    if (!from.number(2, hour) || !from.take(':') || !from.number(2, minute) || !from.take(':') ||
        !from.number(2, second) || (from.take('.') && !from.digits()) || !read_offset(from, offset)) {
        return false;
    }
    const bool last_minute = ((hour * 60 + minute - offset) % day + day) % day == day - 1; // where a leap second may be
    return hour <= 23 && minute <= 59 && second <= (last_minute ? 60 : 59);
}

// Numbers with letters behind them, in the order given and without a gap (RFC 3339, appendix A); at least one.
bool read_units(reader& from, std::string_view letters)
{
    if (!from.digits()) {
        return false;
    }
    while (!letters.empty() && !from.take(letters.front())) {
        letters.remove_prefix(1);
    }
    while (!letters.empty() && from.digits()) {
        letters.remove_prefix(1);
        if (letters.empty() || !from.take(letters.front())) {
            return false;
        }
    }
    return !letters.empty();
}

} // namespace

bool is_date(std::string_view text)
{
    reader from{text};
    return read_date(from) && from.done();
}

bool is_time(std::string_view text)
{
    reader from{text};
    return read_time(from) && from.done();
}

bool is_date_time(std::string_view text)
{
    reader from{text};
    return read_date(from) && from.take_either('T', 't') && read_time(from) && from.done();
}

bool is_duration(std::string_view text)
{
    if (!text.starts_with('P')) {
        return false;
    }
    const std::string_view rest = text.substr(1);
    const std::size_t t = rest.find('T');
    reader date{rest.substr(0, t)};
    reader weeks{rest};
    if (t == std::string_view::npos) {
        return (read_units(date, "YMD") && date.done()) || (read_units(weeks, "W") && weeks.done());
    }
    reader time{rest.substr(t + 1)};
    return (date.done() || (read_units(date, "YMD") && date.done())) && read_units(time, "HMS") && time.done();
}

} // namespace etl::validate::schema
