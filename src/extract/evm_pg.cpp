// etl.keccak256, etl.evm_decode, etl.evm_events and what the extraction of logs calls.
#include "core/hex.hpp"
#include "extract/evm_address.hpp"
#include "extract/evm_log.hpp"
#include "extract/evm_value.hpp"
#include "extract/keccak.hpp"
#include "pg/jsonb.hpp"
#include "pg/result_set.hpp"
#include "pg/text_array.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/array.h>
}

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace etl;
using pg::arguments;

constexpr int deepest_answer = 8; // of logs as nodes give them

std::vector<std::string> texts_in(Datum array)
{
    std::vector<std::string> made = pg::read_text_array(array);
    for (std::string& each : made) {
        each = pg::as_utf8(each);
    }
    return made;
}

Datum text_datum(std::string_view text)
{
    return pg::make_text(pg::from_utf8(text));
}

// The event of an expression, read again only where the text is another one.
class known_event {
  public:
    explicit known_event(std::nullptr_t) {}
    const evm::event& of(std::string_view declaration)
    {
        if (!event_ || declaration != text_) {
            event_ = evm::parse_event(declaration);
            text_ = declaration;
        }
        return *event_;
    }

  private:
    std::string text_{};
    std::optional<evm::event> event_{};
};

std::string name_of_place(std::size_t place)
{
    return "arg" + std::to_string(place + 1);
}

// Members need names of their own: a parameter without one, or with that of another or of another's place, is called by
// its place.
std::string member_name(const evm::event& event, std::size_t place)
{
    const std::string& name = event.parameters[place].name;
    bool is_own = !name.empty();
    for (std::size_t i = 0; i < event.parameters.size(); ++i) {
        is_own = is_own && (i == place || (event.parameters[i].name != name && name_of_place(i) != name));
    }
    return is_own ? name : name_of_place(place);
}

Datum decoded(const evm::event& event, std::span<const evm::bytes_view> topics, evm::bytes_view data)
{
    const std::vector<evm::value> values = evm::decode_log(event, topics, data);
    std::string made{'{'};
    for (std::size_t i = 0; i < values.size(); ++i) {
        const evm::parameter& each = event.parameters[i];
        made += (i > 0 ? "," : "") + json(member_name(event, i)).dump() + ':';
        if (each.is_indexed && each.type.is_hashed_as_topic()) {
            evm::write_json_hash(values[i], made);
        } else {
            evm::write_json(each.type, values[i], made);
        }
    }
    return pg::make_jsonb(made + '}');
}

// The elements of a bytea[].
std::vector<evm::bytes_view> topics_in(Datum array)
{
    struct elements {
        Datum* values;
        bool* nulls;
        int count;
    };
    const elements found = pg::call([array] {
        elements made = {};
        deconstruct_array(DatumGetArrayTypeP(array), BYTEAOID, -1, false, TYPALIGN_INT, &made.values, &made.nulls,
                          &made.count);
        return made;
    });
    std::vector<evm::bytes_view> made;
    for (int i = 0; i < found.count; ++i) {
        if (found.nulls[i]) {
            throw error(sqlstate::null_value_not_allowed, "topic " + std::to_string(i + 1) + " must not be NULL");
        }
        made.push_back(pg::call([value = found.values[i]] { return pg::varlena_bytes(value); }));
    }
    return made;
}

// A log that did not come from an extraction is the caller's own argument.
evm::log read_given_log(const json& document)
{
    try {
        return evm::read_topics_and_data(document);
    } catch (const error& e) {
        throw error(sqlstate::invalid_parameter_value, "log must be an object with topics and data, as nodes give it",
                    e.detail());
    }
}

void put_event_rows(pg::result_set& rows, const evm::event_table& table, std::size_t number)
{
    const evm::event& event = table.events()[number];
    const Datum label = text_datum(table.label(number));
    const Datum signature = text_datum(event.signature());
    const std::size_t count = std::max<std::size_t>(event.parameters.size(), 1); // one row where it has none
    for (std::size_t i = 0; i < count; ++i) {
        std::array<Datum, 9> values{label, signature};
        std::array<bool, 9> nulls{};
        nulls[2] = event.is_anonymous;
        if (!event.is_anonymous) {
            values[2] = pg::make_varlena(event.first_topic());
        }
        std::fill(nulls.begin() + 3, nulls.end(), event.parameters.empty());
        if (!event.parameters.empty()) {
            const evm::parameter& each = event.parameters[i];
            const evm::column& column = table.columns()[table.columns_of(number)[i]];
            values[3] = Int32GetDatum(static_cast<std::int32_t>(i + 1));
            values[4] = text_datum(each.name);
            nulls[4] = each.name.empty();
            values[5] = text_datum(evm::canonical(each.type));
            values[6] = BoolGetDatum(each.is_indexed);
            values[7] = text_datum(column.name);
            values[8] = text_datum(column.sql_type);
        }
        rows.put(values, nulls);
    }
}

TimestampTz time_of(std::int64_t seconds)
{
    return (seconds - static_cast<std::int64_t>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY) *
           USECS_PER_SEC;
}

// The arguments as a text[], NULLs too.
Datum argument_array(std::span<const std::optional<std::string>> arguments)
{
    std::vector<Datum> values;
    std::vector<char> nulls; // of vector<bool> there is no array
    for (const std::optional<std::string>& each : arguments) {
        values.push_back(each ? text_datum(*each) : Datum{0});
        nulls.push_back(each ? 0 : 1);
    }
    static_assert(sizeof(bool) == sizeof(char));
    return pg::call([v = values.data(), n = reinterpret_cast<bool*>(nulls.data()),
                     size = static_cast<int>(values.size())] {
        int dimensions[] = {size};
        int lower[] = {1};
        return PointerGetDatum(size == 0
                                   ? construct_empty_array(TEXTOID)
                                   : construct_md_array(v, n, 1, dimensions, lower, TEXTOID, -1, false, TYPALIGN_INT));
    });
}

