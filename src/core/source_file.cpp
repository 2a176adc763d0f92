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
    struct stat found;
    if (fstat(file_.get(), &found) != 0) {
        refuse_file("look at the " + std::string{kind_->name}, path_, errno);
    }
    if (!S_ISREG(found.st_mode)) {
        throw error(file_sqlstate::wrong_object_type, in_quotes(path_) + " is not a regular file");
    }
    size_ = static_cast<std::uint64_t>(found.st_size);
}

std::size_t source_file::read(std::span<char> to)
{
    for (;;) {
        poll_();
        const ssize_t count = ::read(file_.get(), to.data(), to.size());
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
