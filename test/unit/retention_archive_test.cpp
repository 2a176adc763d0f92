// Archive files without a server: formats, paths, rows as text and back, compression, and files in a folder.
#include "core/compression.hpp"
#include "core/file_error.hpp"
#include "core/file_path.hpp"
#include "retention/archive_file.hpp"
#include "retention/archive_list.hpp"
#include "retention/archive_parser.hpp"
#include "retention/archive_writer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <random>

namespace {

using namespace etl;
using row = std::vector<std::optional<std::string>>;

class string_sink final : public byte_sink {
  public:
    void write(std::string_view bytes) override { text += bytes; }
    void finish() override {}
    std::string text;
};

class string_source final : public byte_source {
  public:
    explicit string_source(std::string text, std::size_t piece = 7) : text_{std::move(text)}, piece_{piece} {}
    std::size_t read(std::span<char> to) override
    {
        const std::size_t count = std::min({to.size(), piece_, text_.size() - at_});
        std::copy_n(text_.begin() + static_cast<std::ptrdiff_t>(at_), count, to.begin());
        at_ += count;
        return count;
    }

  private:
    std::string text_;
    std::size_t piece_;
    std::size_t at_ = 0;
};

std::string refusal(const std::function<void()>& call)
{
    try {
        call();
    } catch (const error& e) {
        return e.sqlstate();
    }
    return "none";
}

constexpr archive_format ndjson{archive_format::rows_as::ndjson, packed_by::nothing};
constexpr archive_format csv{archive_format::rows_as::csv, packed_by::nothing};

std::string written(archive_format format, const std::vector<std::string>& names, const std::vector<row>& rows)
{
    string_sink sink;
    output_buffer buffer{sink, never_poll};
    const auto writer = make_archive_writer(format, names, buffer);
    for (const row& values : rows) {
        writer->begin_row();
        for (std::size_t i = 0; i < values.size(); ++i) {
            values[i] ? writer->text(i, *values[i]) : writer->null(i);
        }
        writer->end_row();
    }
    buffer.flush();
    return sink.text;
}

std::vector<row> read(archive_format format, const std::vector<std::string>& names, const std::string& text,
                      bool raw = false)
{
    string_source source{text};
    record_cutter records{source, format, "f"};
    std::vector<archive_column> columns;
    for (const std::string& name : names) {
        columns.push_back({name, raw});
    }
    const auto parser = make_archive_parser(records, format, columns);
    std::vector<row> rows;
    while (parser->next()) {
        row& values = rows.emplace_back();
        for (const archive_field& field : parser->fields()) {
            if (field.data == nullptr) {
                values.emplace_back();
            } else {
                EXPECT_EQ(field.data[field.size], '\0');
                values.emplace_back(field.view());
            }
        }
    }
    return rows;
}

TEST(retention_archive, knows_its_formats)
{
    EXPECT_EQ(archive_format::parse("csv.gz").packed, packed_by::gzip);
    EXPECT_EQ(archive_format::parse("ndjson.zst").packed, packed_by::zstd);
    for (const char* name : {"", "json", "csv.", "csv.bz2", "ndjson.zst.gz", ".gz"}) {
        EXPECT_EQ(refusal([&] { archive_format::parse(name); }), "22023") << name;
    }
}

TEST(retention_archive, takes_only_paths_below_the_root)
{
    const auto path = file_path::parse(archive_files, "file:///a/b c/%41", "/a");
    EXPECT_EQ(path.text(), "/a/b c/%41");
    EXPECT_EQ(path.folders, std::vector<std::string>{"b c"});
    EXPECT_EQ(file_path::parse(archive_files, "file:///x", "").text(), "/x");
    const auto refused = [](const char* text) { return refusal([&] { file_path::parse(archive_files, text, "/a"); }); };
    for (const char* text : {"/a/b", "file://a/b", "file:/a/b", "file:///a/../b", "file:///a/b/.", "file:///a//b",
                             "file:///a/b/", "file:///a/\x01", "file:///a/b\x7f"}) {
        EXPECT_EQ(refused(text), "22023") << text;
    }
    for (const char* text : {"file:///b", "file:///a", "file:///ab/c", "file:///"}) {
        EXPECT_EQ(refused(text), "42501") << text;
    }
    EXPECT_EQ(require_file_root(archive_files, "/a/b//"), "/a/b");
    EXPECT_EQ(refusal([] { require_file_root(archive_files, ""); }), "55000");
    for (const char* text : {"a", "/a/../b", "/a/./b", "/a//b"}) {
        EXPECT_EQ(refusal([&] { require_file_root(archive_files, text); }), "22023") << text;
    }
}

TEST(retention_archive, writes_ndjson)
{
    EXPECT_EQ(written(ndjson, {"a", "b\"c"}, {{"1", {}}, {{}, "\"\\\n\r\t\x01\x1fé\x7f"}, {{}, {}}}),
              "{\"a\":\"1\"}\n{\"b\\\"c\":\"\\\"\\\\\\n\\r\\t\\u0001\\u001fé\x7f\"}\n{}\n");
}

TEST(retention_archive, writes_csv_as_copy_does)
{
    EXPECT_EQ(written(csv, {"a", "b,c"}, {{"1", {}}, {"", "\""}, {"\\.", "x\ny"}, {" ", "\\N"}}),
              "a,\"b,c\"\n1,\n\"\",\"\"\"\"\n\"\\.\",\"x\ny\"\n ,\\N\n");
}

// Texts of special characters of all lengths around the pieces that are looked at together, and across buffers.
TEST(retention_archive, reads_what_it_writes)
{
    std::mt19937 random{42};
    const std::vector<std::string> parts{"a", "\"", "\\", ",", "\n", "\r", "\x01", "é", "\u2028", "😀", "bcdefghi", " "};
    const std::vector<std::string> names{"one", "\"two\"", ""};
    std::vector<row> rows;
    for (int i = 0; i < 2000; ++i) {
        row& values = rows.emplace_back();
        for (std::size_t column = 0; column < names.size(); ++column) {
            if (random() % 5 == 0) {
                values.emplace_back();
                continue;
            }
            std::string text;
            for (auto left = random() % 20; left > 0; --left) {
                text += parts[random() % parts.size()];
            }
            values.emplace_back(text);
        }
    }
    rows.push_back({std::string(700'000, '"'), std::string(300'001, 'x'), std::string(300'000, '\n')});
    for (const archive_format format : {ndjson, csv}) {
        EXPECT_EQ(read(format, names, written(format, names, rows)), rows);
    }
}

TEST(retention_archive, reads_json_of_others)
{
    const auto values = [](const char* text) { return read(ndjson, {"a", "b"}, text).at(0); };
    EXPECT_EQ(values(" { \"b\" : 1.5e+3 ,\t\"a\":\"\\u00e9\\ud83d\\ude00\\/\\b\\f\" } \n"), (row{"é😀/\b\f", "1.5e+3"}));
    EXPECT_EQ(values("{\"a\":null,\"b\":true}\n"), (row{{}, "true"}));
    EXPECT_EQ(values("{}\n"), (row{{}, {}}));
    const row raw = read(ndjson, {"a", "b"}, "{\"a\":{\"x\":[1,\"}\\\"\"]},\"b\":null}\n", true).at(0);
    EXPECT_EQ(raw, (row{"{\"x\":[1,\"}\\\"\"]}", "null"}));
}

TEST(retention_archive, refuses_what_is_no_ndjson)
{
    for (const char* text : {"{",
                             "{}",
                             "\n",
                             "[]\n",
                             "{}{}\n",
                             "{\"a\"}\n",
                             "{\"a\":}\n",
                             "{\"a\":1,}\n",
                             "{,}\n",
                             "{\"a\":01}\n",
                             "{\"a\":1.}\n",
                             "{\"a\":.5}\n",
                             "{\"a\":1e}\n",
                             "{\"a\":-}\n",
                             "{\"a\":tru}\n",
                             "{\"a\":NaN}\n",
                             "{\"a\":[1]}\n",
                             "{\"a\":{}}\n",
                             "{\"a\":\"\t\"}\n",
                             "{\"a\":\"\\x\"}\n",
                             "{\"a\":\"\\u12\"}\n",
                             "{\"a\":\"\\u0000\"}\n",
                             "{\"a\":\"\\ud800\"}\n",
                             "{\"a\":\"\\ud800\\u0041\"}\n",
                             "{\"a\":\"\\udc00\"}\n",
                             "{\"a\":\"b}\n",
                             "{\"a\":\"\\",
                             "{\"a\":1,\"a\":1}\n",
                             "{\"c\":1}\n",
                             "{a:1}\n"}) {
        EXPECT_EQ(refusal([&] { read(ndjson, {"a"}, text); }), "22P04") << text;
    }
    for (const char* text : {"{\"a\":}\n", "{\"a\":{\n", "{\"a\":\"x\n", "{\"a\":[\"\\\"]}\n", "{\"a\":1\x01}\n"}) {
        EXPECT_EQ(refusal([&] { read(ndjson, {"a"}, text, true); }), "22P04") << text;
    }
}

TEST(retention_archive, refuses_what_is_no_csv)
{
    for (const std::string text : {"", "a", "a\n1", "a\n1,2\n", "a,b\n1\n", "a,a\n", "c\n", "a,\n", "a\n\"1\n",
                                   "a\n\"1\"2\n", "a\n1\"\n", "a\n1\r\n", "a\r\n", "a,b\n,\"\n\",\n"}) {
        EXPECT_EQ(refusal([&] { read(csv, {"a", "b"}, text); }), "22P04") << text;
    }
    EXPECT_EQ(refusal([] { read(csv, {"a"}, std::string{"a\n1\0\n", 5}); }), "22P04");
    EXPECT_EQ(read(csv, {"a", "b"}, "b\n\n\"\"\n"), (std::vector<row>{{{}, {}}, {{}, ""}})); // a is not there
    EXPECT_EQ(read(csv, {}, "\n\n\n").size(), 2U);
}

TEST(retention_archive, bounds_a_row)
{
    string_source endless{std::string(4 << 20, ' '), 1 << 16};
    record_cutter records{endless, ndjson, "f", 1 << 20};
    EXPECT_EQ(refusal([&] { records.next(); }), "54000");
}

std::string packed(archive_format format, const std::string& text)
{
    string_sink sink;
    const auto compressor = make_compressor(format.packed, sink);
    compressor->write(std::string_view{text}.substr(0, text.size() / 3));
    compressor->write(std::string_view{text}.substr(text.size() / 3));
    compressor->finish();
    return sink.text;
}

std::string unpacked(archive_format format, const std::string& text, std::size_t room,
                     packed_parts parts = packed_parts::one)
{
    string_source source{text, 13};
    const auto decompressor = make_decompressor(format.packed, source, "f", parts);
    std::string made;
    std::string piece(room, '\0');
    while (const std::size_t count = decompressor->read(piece)) {
        made.append(piece, 0, count);
    }
    return made;
}

TEST(retention_archive, compresses)
{
    std::string text;
    std::mt19937 random{1};
    for (int i = 0; i < 100'000; ++i) {
        text += std::to_string(random() % 1000);
    }
    for (const char* name : {"csv.gz", "csv.zst"}) {
        const archive_format format = archive_format::parse(name);
        for (const std::string& plain : {std::string{}, std::string{"a"}, text}) {
            const std::string small = packed(format, plain);
            EXPECT_EQ(unpacked(format, small, 1), plain);
            EXPECT_EQ(unpacked(format, small, 100'000), plain);
            EXPECT_EQ(refusal([&] { unpacked(format, small + '\0', 1000); }), "XX001");
            EXPECT_EQ(refusal([&] { unpacked(format, small + small, 1000); }), "XX001");
            EXPECT_EQ(unpacked(format, small + packed(format, "") + small, 1000, packed_parts::many), plain + plain);
            EXPECT_EQ(refusal([&] { unpacked(format, small + 'x', 1000, packed_parts::many); }), "XX001");
            for (std::size_t size = 0; size < std::min<std::size_t>(small.size(), 300); ++size) {
                EXPECT_EQ(refusal([&] { unpacked(format, small.substr(0, small.size() - 1 - size), 1000); }), "XX001");
            }
        }
        EXPECT_EQ(refusal([&] { unpacked(format, "this is no compressed file at all", 1000); }), "XX001");
    }
}

class in_folder : public testing::Test {
  protected:
    in_folder()
    {
        char name[] = "/tmp/retention_archive.XXXXXX";
        root_ = mkdtemp(name);
    }
    ~in_folder() override { std::filesystem::remove_all(root_); }

    file_path path(const std::string& below) const
    {
        return file_path::parse(archive_files, "file://" + root_ + below, root_);
    }
    std::string names() const
    {
        std::string all;
        for (const listed_file& file : list_archive_files(root_, never_poll)) {
            all += file.path.substr(root_.size()) + '=' + std::to_string(file.bytes) + ' ';
        }
        return all;
    }

    std::string root_;
};

TEST_F(in_folder, makes_reads_and_removes_files)
{
    {
        new_archive_file file{path("/a/b/c"), never_poll};
        file.write("hello");
        file.finish();
        file.keep();
        EXPECT_EQ(file.size(), 5U);
    }
    EXPECT_EQ(names(), "/a/b/c=5 ");
    EXPECT_EQ(std::filesystem::status(root_ + "/a/b/c").permissions(), std::filesystem::perms{0600});
    std::string text(10, ' ');
    source_file file{path("/a/b/c"), never_poll};
    EXPECT_EQ(file.read(text), 5U);
    EXPECT_EQ(text.substr(0, 5), "hello");
    EXPECT_EQ(refusal([&] { new_archive_file again{path("/a/b/c"), never_poll}; }), file_sqlstate::duplicate_file);
    EXPECT_TRUE(remove_archive_file(path("/a/b/c")));
    EXPECT_FALSE(remove_archive_file(path("/a/b/c")));
    EXPECT_EQ(refusal([&] { remove_archive_file(path("/x/b")); }), file_sqlstate::undefined_file);
}

TEST_F(in_folder, leaves_nothing_that_was_not_kept)
{
    {
        new_archive_file file{path("/a"), never_poll};
        file.write("x");
        EXPECT_NE(names().find(".tmp=1"), std::string::npos);
    }
    EXPECT_EQ(names(), "");
    {
        new_archive_file file{path("/a"), never_poll};
        file.finish();
        EXPECT_EQ(names(), "/a=0 ");
    }
    EXPECT_EQ(names(), "");
}

// Files as a process leaves them that is killed; a living one holds a lock on its file.
TEST_F(in_folder, sweeps_what_was_left)
{
    const auto put = [&](const std::string& name) { std::ofstream{root_ + name} << 'x'; };
    put("/a.0123456789abcdef.tmp");
    put("/a.fedcba9876543210.tmp");
    EXPECT_TRUE(sweep_archive_file(path("/a"), never_poll));
    EXPECT_EQ(names(), "");

    put("/a.0123456789abcdef.tmp");
    put("/a");
    EXPECT_FALSE(sweep_archive_file(path("/a"), never_poll));
    EXPECT_EQ(names(), "/a=1 ");
    EXPECT_TRUE(remove_archive_file(path("/a")));

    for (const char* name : {"/b.0123456789abcdef.tmp", "/a.0123456789abcde.tmp", "/a.0123456789abcdeg.tmp",
                             "/a-0123456789abcdef.tmp", "/a.0123456789abcdef.tmq", "/aa.0123456789abcdef.tmp"}) {
        put(name);
        EXPECT_TRUE(sweep_archive_file(path("/a"), never_poll));
        EXPECT_EQ(names(), std::string{name} + "=1 ");
        std::filesystem::remove(root_ + name);
    }
    std::filesystem::create_directory(root_ + "/a.0123456789abcdef.tmp");
    std::filesystem::create_symlink(root_, root_ + "/a.fedcba9876543210.tmp");
    EXPECT_TRUE(sweep_archive_file(path("/a"), never_poll));
    EXPECT_TRUE(std::filesystem::is_directory(root_ + "/a.0123456789abcdef.tmp"));
    EXPECT_TRUE(std::filesystem::is_symlink(root_ + "/a.fedcba9876543210.tmp"));
    EXPECT_EQ(refusal([&] { sweep_archive_file(path("/nowhere/a"), never_poll); }), file_sqlstate::undefined_file);

    new_archive_file file{path("/c"), never_poll};
    file.write("x");
    EXPECT_FALSE(sweep_archive_file(path("/c"), never_poll));
    file.finish();
    EXPECT_FALSE(sweep_archive_file(path("/c"), never_poll));
    EXPECT_EQ(names(), "/c=1 ");
}

// Somebody else takes the name while the file is written.
TEST_F(in_folder, replaces_nothing)
{
    new_archive_file file{path("/a"), never_poll};
    std::ofstream{root_ + "/a"} << "theirs";
    EXPECT_EQ(refusal([&] { file.finish(); }), file_sqlstate::duplicate_file);
    file.abandon();
    EXPECT_EQ(names(), "/a=6 ");
}

// The folder becomes a link while the file is written: what was opened stays the place.
TEST_F(in_folder, stays_in_the_folder_that_it_has_opened)
{
    std::filesystem::create_directory(root_ + "/elsewhere");
    new_archive_file file{path("/a/b"), never_poll};
    std::filesystem::rename(root_ + "/a", root_ + "/moved");
    std::filesystem::create_symlink(root_ + "/elsewhere", root_ + "/a");
    file.write("x");
    file.finish();
    EXPECT_EQ(names(), "/moved/b=1 ");
    EXPECT_EQ(refusal([&] { source_file opened{path("/a/b"), never_poll}; }), file_sqlstate::wrong_object_type);
}

} // namespace
