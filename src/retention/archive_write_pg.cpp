// etl._archive_write: the rows of a query into a new file, which is read back before it counts.
#include "core/compression.hpp"
#include "core/file_error.hpp"
#include "core/text.hpp"
#include "pg/portable_settings.hpp"
#include "pg/query.hpp"
#include "pg/query_rows.hpp"
#include "pg/spi.hpp"
#include "retention/archive_columns_pg.hpp"
#include "retention/archive_digest.hpp"
#include "retention/archive_place_pg.hpp"
#include "retention/archive_records.hpp"
#include "retention/archive_values_pg.hpp"
#include "retention/archive_writer.hpp"
#include "retention/row_hash_pg.hpp"

extern "C" {
#include <access/htup_details.h>
#include <executor/tuptable.h>
#include <funcapi.h>
}

#include <optional>
#include <string>
#include <vector>

namespace etl {
namespace {

// How much memory rows may leave before it is given back.
constexpr std::size_t most_scratch = std::size_t{1} << 20;

// Writes rows and hashes them.
class archive_rows_out final : public pg::row_receiver {
  public:
    archive_rows_out(archive_format format, byte_sink& to) : format_{format}, buffer_{to, pg::poll} {}

    void columns(TupleDesc row) override
    {
        const std::size_t count = static_cast<std::size_t>(row->natts);
        columns_ = pg::allocate_array<column_writer>(count);
        values_ = pg::allocate_array<Datum>(count);
        for (int i = 0; i < row->natts; ++i) {
            columns_[i] = column_writer::of(row, i);
        }
        hasher_ = new (pg::allocate_in(CurrentMemoryContext, sizeof(row_hasher))) row_hasher{row};
        description_ = describe_columns(row);
        start(row);
    }

    bool row(TupleTableSlot* slot) override
    {
        if (MemoryContextMemAllocated(scratch_.get(), false) > most_scratch) {
            scratch_.reset();
        }
        MemoryContext before = MemoryContextSwitchTo(scratch_.get());
        fetch(slot);
        writer_->begin_row();
        const int count = slot->tts_tupleDescriptor->natts;
        for (int i = 0; i < count; ++i) {
            if (slot->tts_isnull[i]) {
                writer_->null(static_cast<std::size_t>(i));
            } else {
                columns_[i].write(*writer_, values_[i]);
            }
        }
        writer_->end_row();
        hasher_->add(values_, slot->tts_isnull);
        MemoryContextSwitchTo(before);
        ++rows_;
        return true;
    }

    void finish()
    {
        if (!writer_) {
            throw error(sqlstate::internal_error, "the query of an archive file has not been run");
        }
        buffer_.flush();
    }

    std::uint64_t rows() const noexcept { return rows_; }
    const rows_hash& contents() const noexcept { return hasher_->total(); }
    const std::string& description() const noexcept { return description_; }

  private:
    // What lies out of line or compressed is fetched once, to be written and hashed.
    void fetch(TupleTableSlot* slot)
    {
        const TupleDesc row = slot->tts_tupleDescriptor;
        for (int i = 0; i < row->natts; ++i) {
            values_[i] = slot->tts_values[i];
            if (!slot->tts_isnull[i] && TupleDescAttr(row, i)->attlen == -1) {
                values_[i] = PointerGetDatum(PG_DETOAST_DATUM_PACKED(values_[i]));
            }
        }
    }

    void start(TupleDesc row) { writer_ = make_archive_writer(format_, archive_names(row), buffer_); }

    archive_format format_;
    output_buffer buffer_;
    pg::scratch_context scratch_;
    column_writer* columns_ = nullptr;
    Datum* values_ = nullptr;
    row_hasher* hasher_ = nullptr;
    std::string description_;
    std::unique_ptr<archive_writer> writer_;
    std::uint64_t rows_ = 0;
};

struct written_file {
    std::uint64_t rows;
    std::uint64_t bytes;
    rows_hash contents;
    pg::sha256::digest hash;
    byte_digest::value text; // before it was compressed
};

// Runs the query, and brings what it returns to the disk.
written_file write_rows(new_archive_file& file, archive_format format, const std::string& query,
                        std::string& description)
{
    pg::sha256_watcher hash;
    watched_sink hashed{file, hash};
    const auto compressor = make_compressor(format.packed, hashed);
    byte_digest text;
    watched_sink seen{compressor ? *compressor : hashed, text};
    archive_rows_out rows{format, seen};
    pg::run_query(query, rows);
    pg::call([] { pg::require_portable_settings(); });
    rows.finish();
    if (compressor) {
        compressor->finish();
    }
    file.finish();
    description = rows.description();
    return {rows.rows(), file.size(), rows.contents(), hash.finish(), text.finish()};
}

[[noreturn]] void refuse_reread(const file_path& path, const char* what)
{
    throw error(file_sqlstate::io_error, "archive file " + in_quotes(path.text()) + " is not read as it was written",
                std::string{what} + " differs.", "Check the file system and the disk. Nothing was deleted.");
}

// Reads the file from the disk, and compares it with what was written.
void reread(const file_path& path, archive_format format, const written_file& written)
{
    source_file file{path, pg::poll};
    file.forget_cached();
    pg::sha256_watcher hash;
    watched_source hashed{file, hash};
    const auto decompressor = make_decompressor(format.packed, hashed, path.subject());
    byte_digest text;
    watched_source seen{decompressor ? *decompressor : hashed, text};
    record_cutter records{seen, format, path.text()};
    while (records.next()) {
    }
    if (file.size() != written.bytes || hash.finish() != written.hash || text.finish() != written.text) {
        refuse_reread(path, "Its content");
    }
    const std::uint64_t header = format.rows == archive_format::rows_as::csv ? 1 : 0;
    if (records.line() - header != written.rows) {
        refuse_reread(path, "The number of rows");
    }
}

Datum result_of(pg::arguments args, const written_file& written, const std::string& description)
{
    const Datum contents = rows_hash_datum(written.contents);
    const Datum hash = pg::make_varlena(written.hash);
    return pg::call([&, text = description.c_str()] {
        TupleDesc row = nullptr;
        get_call_result_type(args.raw(), nullptr, &row);
        Datum values[] = {Int64GetDatum(static_cast<std::int64_t>(written.rows)),
                          Int64GetDatum(static_cast<std::int64_t>(written.bytes)), contents, hash,
                          DirectFunctionCall1(jsonb_in, CStringGetDatum(text))};
        bool nulls[std::size(values)] = {};
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls));
    });
}

} // namespace
} // namespace etl

using namespace etl;

ETL_FUNCTION(etl_archive_write, args)
{
    const auto location = args.get<std::string_view>(0);
    const auto format_name = args.get<std::string_view>(1);
    const std::string query{args.get<std::string_view>(2)};
    require_archive_access(archive_access::write);
    const archive_format format = archive_format::parse(format_name);
    const file_path path = file_path::parse(archive_files, location, archive_root());
    std::string description;
    written_file written;
    {
        const pg::spi_session session;
        const pg::portable_settings settings;
        pg::require_select(query, "query", "Give one SELECT, without a semicolon.");
        const pg::foreign_descriptors descriptors{3};
        watched_new_file file{path, pg::poll};
        written = write_rows(file.file(), format, query, description);
        reread(path, format, written);
        file.file().keep();
    }
    return result_of(args, written, description);
}
