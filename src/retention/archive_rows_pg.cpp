#include "retention/archive_rows_pg.hpp"

#include "core/text.hpp"
#include "pg/error_context.hpp"
#include "retention/archive_columns_pg.hpp"

#include <algorithm>
#include <utility>

namespace etl {
namespace {

// How much memory rows may leave before it is given back.
constexpr std::size_t most_scratch = std::size_t{1} << 20;

std::vector<archive_column> columns_of(TupleDesc row, std::vector<std::string> others)
{
    std::vector<archive_column> made;
    std::vector<std::string> names = archive_names(row);
    for (int i = 0; i < row->natts; ++i) {
        const Oid type = TupleDescAttr(row, i)->atttypid;
        made.push_back(
            {std::move(names[static_cast<std::size_t>(i)]), pg::call([type] { return is_raw_in_json(type); })});
    }
    for (std::string& name : others) {
        const auto is_it = [&name](const archive_column& column) { return column.name == name; };
        if (std::none_of(made.begin(), made.end(), is_it)) {
            made.push_back({std::move(name), true});
        }
    }
    return made;
}

column_reader_of_archive* readers_of(TupleDesc row)
{
    auto* made = pg::allocate_array<column_reader_of_archive>(static_cast<std::size_t>(row->natts));
    for (int i = 0; i < row->natts; ++i) {
        made[i] = pg::call([row, i] { return column_reader_of_archive::of(row, i); });
    }
    return made;
}

} // namespace

archive_rows_in::archive_rows_in(const file_path& path, archive_format format, TupleDesc row,
                                 std::vector<std::string> others)
    : descriptors_{2}, name_{path.text()}, file_{path, pg::poll}, hashed_{file_, hash_},
      decompressor_{make_decompressor(format.packed, hashed_, path.subject())}, records_{decompressor_ ? *decompressor_
                                                                                                       : hashed_,
                                                                                         format, name_},
      parser_{make_archive_parser(records_, format, columns_of(row, std::move(others)))}, count_{row->natts},
      columns_{readers_of(row)}, values_{pg::allocate_array<Datum>(static_cast<std::size_t>(count_))},
      nulls_{pg::allocate_array<bool>(static_cast<std::size_t>(count_))}
{
}

bool archive_rows_in::next()
{
    if (!parser_->next()) {
        return false;
    }
    ++rows_;
    pg::poll();
    if (MemoryContextMemAllocated(scratch_.get(), false) > most_scratch) {
        scratch_.reset();
    }
    const pg::within_context scratch{scratch_.get()};
    pg::call([this] { convert(); });
    return true;
}

void archive_rows_in::convert()
{
    ErrorContextCallback callback = {error_context_stack, tell_line, this};
    error_context_stack = &callback;
    const auto fields = parser_->fields();
    for (column_ = 0; column_ < count_; ++column_) {
        const archive_field& field = fields[static_cast<std::size_t>(column_)];
        nulls_[column_] = field.data == nullptr;
        values_[column_] = nulls_[column_] ? Datum{0} : columns_[column_].read(field);
    }
    error_context_stack = callback.previous;
}

void archive_rows_in::tell_line(void* rows)
{
    const auto& self = *static_cast<archive_rows_in*>(rows);
    char line[1024];
    std::snprintf(line, sizeof line, "archive file \"%s\", line %llu, value %d", self.name_.c_str(),
                  static_cast<unsigned long long>(self.records_.line()), self.column_ + 1);
    pg::add_context_line(line);
}

} // namespace etl
