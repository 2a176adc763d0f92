#include "dedupe/resolution.hpp"

#include "core/text.hpp"

#include <utility>

#include "core/cpp_only.hpp"

namespace etl::dedupe {

resolution::resolution(std::pmr::memory_resource* memory)
    : ids_{memory}, is_new_{memory}, is_listed_{memory}, places_{memory},
      units_of_rows_{memory}, next_{memory}, clusters_{memory}, units_of_clusters_{memory}, units_{memory},
      sets_{memory}, rules_{memory}, rules_of_{memory}, pairs_{memory}, refused_{memory}, merges_{memory}
{
}

void resolution::add_row(std::string_view id)
{
    const std::uint32_t row = number_of({id, {}});
    if (is_listed_[row] != 0) {
        throw error(sqlstate::unique_violation, "two new rows have the id " + in_quotes(id), {},
                    "Name a column in the model's \"id\" that tells the rows apart, as the primary key does.");
    }
    is_listed_[row] = 1;
}

void resolution::add_pair(row a, row b, double probability)
{
    if ((a.at.part != 0 && b.at.part != 0) || a.id == b.id) {
        return;
    }
    if (b.id < a.id) {
        std::swap(a, b);
    }
    const std::uint32_t first = number_of(a);
    pairs_.push_back({first, number_of(b), probability});
}

void resolution::keep_apart(const row& a, const row& b)
{
    const auto one = find_unit(a);
    const auto other = find_unit(b);
    if (one && other && *one != *other) {
        const auto number = static_cast<std::uint32_t>(rules_.size());
        rules_.push_back({*one, *other});
        rules_of_[*one].push_back(number);
        rules_of_[*other].push_back(number);
    }
}

std::uint32_t resolution::number_of(const row& of)
{
    const std::uint32_t number = ids_.number_of(of.id);
    if (number == places_.size()) {
        const bool is_new = of.at.part == 0;
        is_new_.push_back(is_new ? 1 : 0);
        is_listed_.push_back(0);
        places_.push_back(of.at);
        next_.push_back(number);
        units_of_rows_.push_back(is_new ? new_unit({0, number}) : unit_of_cluster(of.at.cluster));
    }
    return number;
}

std::uint32_t resolution::new_unit(unit made)
{
    units_.push_back(made);
    sets_.grow(static_cast<std::uint32_t>(units_.size()));
    return sets_.count() - 1;
}

std::uint32_t resolution::unit_of_cluster(std::int64_t cluster)
{
    const std::uint32_t number = clusters_.number_of(cluster);
    if (number == units_of_clusters_.size()) {
        units_of_clusters_.push_back(new_unit({cluster, 0}));
    }
    return units_of_clusters_[number];
}

std::optional<std::uint32_t> resolution::find_unit(const row& of)
{
    if (of.at.cluster != 0) {
        return unit_of_cluster(of.at.cluster);
    }
    const auto number = ids_.known(of.id);
    return number && is_new(*number) ? std::optional{units_of_rows_[*number]} : std::nullopt;
}

void resolution::resolve(poll_fn poll)
{
    poll_ = poll;
    sort_pairs(pairs_, poll, [&](const scored_pair& x, const scored_pair& y) {
        if (x.score != y.score) {
            return x.score > y.score;
        }
        return x.a != y.a ? ids_.name(x.a) < ids_.name(y.a) : x.b != y.b && ids_.name(x.b) < ids_.name(y.b);
    });
    poller stop{poll};
    for (const scored_pair& pair : pairs_) {
        follow(pair);
        stop.tick();
    }
    number_new_clusters();
}

void resolution::follow(const scored_pair& pair)
{
    const std::uint32_t a = sets_.find(units_of_rows_[pair.a]);
    const std::uint32_t b = sets_.find(units_of_rows_[pair.b]);
    if (a == b) {
        return;
    }
    if (are_apart(a, b)) {
        refused_.push_back(pair);
        return;
    }
    const std::int64_t cluster_a = units_[a].cluster;
    const std::int64_t cluster_b = units_[b].cluster;
    if (cluster_a != 0 && cluster_b != 0) {
        merges_.push_back(cluster_a < cluster_b ? merge{pair.a, pair.b, pair.score, cluster_a, cluster_b}
                                                : merge{pair.b, pair.a, pair.score, cluster_b, cluster_a});
    } else if (cluster_a != 0) {
        join(units_[b].some_row, pair.a);
    } else if (cluster_b != 0) {
        join(units_[a].some_row, pair.b);
    } else {
        std::swap(next_[units_[a].some_row], next_[units_[b].some_row]); // two rings become one
    }
    unite(a, b);
}

// The rows of a ring go where another row is.
void resolution::join(std::uint32_t some_row, std::uint32_t model)
{
    poller stop{poll_};
    std::uint32_t row = some_row;
    do {
        places_[row] = places_[model];
        row = next_[row];
        stop.tick();
    } while (row != some_row);
}

void resolution::unite(std::uint32_t a, std::uint32_t b)
{
    const unit one = units_[a];
    const unit other = units_[b];
    const std::uint32_t root = sets_.unite(a, b);
    const bool has_both = one.cluster != 0 && other.cluster != 0;
    units_[root] = {has_both ? std::min(one.cluster, other.cluster) : std::max(one.cluster, other.cluster),
                    one.some_row};
    const auto gone = rules_of_.find(root == a ? b : a);
    if (gone != rules_of_.end()) {
        rule_list moved = std::move(gone->second);
        rules_of_.erase(gone);
        rule_list& kept = rules_of_[root];
        if (kept.size() < moved.size()) {
            kept.swap(moved);
        }
        kept.insert(kept.end(), moved.begin(), moved.end());
    }
}

// Whether a rule keeps the sets apart for which these units stand.
bool resolution::are_apart(std::uint32_t a, std::uint32_t b)
{
    if (rules_of_.empty()) {
        return false;
    }
    const auto one = rules_of_.find(a);
    const auto other = rules_of_.find(b);
    if (one == rules_of_.end() || other == rules_of_.end()) {
        return false;
    }
    const bool one_is_shorter = one->second.size() <= other->second.size();
    const std::uint32_t wanted = one_is_shorter ? b : a;
    poller stop{poll_};
    for (const std::uint32_t number : one_is_shorter ? one->second : other->second) {
        stop.tick();
        if (sets_.find(rules_[number].a) == wanted || sets_.find(rules_[number].b) == wanted) {
            return true;
        }
    }
    return false;
}

void resolution::number_new_clusters()
{
    std::int64_t numbered = 0;
    poller stop{poll_};
    for (std::uint32_t row = 0; row < count(); ++row) {
        if (is_new(row) && places_[row].part == 0) {
            --numbered;
            std::uint32_t member = row;
            do {
                places_[member].part = numbered;
                member = next_[member];
                stop.tick();
            } while (member != row);
        }
        stop.tick();
    }
}

} // namespace etl::dedupe
