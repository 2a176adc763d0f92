// Texts one after the other in one piece of memory, by their numbers from 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string_view>
#include <vector>

namespace etl {

class text_list {
  public:
    explicit text_list(std::pmr::memory_resource* memory) : bytes_{memory}, ends_{memory} {}

    void add(std::string_view text)
    {
        bytes_.insert(bytes_.end(), text.begin(), text.end());
        ends_.push_back(bytes_.size());
    }
    // Valid until the next one is added.
    std::string_view operator[](std::size_t i) const noexcept
    {
        const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
        return {bytes_.data() + begin, ends_[i] - begin};
    }
    std::size_t size() const noexcept { return ends_.size(); }
    std::size_t memory_bytes() const noexcept { return bytes_.capacity() + ends_.capacity() * sizeof(std::size_t); }

  private:
    std::pmr::vector<char> bytes_;
    std::pmr::vector<std::size_t> ends_;
};

} // namespace etl