void put_log(pg::result_set& rows, const evm::log& log, const evm::event_table& table, const json& document)
{
    const evm::decoded_log found = evm::decode(log, table);
    const bool is_bad = !found.reason.empty();
    std::array<Datum, 11> values{Int64GetDatum(log.block_number),
                                 text_datum(log.block_hash),
                                 log.block_time ? TimestampTzGetDatum(time_of(*log.block_time)) : Datum{0},
                                 text_datum(log.tx_hash),
                                 Int32GetDatum(log.tx_index),
                                 Int32GetDatum(log.log_index),
                                 text_datum(log.address),
                                 text_datum(found.event),
                                 argument_array(found.arguments),
                                 is_bad ? text_datum(found.reason) : Datum{0},
                                 is_bad ? text_datum(document.dump()) : Datum{0}};
    std::array<bool, 11> nulls{};
    nulls[2] = !log.block_time;
    nulls[9] = nulls[10] = !is_bad;
    rows.put(values, nulls);
}

std::vector<evm::bytes> bytes_in(Datum array)
{
    std::vector<evm::bytes> made;
    for (const std::string& each : pg::read_text_array(array)) {
        made.push_back(
            from_hex(std::string_view{each}.substr(std::min<std::size_t>(each.size(), 2))).value_or(evm::bytes{}));
    }
    return made;
}

} // namespace

ETL_FUNCTION(etl_keccak256, args)
{
    return args.result(std::span<const std::byte>{keccak256(args.get<std::span<const std::byte>>(0))});
}

ETL_FUNCTION(etl_evm_address, args)
{
    const auto text = pg::as_utf8(args.get<std::string_view>(0));
    return pg::with_errors_of_server([&] { return args.result(std::string_view{evm::read_address(text)}); });
}

ETL_FUNCTION(etl_evm_checksum_address, args)
{
    const auto text = pg::as_utf8(args.get<std::string_view>(0));
    return pg::with_errors_of_server(
        [&] { return args.result(std::string_view{evm::with_checksum(evm::read_address(text))}); });
}

ETL_FUNCTION(etl_evm_decode, args)
{
    const auto declaration = pg::as_utf8(args.get<std::string_view>(0));
    const Datum topics = args.datum(1);
    const auto data = args.get<std::span<const std::byte>>(2);

    return pg::with_errors_of_server([&] {
        const evm::event& event = args.cached<known_event>([] { return nullptr; }).of(declaration);
        return decoded(event, topics_in(topics), data);
    });
}

ETL_FUNCTION(etl_evm_decode_log, args)
{
    const auto declaration = pg::as_utf8(args.get<std::string_view>(0));
    const auto document = pg::as_utf8(pg::jsonb_text(args.datum(1)));

    return pg::with_errors_of_server([&] {
        const evm::event& event = args.cached<known_event>([] { return nullptr; }).of(declaration);
        const evm::log log = read_given_log(parse_json(document, "log", deepest_answer));
        const std::vector<evm::bytes_view> topics{log.topics.begin(), log.topics.end()};
        return decoded(event, topics, log.data);
    });
}

ETL_FUNCTION(etl_evm_events, args)
{
    const Datum events = args.datum(0);
    pg::result_set rows{args};
    return pg::with_errors_of_server([&] {
        const evm::event_table table{texts_in(events)};
        for (std::size_t i = 0; i < table.events().size(); ++i) {
            put_event_rows(rows, table, i);
        }
        return rows.finish();
    });
}

// (answer jsonb, events text[], addresses text[], from_block bigint, to_block bigint)
ETL_FUNCTION(etl_evm_logs, args)
{
    const auto answer = pg::as_utf8(pg::jsonb_text(args.datum(0)));
    const Datum events = args.datum(1);
    const Datum addresses = args.datum(2);
    pg::result_set rows{args};

    return pg::with_errors_of_server([&] {
        const evm::event_table table{texts_in(events)};
        const std::vector<std::string> wanted = texts_in(addresses);
        const evm::log_filter filter{args.get<std::int64_t>(3), args.get<std::int64_t>(4), wanted};
        const json documents = parse_json(answer, "answer to eth_getLogs", deepest_answer);
        if (!documents.is_array()) {
            throw error(evm::protocol_violation, "answer to eth_getLogs is no list");
        }
        std::vector<evm::log> logs;
        for (const json& document : documents) {
            pg::poll();
            logs.push_back(evm::read_log(document, table, filter));
        }
        evm::require_one_chain(logs);
        for (std::size_t i = 0; i < logs.size(); ++i) {
            pg::poll();
            put_log(rows, logs[i], table, documents[i]);
        }
        return rows.finish();
    });
}

// (bloom text, addresses text[], topics text[])
ETL_FUNCTION(etl_evm_may_hold, args)
{
    const auto bloom = args.get<std::string_view>(0);
    const Datum addresses = args.datum(1);
    const Datum topics = args.datum(2);
    const auto bits = from_hex(bloom.substr(std::min<std::size_t>(bloom.size(), 2)));
    return args.result(evm::may_hold(bits ? *bits : evm::bytes{}, bytes_in(addresses), bytes_in(topics)));
}
