// The memory of a graph: counted, and refused past what its user allows.
#pragma once

#include <cstddef>
#include <memory_resource>

namespace etl::feature {

class graph_memory final : public std::pmr::memory_resource {
  public:
    // Takes from `upstream` no more than `allowed` bytes at a time.
    graph_memory(std::pmr::memory_resource* upstream, std::size_t allowed) noexcept
        : upstream_{upstream}, allowed_{allowed}
    {
    }

    std::size_t peak() const noexcept { return peak_; }

  private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override;
    void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override;
    bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

    std::pmr::memory_resource* upstream_;
    std::size_t allowed_;
    std::size_t used_ = 0;
    std::size_t peak_ = 0;
};

} // namespace etl::feature
