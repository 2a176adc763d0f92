#include "core/file_folder.hpp"

#include "core/error.hpp"
#include "core/file_error.hpp"
#include "core/text.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <system_error>

#include "core/cpp_only.hpp"

namespace etl {
namespace {

constexpr mode_t file_mode = 0600;
constexpr mode_t folder_mode = 0700;

const char* sqlstate_of(int number) noexcept
{
    switch (number) {
    case EPERM:
    case EACCES:
    case EROFS:
        return file_sqlstate::insufficient_privilege;
    case ENOENT:
        return file_sqlstate::undefined_file;
    case EEXIST:
        return file_sqlstate::duplicate_file;
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
    case ELOOP:
        return file_sqlstate::wrong_object_type;
    case ENOSPC:
    case EDQUOT:
        return file_sqlstate::disk_full;
    case ENFILE:
    case EMFILE:
    case ENOMEM:
        return file_sqlstate::insufficient_resources;
    case EFBIG:
        return sqlstate::program_limit_exceeded;
    case ENAMETOOLONG:
    case EINVAL:
        return sqlstate::invalid_parameter_value;
    default:
        return file_sqlstate::io_error;
    }
}

bool is_link(const file_descriptor& folder, const std::string& name) noexcept
{
    struct stat found;
    return fstatat(folder.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(found.st_mode);
}

file_descriptor open_root(const file_path& below)
{
    const char* path = below.root.empty() ? "/" : below.root.c_str();
    file_descriptor made{uninterrupted([&] { return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); })};
    if (made.get() < 0) {
        refuse_file("open the directory for " + std::string{below.kind->name} + 's', path, errno);
    }
    return made;
}

// A folder that another one makes at the same time is as good.
void make_folder(const file_descriptor& parent, const std::string& name, const std::string& path)
{
    if (mkdirat(parent.get(), name.c_str(), folder_mode) == 0) {
        require_synced(parent, "sync the directory of", path);
    } else if (errno != EEXIST) {
        refuse_file("make the directory", path, errno);
    }
}

} // namespace

file_descriptor::~file_descriptor()
{
    if (number_ >= 0) {
        close(number_);
    }
}

file_descriptor& file_descriptor::operator=(file_descriptor&& other) noexcept
{
    std::swap(number_, other.number_);
    return *this;
}

void refuse_file(const std::string& doing, const std::string& path, int number)
{
    throw error(sqlstate_of(number),
                "could not " + doing + " " + in_quotes(path) + ": " + std::generic_category().message(number));
}

void refuse_link(const file_kind& kind, const std::string& path)
{
    throw error(file_sqlstate::wrong_object_type, in_quotes(path) + " is a symbolic link",
                "Below the directory for " + std::string{kind.name} + "s no link is followed.");
}

file_descriptor open_at(const file_descriptor& folder, const std::string& name, int flags)
{
    return file_descriptor{
        uninterrupted([&] { return openat(folder.get(), name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, file_mode); })};
}

void require_synced(const file_descriptor& of, const char* doing, const std::string& path)
{
    if (uninterrupted([&] { return fsync(of.get()); }) != 0) {
        refuse_file(doing, path, errno);
    }
}

file_descriptor open_folder(const file_path& path, missing_folders missing)
{
    file_descriptor folder = open_root(path);
    std::string walked = path.root;
    for (const std::string& name : path.folders) {
        walked += '/' + name;
        file_descriptor next = open_at(folder, name, O_RDONLY | O_DIRECTORY);
        if (next.get() < 0 && errno == ENOENT && missing == missing_folders::make) {
            make_folder(folder, name, walked);
            next = open_at(folder, name, O_RDONLY | O_DIRECTORY);
        }
        if (next.get() < 0) {
            const int number = errno;
            if (is_link(folder, name)) {
                refuse_link(*path.kind, walked);
            }
            refuse_file("open the directory", walked, number);
        }
        folder = std::move(next);
    }
    return folder;
}

file_descriptor find_folder(const file_path& path)
{
    file_descriptor folder = open_root(path);
    for (const std::string& name : path.folders) {
        folder = open_at(folder, name, O_RDONLY | O_DIRECTORY);
        if (folder.get() < 0) {
            if (errno != ENOENT && errno != ELOOP && errno != ENOTDIR) {
                refuse_file("open the directory", path.folder_text(), errno);
            }
            break;
        }
    }
    return folder;
}

} // namespace etl
