// Folders below a directory that was set aside for files: each is reached from the descriptor of the one above it, and
// no link is followed.
#pragma once

#include "core/file_path.hpp"

#include <cerrno>
#include <string>
#include <utility>

namespace etl {

// A file descriptor, closed with its scope.
class file_descriptor {
  public:
    explicit file_descriptor(int number = -1) noexcept : number_{number} {}
    ~file_descriptor();
    file_descriptor(file_descriptor&& other) noexcept : number_{other.release()} {}
    file_descriptor& operator=(file_descriptor&& other) noexcept;

    int get() const noexcept { return number_; }

    // Whoever asks closes it.
    int release() noexcept { return std::exchange(number_, -1); }

  private:
    int number_;
};

// A call to the system, again where a signal has interrupted it.
template <class Call>
auto uninterrupted(Call&& call)
{
    for (;;) {
        const auto outcome = call();
        if (outcome != -1 || errno != EINTR) {
            return outcome;
        }
    }
}

// Throws what the system says (errno), with the SQLSTATE of its kind: "could not write the archive file …: No space …".
[[noreturn]] void refuse_file(const std::string& doing, const std::string& path, int number);

// 42809 for a symbolic link.
[[noreturn]] void refuse_link(const file_kind& kind, const std::string& path);

// A name in a folder, which is no link; -1 and errno where it cannot be opened.
file_descriptor open_at(const file_descriptor& folder, const std::string& name, int flags);

// The folder of a file; where it is missing it is made, if so wanted.
enum class missing_folders { make, refuse };
file_descriptor open_folder(const file_path& path, missing_folders missing);

// A folder; -1 where it, or one above it, has gone away meanwhile or is a link by now.
file_descriptor find_folder(const file_path& path);

// Brings to the disk what was written. `doing` as above.
void require_synced(const file_descriptor& of, const char* doing, const std::string& path);

} // namespace etl
