// A flat_buffer over a std::vector: the unit tests' and fuzzers' stand-in for a memory context.
#pragma once

#include "core/bytes.hpp"

#include <vector>

namespace etl::test {

class vector_buffer final : public flat_buffer {
  public:
    vector_buffer() = default;
    explicit vector_buffer(std::span<const std::byte> bytes) : bytes_{bytes.begin(), bytes.end()} {}

    std::byte* data() noexcept override { return bytes_.data(); }
    std::size_t size() const noexcept override { return bytes_.size(); }
    void resize(std::size_t size) override { bytes_.resize(size); }

  private:
    std::vector<std::byte> bytes_;
};

} // namespace etl::test
