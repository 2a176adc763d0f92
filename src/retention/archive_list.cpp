#include "retention/archive_list.hpp"

#include "core/file_folder.hpp"
#include "retention/archive_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

struct closed_folder {
    void operator()(DIR* folder) const noexcept { closedir(folder); }
};

class lister {
  public:
    explicit lister(poll_fn poll) : poll_{poll} {}

    // What is found in a folder, and which folders are to be looked into.
    void look_into(const file_path& folder)
    {
        const std::unique_ptr<DIR, closed_folder> entries{open(folder)};
        if (!entries) {
            return;
        }
        errno = 0;
        while (const dirent* entry = readdir(entries.get())) {
            poll_();
            take(folder, dirfd(entries.get()), entry->d_name);
            errno = 0;
        }
        if (errno != 0) {
            refuse_file("read the directory", folder.folder_text(), errno);
        }
    }

    std::vector<file_path> folders;
    std::vector<listed_file> files;

  private:
    // nullptr where it has gone away.
    static DIR* open(const file_path& folder)
    {
        file_descriptor opened = find_folder(folder);
        if (opened.get() < 0) {
            return nullptr;
        }
        DIR* made = fdopendir(opened.get());
        if (made == nullptr) {
            refuse_file("read the directory", folder.folder_text(), errno);
        }
        opened.release();
        return made;
    }

    void take(const file_path& folder, int number, const char* name)
    {
        struct stat found;
        const std::string_view named = name;
        if (named == "." || named == ".." || fstatat(number, name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
            return;
        }
        if (S_ISDIR(found.st_mode)) {
            folders.push_back(folder);
            folders.back().folders.emplace_back(name);
        } else if (S_ISREG(found.st_mode)) {
            file_path file = folder;
            file.name = name;
            files.push_back({file.text(), static_cast<std::uint64_t>(found.st_size),
                             std::int64_t{found.st_mtim.tv_sec} * 1'000'000 + found.st_mtim.tv_nsec / 1000});
        }
    }

    poll_fn poll_;
};

// Whoever writes a file holds a lock on it. False where somebody does, or it cannot be told.
bool remove_unless_locked(const file_descriptor& folder, const std::string& name) noexcept
{
    const file_descriptor file = open_at(folder, name, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    if (file.get() < 0) {
        return errno == ENOENT;
    }
    return flock(file.get(), LOCK_EX | LOCK_NB) == 0 &&
           (unlinkat(folder.get(), name.c_str(), 0) == 0 || errno == ENOENT);
}

} // namespace

std::vector<listed_file> list_archive_files(const std::string& root, poll_fn poll)
{
    lister found{poll};
    found.folders.push_back({&archive_files, root, {}, {}});
    while (!found.folders.empty()) {
        const file_path next = std::move(found.folders.back());
        found.folders.pop_back();
        found.look_into(next);
    }
    return std::move(found.files);
}

bool sweep_archive_file(const file_path& path, poll_fn poll)
{
    const file_descriptor folder = open_folder(path, missing_folders::refuse);
    file_path here = path;
    here.name.clear();
    lister found{poll};
    found.look_into(here);
    bool is_clean = true;
    for (const listed_file& file : found.files) {
        const std::string name = file.path.substr(file.path.rfind('/') + 1);
        const bool is_left =
            name == path.name || (is_temporary_name(name, path.name) && !remove_unless_locked(folder, name));
        is_clean = is_clean && !is_left;
    }
    return is_clean;
}

} // namespace etl
