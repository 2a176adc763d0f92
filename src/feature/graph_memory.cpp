#include "feature/graph_memory.hpp"

#include "core/error.hpp"

#include <algorithm>

#include "core/cpp_only.hpp"

namespace etl::feature {
namespace {

std::string in_kilobytes(std::size_t bytes)
{
    return std::to_string((bytes + 1023) / 1024) + " kB";
}

} // namespace

void* graph_memory::do_allocate(std::size_t bytes, std::size_t alignment)
{
    if (bytes > allowed_ - used_) {
        throw error(sqlstate::program_limit_exceeded,
                    "the graph does not fit into pg_etl.graph_memory, " + in_kilobytes(allowed_),
                    "It needs " + in_kilobytes(used_ + bytes) + " or more.",
                    "Raise it, as in SET pg_etl.graph_memory = '" + std::to_string((used_ + bytes) / 524288 + 1) +
                        "MB', or select fewer edges.");
    }
    void* memory = upstream_->allocate(bytes, alignment);
    used_ += bytes;
    peak_ = std::max(peak_, used_);
    return memory;
}

void graph_memory::do_deallocate(void* memory, std::size_t bytes, std::size_t alignment)
{
    upstream_->deallocate(memory, bytes, alignment);
    used_ -= bytes;
}

} // namespace etl::feature
