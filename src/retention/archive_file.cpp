#include "retention/archive_file.hpp"

#include "core/file_error.hpp"
#include "core/hex.hpp"
#include "core/text.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio> // renameat2
#include <utility>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

// How many bytes may be on their way to the disk before the system is asked to bring them there, so that there is
// little to wait for at the end.
constexpr std::uint64_t flush_after = 8 * 1024 * 1024;

// What is appended to a name, with 16 digits between.
constexpr std::string_view unfinished_ending = ".tmp";

std::string temporary_name(const std::string& name)
{
    std::array<std::byte, 8> bytes;
    if (uninterrupted([&] { return getrandom(bytes.data(), bytes.size(), 0); }) != static_cast<ssize_t>(bytes.size())) {
        throw error(sqlstate::internal_error, "the system gives no random numbers");
    }
    return name + '.' + to_hex(bytes) + std::string{unfinished_ending};
}

// Names a file anew where the new name is free; EEXIST where it is taken. File systems that cannot do it in one step
// give it a second name first.
int rename_without_replacing(int folder, const char* from, const char* to) noexcept
{
#ifdef RENAME_NOREPLACE
    if (renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return errno;
    }
#endif
    if (linkat(folder, from, folder, to, 0) != 0) {
        return errno;
    }
    if (unlinkat(folder, from, 0) != 0) {
        const int number = errno;
        unlinkat(folder, to, 0);
        return number;
    }
    return 0;
}

} // namespace

bool is_temporary_name(std::string_view name, std::string_view final_name) noexcept
{
    constexpr std::size_t digits = 16;
    if (name.size() != final_name.size() + 1 + digits + unfinished_ending.size() || !name.starts_with(final_name) ||
        name[final_name.size()] != '.' || !name.ends_with(unfinished_ending)) {
        return false;
    }
    return name.substr(final_name.size() + 1, digits).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

new_archive_file::new_archive_file(file_path path, poll_fn poll)
    : path_{std::move(path)}, poll_{poll}, folder_{open_folder(path_, missing_folders::make)}
{
    struct stat taken;
    if (fstatat(folder_.get(), path_.name.c_str(), &taken, AT_SYMLINK_NOFOLLOW) == 0) {
        refuse_file("create the archive file", path_.text(), EEXIST); // before anything is written, not after
    }
    std::string name = temporary_name(path_.name);
    file_ = open_at(folder_, name, O_WRONLY | O_CREAT | O_EXCL);
    if (file_.get() < 0) {
        refuse_file("create the archive file", path_.text(), errno);
    }
    flock(file_.get(), LOCK_EX | LOCK_NB); // says that it is being written, as long as this process lives
    present_ = std::move(name);
}

void new_archive_file::write(std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
        if (written < 0 && errno != EINTR) {
            refuse_file("write the archive file", path_.text(), errno);
        }
        poll_();
        if (written > 0) {
            size_ += static_cast<std::uint64_t>(written);
            bytes.remove_prefix(static_cast<std::size_t>(written));
        }
    }
#ifdef SYNC_FILE_RANGE_WRITE
    if (size_ - flushed_ >= flush_after) {
        const auto from = static_cast<off64_t>(flushed_);
        sync_file_range(file_.get(), from, static_cast<off64_t>(size_) - from, SYNC_FILE_RANGE_WRITE);
        flushed_ = size_;
    }
#endif
}

void new_archive_file::finish()
{
    require_synced(file_, "sync the archive file", path_.text());
    close_file();
    give_name();
    require_synced(folder_, "sync the directory of the archive file", path_.text());
}

// Some file systems tell only now that there was no room.
void new_archive_file::close_file()
{
    if (close(file_.release()) != 0 && errno != EINTR) {
        refuse_file("close the archive file", path_.text(), errno);
    }
}

void new_archive_file::give_name()
{
    const int outcome = rename_without_replacing(folder_.get(), present_.c_str(), path_.name.c_str());
    if (outcome != 0) {
        refuse_file("give its name to the archive file", path_.text(), outcome);
    }
    present_ = path_.name;
}

void new_archive_file::abandon() noexcept
{
    if (!present_.empty()) {
        unlinkat(folder_.get(), present_.c_str(), 0);
        present_.clear();
    }
}

bool remove_archive_file(const file_path& path)
{
    const file_descriptor folder = open_folder(path, missing_folders::refuse);
    struct stat found;
    if (fstatat(folder.get(), path.name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) {
            return false;
        }
        refuse_file("look at the archive file", path.text(), errno);
    }
    if (!S_ISREG(found.st_mode)) {
        throw error(file_sqlstate::wrong_object_type, in_quotes(path.text()) + " is not a regular file");
    }
    if (unlinkat(folder.get(), path.name.c_str(), 0) != 0) {
        if (errno == ENOENT) {
            return false;
        }
        refuse_file("remove the archive file", path.text(), errno);
    }
    require_synced(folder, "sync the directory of the archive file", path.text());
    return true;
}

} // namespace etl
