#include "feature/graph_reader_pg.hpp"

#include "pg/column_reader.hpp"
#include "pg/query.hpp"
#include "pg/query_rows.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/lsyscache.h>
#include <utils/uuid.h>
}

#include <cmath>

namespace etl::feature {
namespace {

constexpr std::size_t rows_in_batch = 256;

void require_columns(TupleDesc row, int columns, const char* what, const char* hint)
{
    if (row->natts != columns) {
        throw error(sqlstate::datatype_mismatch,
                    std::string{what} + " must return " + std::to_string(columns) + " columns, not " +
                        std::to_string(row->natts),
                    {}, hint);
    }
}

bool is_weight(double weight) noexcept
{
    return weight >= 0 && std::isfinite(weight);
}

// For what is no weight: NULL, or a number that cannot be a share of a sum.
[[noreturn]] void refuse_weight(const std::string& owner, bool is_null, std::string_view weight)
{
    constexpr std::size_t most_shown = 30; // a numeric may have thousands of digits
    throw error(is_null ? sqlstate::null_value_not_allowed : sqlstate::invalid_parameter_value,
                "the weight of " + owner + " is " + std::string{weight.substr(0, most_shown)} +
                    (weight.size() > most_shown ? "…" : ""),
                "A weight is a finite number of 0 or more.", "Leave such rows out, or correct their weights.");
}

void require_number(TupleDesc row, int column, const char* what)
{
    if (const Oid type = getBaseType(TupleDescAttr(row, column)->atttypid); !pg::is_number(type)) {
        const char* name = format_type_be(type);
        throw error(sqlstate::datatype_mismatch,
                    "the weight, column " + std::to_string(column + 1) + " of " + what + ", must be a number, not " +
                        name,
                    {}, "Cast it, as in weight::float8.");
    }
}

node_kind kind_of(Oid from, Oid to) noexcept
{
    if (pg::is_integer(from) && pg::is_integer(to)) {
        return node_kind::integer;
    }
    return from == UUIDOID && to == UUIDOID ? node_kind::uuid : node_kind::text;
}

// Reads rows in batches, so that their nodes are looked up together.
class graph_reader final : public pg::row_receiver {
  public:
    graph_reader(bool weighted, graph_nodes& nodes, edge_sink& to) : weighted_{weighted}, nodes_{nodes}, to_{to} {}

    void columns(TupleDesc row) override
    {
        require_columns(row, weighted_ ? 3 : 2, "edges_query",
                        weighted_ ? "A weighted graph has a third column: SELECT source, target, weight FROM …" : "");
        if (weighted_) {
            require_number(row, 2, "edges_query");
        }
        for (int i = 0; i < row->natts; ++i) {
            columns_[i] = pg::column_reader::of(row, i);
        }
        nodes_.set_kind(kind_of(columns_[0].type, columns_[1].type));
    }

    bool row(TupleTableSlot* slot) override
    {
        const MemoryContext old = MemoryContextSwitchTo(values_.get());
        const bool has_from = !slot->tts_isnull[0];
        const bool has_to = !slot->tts_isnull[1];
        if (has_from && has_to) {
            weights_[edges_] = weighted_ ? weight(slot) : 1;
            batch_[edges_++] = {added_, added_ + 1};
        }
        if (has_from) {
            add_node(columns_[0], slot->tts_values[0]);
        }
        if (has_to) {
            add_node(columns_[1], slot->tts_values[1]);
        }
        MemoryContextSwitchTo(old);
        if (++rows_ == rows_in_batch) {
            flush();
        }
        return true;
    }

    // Hands over what has been read. Once more at the end.
    void flush()
    {
        const auto numbers = nodes_.take();
        for (std::size_t i = 0; i < edges_; ++i) {
            batch_[i] = {numbers[batch_[i].from], numbers[batch_[i].to]};
        }
        to_.take(std::span{batch_}.first(edges_), std::span{weights_}.first(edges_));
        rows_ = edges_ = 0;
        added_ = 0;
        values_.reset();
    }

  private:
    void add_node(pg::column_reader& of, Datum value)
    {
        ++added_;
        switch (nodes_.kind()) {
        case node_kind::integer:
            nodes_.add(of.integer(value));
            break;
        case node_kind::uuid: {
            uuid_key key;
            std::copy_n(DatumGetUUIDP(value)->data, key.size(), key.begin());
            nodes_.add(key);
            break;
        }
        case node_kind::text:
            nodes_.add(of.text(value));
            break;
        }
    }

