#include "pg/spill.hpp"

extern "C" {
#include <storage/proc.h>
#include <utils/guc.h>
}

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>

namespace etl::pg {
namespace {

constexpr char configuration_limit_exceeded[] = "53400";

static_assert(std::has_unique_object_representations_v<FileSet>, "its bytes travel to the workers");

// A directory that this process has made, in a list of all of them.
struct spill_directory {
    MemoryContextCallback callback;
    FileSet files;
    spill_directory* previous;
    spill_directory* next;
};

spill_directory* own_directories = nullptr;

void add_directory(spill_directory* made)
{
    made->previous = nullptr;
    made->next = own_directories;
    if (made->next != nullptr) {
        made->next->previous = made;
    }
    own_directories = made;
}

void forget_directory(const spill_directory* gone)
{
    (gone->previous != nullptr ? gone->previous->next : own_directories) = gone->next;
    if (gone->next != nullptr) {
        gone->next->previous = gone->previous;
    }
}

void delete_directory(void* gone)
{
    auto* directory = static_cast<spill_directory*>(gone);
    forget_directory(directory);
    FileSetDeleteAll(&directory->files);
}

spill_directory* find_own(std::span<const std::byte> bytes)
{
    spill_directory* at = own_directories;
    while (at != nullptr && !std::ranges::equal(bytes, std::as_bytes(std::span{&at->files, 1}))) {
        at = at->next;
    }
    return at;
}

// Whether the leader of this worker may have made a directory. The worker cannot know which it has made, but that the
// bytes are such as to be used.
bool may_be_leaders(const FileSet& files)
{
    const PGPROC* leader = MyProc->lockGroupLeader;
    return leader != nullptr && leader != MyProc && files.creator_pid == leader->pid && files.ntablespaces >= 1 &&
           files.ntablespaces <= static_cast<int>(std::size(files.tablespaces));
}

FileSet read_directory(std::span<const std::byte> bytes)
{
    FileSet files{};
    if (bytes.size() == sizeof files) {
        std::memcpy(&files, bytes.data(), sizeof files);
    }
    if (bytes.size() != sizeof files || !(find_own(bytes) != nullptr || may_be_leaders(files))) {
        throw error(sqlstate::invalid_parameter_value, "these bytes do not name a directory for this query's files",
                    "A spill directory is made by the function that runs the query, and is of use to it alone.");
    }
    return files;
}

// A file's name is the process that has written it and that process's count of files. Longer than any such name.
struct file_name {
    char text[32];
};

file_name name_of(std::uint64_t name)
{
    file_name made;
    const std::string text = std::to_string(name >> 32) + '.' + std::to_string(name & 0xffffffff);
    std::memcpy(made.text, text.c_str(), text.size() + 1);
    return made;
}

std::uint64_t next_name()
{
    static std::uint32_t files = 0;
    return static_cast<std::uint64_t>(MyProcPid) << 32 | ++files;
}

} // namespace

std::span<const std::byte> make_spill_directory(MemoryContext owner)
{
    auto* made = static_cast<spill_directory*>(allocate_in(owner, sizeof(spill_directory)));
    call([made] { FileSetInit(&made->files); });
    add_directory(made);
    made->callback.func = delete_directory;
    made->callback.arg = made;
    MemoryContextRegisterResetCallback(owner, &made->callback);
    return std::as_bytes(std::span{&made->files, 1});
}

void clear_spill_directory(std::span<const std::byte> directory)
{
    if (spill_directory* found = find_own(directory)) {
        call([found] { FileSetDeleteAll(&found->files); });
    }
}

file_run_store::file_run_store(std::span<const std::byte> directory, MemoryContext memory)
    : directory_{read_directory(directory)}, memory_{memory}, context_{memory}, reading_{&memory_}
{
}

void file_run_store::require_room(std::size_t more) const
{
    if (temp_file_limit >= 0 && (kept_ + written_ + more) / 1024 > static_cast<std::uint64_t>(temp_file_limit)) {
        throw error(configuration_limit_exceeded,
                    "temporary files of this query exceed temp_file_limit (" + std::to_string(temp_file_limit) + " kB)",
                    {}, "A higher work_mem needs fewer temporary files.");
    }
}

void file_run_store::begin()
{
    name_ = next_name();
    written_ = 0;
    const file_name name = name_of(name_);
    writing_ = call([this, &name] {
        const MemoryContext before = MemoryContextSwitchTo(context_);
        BufFile* made = BufFileCreateFileSet(&directory_, name.text);
        MemoryContextSwitchTo(before);
        return made;
    });
}

// A file that PostgreSQL has refused to write is left to PostgreSQL: closing it would try to write once more.
void file_run_store::append(std::span<const std::byte> bytes)
{
    if (bytes.empty()) {
        return;
    }
    if (writing_ == nullptr) {
        begin();
    }
    require_room(bytes.size());
    BufFile* file = std::exchange(writing_, nullptr);
    call([file, bytes] { BufFileWrite(file, const_cast<std::byte*>(bytes.data()), bytes.size()); });
    writing_ = file;
    written_ += bytes.size();
}

run file_run_store::finish()
{
    if (writing_ == nullptr) {
        begin();
    }
    BufFile* file = std::exchange(writing_, nullptr);
    call([file] { BufFileClose(file); });
    kept_ += written_;
    return {name_, std::exchange(written_, 0)};
}

file_run_store::open_file& file_run_store::opened(std::uint64_t name)
{
    const auto found = std::find_if(reading_.begin(), reading_.end(), [name](const auto& f) { return f.name == name; });
    if (found != reading_.end()) {
        return *found;
    }
    reading_.reserve(reading_.size() + 1);
    const file_name text = name_of(name);
    BufFile* file = call([this, &text] {
        const MemoryContext before = MemoryContextSwitchTo(context_);
        BufFile* made = BufFileOpenFileSet(&directory_, text.text, O_RDONLY, false);
        MemoryContextSwitchTo(before);
        return made;
    });
    return reading_.emplace_back(open_file{name, file, 0});
}

void file_run_store::read(const run& from, std::uint64_t offset, std::span<std::byte> to)
{
    open_file& source = opened(from.file);
    const std::size_t got = call([&source, offset, to] {
        if (source.at != offset && BufFileSeek(source.file, 0, static_cast<off_t>(offset), SEEK_SET) != 0) {
            return std::size_t{0};
        }
        return BufFileRead(source.file, to.data(), to.size());
    });
    if (got != to.size()) {
        throw error(sqlstate::internal_error, "a temporary file of this query ends too soon",
                    std::to_string(to.size()) + " bytes at offset " + std::to_string(offset) + " were asked for, and " +
                        std::to_string(got) + " are there.");
    }
    source.at = offset + got;
}

void file_run_store::remove(const run& from)
{
    const file_name name = name_of(from.file);
    call([this, &name] { BufFileDeleteFileSet(&directory_, name.text, true); });
    kept_ -= std::min(kept_, from.bytes);
}

// A file that was opened for reading has nothing to write, so closing it raises nothing. One that is still being
// written belongs to a statement that fails: PostgreSQL closes it then, and it goes with the directory.
void file_run_store::close() noexcept
{
    for (const open_file& done : reading_) {
        BufFileClose(done.file);
    }
    reading_.clear();
    writing_ = nullptr;
    written_ = 0;
}

} // namespace etl::pg
