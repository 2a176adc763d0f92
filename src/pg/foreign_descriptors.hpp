// File descriptors that PostgreSQL does not open itself.
#pragma once

namespace etl::pg {

// Tells PostgreSQL of descriptors that it does not know, so that it keeps within what the system grants to a process.
class foreign_descriptors {
  public:
    explicit foreign_descriptors(int count);
    ~foreign_descriptors();
    foreign_descriptors(const foreign_descriptors&) = delete;
    foreign_descriptors& operator=(const foreign_descriptors&) = delete;

  private:
    void release() noexcept;

    int held_ = 0;
};

} // namespace etl::pg
