#include "core/source_file.hpp"

#include "core/file_error.hpp"
#include "core/text.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cpp_only.hpp"

namespace etl {

source_file::source_file(const file_path& path, poll_fn poll) : kind_{path.kind}, path_{path.text()}, poll_{poll}
{
    const file_descriptor folder = open_folder(path, missing_folders::refuse);
    // A pipe would wait for a writer, were it not for O_NONBLOCK.
    file_ = open_at(folder, path.name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (file_.get() < 0) {
        const int number = errno;
        if (number == ELOOP) {
            refuse_link(*kind_, path_);
        }
        refuse_file("open the " + std::string{kind_->name}, path_, number);
    }
    opened_ = look();
    if (!S_ISREG(opened_.st_mode)) {
        throw error(file_sqlstate::wrong_object_type, in_quotes(path_) + " is not a regular file");
    }
}

struct stat source_file::look() const
{
    struct stat found;
    if (fstat(file_.get(), &found) != 0) {
        refuse_file("look at the " + std::string{kind_->name}, path_, errno);
    }
    return found;
}

void source_file::require_unchanged() const
{
    const struct stat now = look();
    const bool is_same = now.st_size == opened_.st_size && now.st_mtim.tv_sec == opened_.st_mtim.tv_sec &&
                         now.st_mtim.tv_nsec == opened_.st_mtim.tv_nsec;
    if (!is_same) {
        throw error(file_sqlstate::object_not_in_prerequisite_state,
                    std::string{kind_->name} + ' ' + in_quotes(path_) + " has changed while it was read",
                    "It had " + std::to_string(opened_.st_size) + " bytes, and has " + std::to_string(now.st_size) +
                        " now.",
                    "Let it be written under another name, and renamed when it is whole.");
    }
}

std::size_t source_file::read(std::span<char> to)
{
    for (;;) {
        poll_();
        const ssize_t count = ::read(file_.get(), to.data(), to.size());
        if (count == 0 && !to.empty()) {
            require_unchanged();
        }
        if (count >= 0) {
            return static_cast<std::size_t>(count);
        }
        if (errno != EINTR) {
            refuse_file("read the " + std::string{kind_->name}, path_, errno);
        }
    }
}

void source_file::rewind()
{
    if (lseek(file_.get(), 0, SEEK_SET) != 0) {
        refuse_file("read the " + std::string{kind_->name}, path_, errno);
    }
}

void source_file::forget_cached() const noexcept
{
    posix_fadvise(file_.get(), 0, 0, POSIX_FADV_DONTNEED);
}

} // namespace etl