    double weight(TupleTableSlot* slot)
    {
        const bool is_null = slot->tts_isnull[2];
        const double weight = is_null ? 0 : columns_[2].nearest_number(slot->tts_values[2]);
        if (is_null || !is_weight(weight)) {
            const auto from = columns_[0].text(slot->tts_values[0]);
            const auto to = columns_[1].text(slot->tts_values[1]);
            const auto shown = is_null ? std::string_view{"NULL"} : columns_[2].text(slot->tts_values[2]);
            refuse_weight("the edge from \"" + std::string{from} + "\" to \"" + std::string{to} + "\"", is_null, shown);
        }
        return weight;
    }

    bool weighted_;
    graph_nodes& nodes_;
    edge_sink& to_;
    std::array<pg::column_reader, 3> columns_ = {};
    pg::scratch_context values_;
    std::size_t rows_ = 0;
    std::size_t edges_ = 0;
    std::uint32_t added_ = 0;               // nodes
    std::array<edge, rows_in_batch> batch_; // by the places of their nodes among the added ones
    std::array<double, rows_in_batch> weights_;
};

class preference_reader final : public pg::row_receiver {
  public:
    preference_reader(const graph_nodes& nodes, std::pmr::vector<double>& to) : nodes_{nodes}, to_{to} {}

    void columns(TupleDesc row) override
    {
        require_columns(row, 2, "personalization", "Select a node and its weight.");
        require_number(row, 1, "personalization");
        node_ = pg::column_reader::of(row, 0);
        weight_ = pg::column_reader::of(row, 1);
    }

    bool row(TupleTableSlot* slot) override
    {
        const MemoryContext old = MemoryContextSwitchTo(values_.get());
        if (slot->tts_isnull[0]) {
            throw error(sqlstate::null_value_not_allowed, "a node of personalization is NULL", {},
                        "Leave such rows out.");
        }
        const bool is_null = slot->tts_isnull[1];
        const auto name = node_.text(slot->tts_values[0]);
        const double weight = is_null ? 0 : weight_.nearest_number(slot->tts_values[1]);
        if (is_null || !is_weight(weight)) {
            const auto shown = is_null ? std::string_view{"NULL"} : weight_.text(slot->tts_values[1]);
            refuse_weight("node \"" + std::string{name} + "\"", is_null, shown);
        }
        MemoryContextSwitchTo(old);
        add(name, weight);
        if (++rows_ % rows_in_batch == 0) {
            values_.reset();
        }
        return true;
    }

  private:
    void add(std::string_view name, double weight)
    {
        const auto node = nodes_.known(name);
        if (!node) {
            throw error(sqlstate::invalid_parameter_value,
                        "personalization names node \"" + std::string{name} + "\", which is not in the graph", {},
                        "Leave it out, or add it to edges_query as a row (node, NULL).");
        }
        to_[*node] += weight;
        if (std::isinf(to_[*node])) {
            throw error(sqlstate::numeric_value_out_of_range,
                        "the weights of node \"" + std::string{name} + "\" are too large to be summed");
        }
    }

    const graph_nodes& nodes_;
    std::pmr::vector<double>& to_;
    pg::column_reader node_ = {};
    pg::column_reader weight_ = {};
    pg::scratch_context values_;
    std::size_t rows_ = 0;
};

} // namespace

void read_graph(const std::string& query, const char* function, bool weighted, graph_nodes& nodes, edge_sink& to)
{
    const std::string hint = weighted ? "Select three columns: SELECT source, target, weight FROM …"
                                      : "Select two columns, as in etl." + std::string{function} +
                                            "('SELECT referrer, referee FROM referrals').";
    pg::require_select(query, "edges_query", hint.c_str());
    graph_reader rows{weighted, nodes, to};
    pg::run_query(query, rows);
    rows.flush();
}

std::pmr::vector<double> read_preferences(const std::string& query, const graph_nodes& nodes,
                                          std::pmr::memory_resource* memory)
{
    pg::require_select(query, "personalization", "Select a node and its weight.");
    std::pmr::vector<double> made(nodes.count(), memory);
    preference_reader rows{nodes, made};
    pg::run_query(query, rows);
    if (nodes.count() > 0 && std::none_of(made.begin(), made.end(), [](double weight) { return weight > 0; })) {
        throw error(sqlstate::invalid_parameter_value, "personalization has no weight above 0", {},
                    "Give at least one node a weight above 0, or leave personalization out.");
    }
    return made;
}

} // namespace etl::feature
