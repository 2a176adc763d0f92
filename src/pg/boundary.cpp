#include "pg/boundary.hpp"

extern "C" {
#include <mb/pg_wchar.h>
}

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>
#include <string_view>

namespace etl::pg {
namespace {

// Not every encoding that a database may have has the ellipsis that messages have.
void put_plain_dots(char* text) noexcept
{
    static constexpr char ellipsis[] = "…";
    static constexpr std::size_t size = sizeof ellipsis - 1;
    static_assert(size == std::size("...") - 1);
    if (GetDatabaseEncoding() != PG_UTF8) {
        while ((text = std::strstr(text, ellipsis)) != nullptr) {
            std::memset(text, '.', size);
        }
    }
}

// Copies as much as fits and never ends within a UTF-8 character.
template <std::size_t N>
void copy_text(char (&to)[N], std::string_view text) noexcept
{
    std::size_t length = std::min(text.size(), N - 1);
    if (length < text.size()) {
        while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) {
            --length;
        }
    }
    std::memcpy(to, text.data(), length);
    to[length] = '\0';
    put_plain_dots(to);
}

void fill(failure& out, std::string_view sqlstate, std::string_view message, std::string_view detail,
          std::string_view hint) noexcept
{
    out.in_flight = false;
    copy_text(out.sqlstate, sqlstate);
    copy_text(out.message, message);
    copy_text(out.detail, detail);
    copy_text(out.hint, hint);
}

} // namespace

void describe_current_exception(failure& out) noexcept
{
    try {
        throw;
    } catch (const error_in_flight&) {
        out.in_flight = true;
    } catch (const error& e) {
        fill(out, e.sqlstate(), e.what(), e.detail(), e.hint());
    } catch (const std::bad_alloc&) {
        fill(out, sqlstate::out_of_memory, "out of memory", "A request of pg_etl could not be served.", {});
    } catch (const std::exception& e) {
        fill(out, sqlstate::internal_error, "unexpected error in pg_etl", e.what(), {});
    } catch (...) {
        fill(out, sqlstate::internal_error, "unexpected error in pg_etl", {}, {});
    }
}

void report(const failure& what)
{
    if (what.in_flight) {
        PG_RE_THROW();
    }
    const char* code = what.sqlstate;
    ereport(ERROR,
            (errcode(MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4])), errmsg_internal("%s", what.message),
             what.detail[0] != '\0' ? errdetail_internal("%s", what.detail) : 0,
             what.hint[0] != '\0' ? errhint("%s", what.hint) : 0));
    pg_unreachable();
}

} // namespace etl::pg
