// A run_store over vectors: the unit tests' stand-in for temporary files. It checks that it is used as files are.
#pragma once

#include "core/run_store.hpp"

#include <cstring>
#include <map>
#include <memory_resource>
#include <stdexcept>
#include <vector>

namespace etl::test {

class memory_run_store final : public run_store {
  public:
    void append(std::span<const std::byte> bytes) override
    {
        unfinished_.insert(unfinished_.end(), bytes.begin(), bytes.end());
    }
    run finish() override
    {
        const run made{next_, unfinished_.size()};
        files_[next_++] = std::move(unfinished_);
        unfinished_.clear();
        return made;
    }
    void read(const run& from, std::uint64_t offset, std::span<std::byte> to) override
    {
        const auto& file = files_.at(from.file);
        if (offset + to.size() > file.size()) {
            throw std::out_of_range{"read past the end of a run"};
        }
        std::memcpy(to.data(), file.data() + offset, to.size());
    }
    void remove(const run& from) override { files_.erase(from.file); }
    void close() noexcept override { unfinished_.clear(); }

    std::size_t files() const { return files_.size(); }
    std::vector<std::byte>& file(std::uint64_t name) { return files_.at(name); }

  private:
    std::map<std::uint64_t, std::vector<std::byte>> files_;
    std::vector<std::byte> unfinished_;
    std::uint64_t next_ = 1;
};

// Counts what is taken from it, now and at most. Aligns no further than PostgreSQL's memory contexts.
class counting_memory final : public std::pmr::memory_resource {
  public:
    std::size_t now() const { return now_; }
    std::size_t most() const { return most_; }

  private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override
    {
        if (alignment > 8) {
            throw std::bad_alloc{};
        }
        now_ += bytes;
        most_ = std::max(most_, now_);
        return std::pmr::new_delete_resource()->allocate(bytes, alignment);
    }
    void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override
    {
        now_ -= bytes;
        std::pmr::new_delete_resource()->deallocate(memory, bytes, alignment);
    }
    bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

    std::size_t now_ = 0;
    std::size_t most_ = 0;
};

} // namespace etl::test
