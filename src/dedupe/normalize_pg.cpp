// etl.normalize_text and its kin: a text in, its form out, NULL where nothing is left to compare.
#include "dedupe/normalize_address.hpp"
#include "dedupe/normalize_email.hpp"
#include "dedupe/normalize_name.hpp"
#include "dedupe/normalize_phone.hpp"
#include "dedupe/normalize_text.hpp"
#include "pg/encoding.hpp"
#include "pg/function.hpp"

namespace {

using etl::pg::arguments;

// A text can grow: U+FDFA alone stands for 18 letters.
void require_fits(std::size_t size)
{
    if (size > MaxAllocSize - VARHDRSZ) {
        throw etl::error(etl::sqlstate::program_limit_exceeded,
                         "normalized text of " + std::to_string(size) + " bytes is too long",
                         "A text has at most 1 gigabyte.");
    }
}

template <class Normalize>
Datum normalized(arguments args, Normalize&& normalize)
{
    const std::string_view text = etl::pg::as_utf8(args.get<std::string_view>(0));

    etl::pg::context_resource memory;
    const std::pmr::string form = normalize(text, &memory);
    if (form.empty()) {
        return args.null_result();
    }
    require_fits(form.size());
    return args.result(etl::pg::from_utf8(form));
}

} // namespace

ETL_FUNCTION(etl_normalize_text, args)
{
    return normalized(args, [](std::string_view text, std::pmr::memory_resource* memory) {
        return etl::dedupe::normalize_text(text, memory, etl::pg::poll);
    });
}

ETL_FUNCTION(etl_normalize_code, args)
{
    return normalized(args, [](std::string_view text, std::pmr::memory_resource* memory) {
        auto form = etl::dedupe::normalize_text(text, memory, etl::pg::poll);
        std::erase(form, ' ');
        return form;
    });
}

ETL_FUNCTION(etl_normalize_name, args)
{
    return normalized(args, [](std::string_view text, std::pmr::memory_resource* memory) {
        return etl::dedupe::normalize_name(text, memory, etl::pg::poll);
    });
}

ETL_FUNCTION(etl_normalize_address, args)
{
    return normalized(args, [](std::string_view text, std::pmr::memory_resource* memory) {
        return etl::dedupe::normalize_address(text, memory, etl::pg::poll);
    });
}

ETL_FUNCTION(etl_normalize_email, args)
{
    return normalized(args, [rules = args.get<bool>(1)](std::string_view text, std::pmr::memory_resource* memory) {
        return etl::dedupe::normalize_email(text, rules, memory);
    });
}

ETL_FUNCTION(etl_normalize_phone, args)
{
    const auto country = args.get<std::string_view>(1);
    return normalized(args, [country](std::string_view text, std::pmr::memory_resource* memory) {
        return etl::dedupe::normalize_phone(text, etl::dedupe::home_country(country), memory);
    });
}
