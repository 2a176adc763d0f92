#include "extract/load_source_pg.hpp"

#include "core/file_error.hpp"
#include "core/text.hpp"
#include "extract/text_encoding.hpp"
#include "pg/boundary.hpp"
#include "pg/encoding.hpp"
#include "pg/function_right.hpp"
#include "pg/settings.hpp"

extern "C" {
#include <catalog/namespace.h>
#include <mb/pg_wchar.h>
#include <utils/builtins.h>
#include <utils/fmgrprotos.h>
}

#include <algorithm>

namespace etl {
namespace {

// The encoding that contents are brought into.
int content_encoding() noexcept
{
    return GetDatabaseEncoding() == PG_SQL_ASCII ? PG_SQL_ASCII : PG_UTF8;
}

// A text up to the first byte that is part of no character, or of one that has no end, in another encoding. How many
// bytes were taken.
std::size_t convert_valid(Oid conversion, int from, int to, std::string_view text, std::vector<char>& made)
{
    const std::size_t kept = made.size();
    const std::size_t room = (text.size() + 1) * MAX_CONVERSION_GROWTH + 1;
    made.resize(kept + room);
    char* const out = made.data() + kept;
    const int used = pg::call([=] {
        return pg_do_encoding_conversion_buf(
            conversion, from, to, reinterpret_cast<unsigned char*>(const_cast<char*>(text.data())),
            static_cast<int>(text.size()), reinterpret_cast<unsigned char*>(out), static_cast<int>(room), true);
    });
    made.resize(kept + std::strlen(out));
    return static_cast<std::size_t>(used);
}

// Text in an encoding that there is a conversion from.
class converted_source final : public block_source {
  public:
    converted_source(byte_source& from, Oid conversion, int encoding)
        : block_source{from}, conversion_{conversion}, encoding_{encoding}
    {
    }

  private:
    static constexpr std::size_t longest_character = 8; // no encoding has one of so many bytes

    std::size_t convert(std::string_view waiting, bool is_last, std::vector<char>& to) override
    {
        std::size_t used = 0;
        while (used < waiting.size()) {
            used += convert_valid(conversion_, encoding_, content_encoding(), waiting.substr(used), to);
            if (waiting.size() - used < longest_character && !is_last) {
                break;
            }
            if (used < waiting.size()) {
                to.push_back('\0'); // no text has it
                ++used;
            }
        }
        return used;
    }

    Oid conversion_;
    int encoding_;
};

[[noreturn]] void refuse_encoding(const std::string& name)
{
    throw error(sqlstate::undefined_object, "encoding " + in_quotes(name) + " is not known", {},
                "Name one of PostgreSQL's encodings, as in encoding => 'LATIN1', or UTF16, UTF16LE, UTF16BE.");
}

struct named_encoding {
    bool is_utf16 = false;
    std::optional<byte_order> order;
    int number = PG_UTF8;
};

named_encoding find_encoding(const std::string& name)
{
    std::string plain;
    for (const char c : name) {
        if (c != '-' && c != '_' && c != ' ') {
            plain += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
        }
    }
    if (plain == "UTF16" || plain == "UTF16LE" || plain == "UTF16BE") {
        named_encoding made{true, std::nullopt, PG_UTF8};
        if (plain.size() > 5) {
            made.order = plain == "UTF16BE" ? byte_order::big : byte_order::little;
        }
        return made;
    }
    const int number = name.empty() ? PG_UTF8 : pg::call([text = name.c_str()] { return pg_char_to_encoding(text); });
    if (number < 0) {
        refuse_encoding(name);
    }
    return {false, std::nullopt, number};
}

std::unique_ptr<byte_source> make_converted(byte_source& from, int encoding)
{
    const int wanted = content_encoding();
    if (encoding == wanted || encoding == PG_SQL_ASCII || wanted == PG_SQL_ASCII) {
        return nullptr;
    }
    const Oid conversion = pg::call([=] { return FindDefaultConversionProc(encoding, wanted); });
    if (!OidIsValid(conversion)) {
        throw error(sqlstate::undefined_function, std::string{"there is no conversion from "} +
                                                      pg_encoding_to_char(encoding) + " to " +
                                                      pg_encoding_to_char(wanted));
    }
    return std::make_unique<converted_source>(from, conversion, encoding);
}

} // namespace

bool is_content_text(std::string_view bytes)
{
    return pg::call(
        [bytes] { return pg_verify_mbstr(content_encoding(), bytes.data(), static_cast<int>(bytes.size()), true); });
}

std::optional<std::string> content_of_server(std::string_view text)
{
    if (pg::server_speaks_utf8() || is_ascii(text)) {
        return std::string{text};
    }
    const int server = GetDatabaseEncoding();
    const Oid conversion = pg::call([=] { return FindDefaultConversionProc(PG_UTF8, server); });
    std::vector<char> made;
    if (convert_valid(conversion, PG_UTF8, server, text, made) < text.size()) {
        return std::nullopt;
    }
    return std::string{made.data(), made.size()};
}

void require_right_to_load()
{
    pg::require_execute("load_file", "load files");
}

file_path import_path(std::string_view path)
{
    require_right_to_load();
    constexpr std::string_view scheme = "file://";
    return file_path::below(import_files, path.starts_with(scheme) ? path.substr(scheme.size()) : path,
                            require_file_root(import_files, pg::import_directory()));
}

std::size_t memory_source::read(std::span<char> to)
{
    const std::size_t count = std::min(to.size(), bytes_.size());
    std::copy_n(bytes_.data(), count, to.data());
    bytes_.remove_prefix(count);
    return count;
}

load_source::load_source(std::unique_ptr<byte_source> raw, const content_format& format, const std::string& name)
    : raw_{std::move(raw)}, unpacked_{make_decompressor(format.packed, *raw_, name, packed_parts::many)},
      watched_{unpacked_ ? *unpacked_ : *raw_, watcher_}, last_{&watched_}
{
    decode(format);
}

load_source::~load_source() = default;

void load_source::decode(const content_format& format)
{
    named_encoding encoding = find_encoding(format.encoding);
    auto peeked = std::make_unique<peeked_source>(*last_);
    require_no_archive(peeked->begin());
    const encoding_mark mark = encoding_mark::at_begin_of(peeked->begin());
    const bool may_be_utf16 = encoding.is_utf16 || format.encoding.empty();
    if (mark.utf16 && may_be_utf16 && encoding.order.value_or(*mark.utf16) == *mark.utf16) {
        encoding = {true, mark.utf16, PG_UTF8};
        peeked->skip(mark.size);
    } else if (mark.size > 0 && !mark.utf16 && !encoding.is_utf16 && encoding.number == PG_UTF8) {
        peeked->skip(mark.size);
    }
    peeked_ = std::move(peeked);
    last_ = peeked_.get();
    if (encoding.is_utf16) {
        unicode_ = std::make_unique<utf16_source>(*last_, encoding.order.value_or(byte_order::little));
        last_ = unicode_.get();
    }
    converted_ = make_converted(*last_, encoding.number);
    if (converted_) {
        last_ = converted_.get();
    }
}

std::size_t load_source::read(std::span<char> to)
{
    pg::poll(); // little may be read for much that is made of it
    return last_->read(to);
}

pg::sha256::digest load_source::hash()
{
    return watcher_.finish();
}

} // namespace etl
