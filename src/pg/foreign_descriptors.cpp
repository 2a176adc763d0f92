#include "pg/foreign_descriptors.hpp"

#include "core/file_error.hpp"
#include "pg/boundary.hpp"

extern "C" {
#include <storage/fd.h>
}

namespace etl::pg {

foreign_descriptors::foreign_descriptors(int count)
{
    for (; held_ < count; ++held_) {
        if (!AcquireExternalFD()) {
            release();
            throw error(file_sqlstate::insufficient_resources, "too many files are open",
                        "The system grants this process no more.",
                        "Raise max_files_per_process, or end some sessions.");
        }
    }
}

foreign_descriptors::~foreign_descriptors()
{
    release();
}

void foreign_descriptors::release() noexcept
{
    for (; held_ > 0; --held_) {
        ReleaseExternalFD();
    }
}

} // namespace etl::pg
