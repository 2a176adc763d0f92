#include "feature/asof_join.hpp"

#include <algorithm>
#include <utility>

#include "core/cpp_only.hpp"

namespace etl::feature {
namespace {

// What a label takes while the index is made: itself, its share of the index, and its row's number.
constexpr std::size_t label_bytes = 96;
constexpr std::size_t kept_spine_bytes = std::size_t{8} << 20;

} // namespace

asof_join::asof_join(std::pmr::memory_resource* memory, run_store& store, std::uint64_t seed, asof_rules rules,
                     std::size_t budget, poll_fn poll)
    : memory_{memory}, store_{store}, seed_{seed}, rules_{rules}, budget_{budget}, poll_{poll}, labels_{memory},
      features_{memory}
{
    spine_.emplace(memory, store, part_layout{.parts = 1, .kept_bytes = std::min(budget / 4, kept_spine_bytes)});
}

std::size_t asof_join::most_labels() const noexcept
{
    return std::max<std::size_t>(budget_ / label_bytes, 16);
}

void asof_join::note_label(const asof_record& row)
{
    if (!moments_) {
        moments_ = moments{row.time, row.time, row.first, row.last};
    }
    moments_->earliest = std::min(moments_->earliest, row.time);
    moments_->latest = std::max(moments_->latest, row.time);
    moments_->first = std::min(moments_->first, row.first);
    moments_->last = std::max(moments_->last, row.last);
}

void asof_join::add_label(const asof_record& row, std::span<const std::byte> bytes)
{
    if (!filter_ && (labels_.size() >= most_labels() || rows_ == no_label - 1)) {
        part_labels();
    }
    add_record(*spine_, row, bytes);
    if (row.has_key != 0) {
        note_label(row);
    }
    if (filter_) {
        filter_->add(row.key);
        return;
    }
    if (row.has_key != 0) {
        if (labels_.size() == labels_.capacity()) { // no more than there may be
            labels_.reserve(std::min(std::max<std::size_t>(2 * labels_.size(), 1024), most_labels()));
        }
        labels_.push_back({row.key, row.time, rows_});
    }
    ++rows_;
}

// Reads what was added so far, and adds it by part.
void asof_join::part_labels()
{
    spine_->finish();
    part_writer parted{memory_, store_};
    filter_.emplace(memory_, ~std::uint64_t{0});
    record_reader reader{memory_, store_, poll_, &*spine_};
    for (const part_chunk& chunk : spine_->chunks()) {
        reader.each(chunk, [&](const asof_record& row, std::span<const std::byte> bytes) {
            add_record(parted, row, bytes);
            filter_->add(row.key);
            return true;
        });
    }
    spine_.emplace(std::move(parted));
    std::pmr::vector<asof_label>{memory_}.swap(labels_);
}

const std::optional<asof_join::moments>& asof_join::finish_labels()
{
    spine_->finish();
    if (!filter_) {
        whole_.emplace(batch{spine_->chunks(),
                             std::pmr::vector<std::uint32_t>(rows_, no_label, memory_),
                             std::pmr::vector<std::byte>{memory_},
                             {}});
        make_batch(*whole_, labels_);
    }
    return moments_;
}

// Takes the labels, and gives their memory back.
void asof_join::make_batch(batch& to, std::pmr::vector<asof_label>& labels)
{
    const asof_index_maker maker{memory_, labels, poll_};
    to.index.resize(maker.size());
    maker.write(to.index.data(), seed_, rules_);
    to.flat = to.index;
    for (std::uint32_t i = 0; i < labels.size(); ++i) {
        to.rows[labels[i].row] = i;
    }
    std::pmr::vector<asof_label>{memory_}.swap(labels);
}

std::size_t asof_join::index_size() const noexcept
{
    return filter_ ? asof_index_maker::size(*filter_) : whole_->flat.size();
}

void asof_join::write_index(std::byte* to)
{
    if (filter_) {
        asof_index_maker::write(to, seed_, rules_, *filter_);
    } else {
        std::ranges::copy(whole_->index, to);
        whole_->flat = {to, whole_->index.size()};
        std::pmr::vector<std::byte>{memory_}.swap(whole_->index);
    }
}

// The labels of the chunks of some parts.
void asof_join::read_batch(batch& to)
{
    const std::size_t bytes = bytes_in(to.chunks);
    std::pmr::vector<asof_label> labels{memory_};
    labels.reserve(bytes / sizeof(asof_record));
    to.rows.reserve(bytes / sizeof(asof_record));
    record_reader reader{memory_, store_, poll_, &*spine_};
    for (const part_chunk& chunk : to.chunks) {
        reader.each(chunk, [&](const asof_record& row, std::span<const std::byte>) {
            if (row.has_key != 0) {
                labels.push_back({row.key, row.time, static_cast<std::uint32_t>(to.rows.size())});
            }
            to.rows.push_back(no_label);
            return true;
        });
    }
    make_batch(to, labels);
}

void asof_join::emit(row_ranking& ranking, asof_output& to)
{
    sort_by_part(features_);
    if (whole_) {
        emit_batch(*whole_, ranking, to);
        return;
    }
    part_chunks chunks{spine_->chunks(), memory_};
    sort_by_part(chunks);
    for (auto first = chunks.begin(); first != chunks.end();) {
        auto last = first;
        std::size_t bytes = 0;
        do {
            bytes += last++->bytes;
        } while (last != chunks.end() && (bytes + last->bytes) / sizeof(asof_record) <= most_labels());
        batch some{{first, last}, std::pmr::vector<std::uint32_t>{memory_}, std::pmr::vector<std::byte>{memory_}, {}};
        read_batch(some);
        emit_batch(some, ranking, to);
        first = last;
    }
}

// All labels at once, or in as many turns as it takes.
void asof_join::emit_batch(const batch& from, row_ranking& ranking, asof_output& to)
{
    const asof_index index = asof_index::read(from.flat);
    if (index.labels() == 0) {
        put_rows(from, nullptr, {0, 0}, to);
    }
    std::uint32_t most = index.labels();
    for (std::uint32_t first = 0; first < index.labels();) {
        const label_range labels{
            first, static_cast<std::uint32_t>(std::min<std::uint64_t>(std::uint64_t{first} + most, index.labels()))};
        if (emit_labels(from, index, labels, ranking, to)) {
            first = labels.last;
        } else {
            most = (labels.last - labels.first + 1) / 2;
        }
    }
}

// False where the rows are more than memory has room for: then nothing was put.
bool asof_join::emit_labels(const batch& from, const asof_index& index, label_range labels, row_ranking& ranking,
                            asof_output& to)
{
    const auto part = [&](std::uint32_t label) {
        return part_of(index.key(index.group_of(label)), part_layout{}.parts);
    };
    asof_best best{memory_, index, labels, ranking};
    if (!offer_features(best, part(labels.first), part(labels.last - 1), labels.last - labels.first == 1)) {
        return false;
    }
    best.settle(poll_);
    put_rows(from, &best, labels, to);
    return true;
}

bool asof_join::offer_features(asof_best& best, std::uint32_t first_part, std::uint32_t last_part, bool must)
{
    record_reader reader{memory_, store_, poll_};
    const auto first = std::ranges::lower_bound(features_, first_part, {}, &part_chunk::part);
    for (auto at = first; at != features_.end() && at->part <= last_part; ++at) {
        const bool fits = reader.each(*at, [&](const asof_record& row, std::span<const std::byte> bytes) {
            best.offer(row, bytes);
            return must || best.row_bytes() <= budget_ / 2;
        });
        if (!fits) {
            return false;
        }
    }
    return true;
}

// The rows of these labels. Rows without a label go with the first ones.
void asof_join::put_rows(const batch& from, const asof_best* best, label_range labels, asof_output& to)
{
    record_reader reader{memory_, store_, poll_, &*spine_};
    std::size_t number = 0;
    for (const part_chunk& chunk : from.chunks) {
        reader.each(chunk, [&](const asof_record& row, std::span<const std::byte> bytes) {
            const std::uint32_t label = from.rows[number++];
            if (best != nullptr && number + 16 < from.rows.size()) {
                best->approach(from.rows[number + 16], from.rows[number + 8]);
            }
            if (label == no_label ? labels.first == 0 : label >= labels.first && label < labels.last) {
                const noted_row* found = label == no_label ? nullptr : best->answer(label, row.first, row.last);
                const std::span<const std::byte> joined = found == nullptr ? bytes : found->row();
                to.put(bytes, found == nullptr ? nullptr : &joined);
            }
            return true;
        });
    }
}

} // namespace etl::feature
