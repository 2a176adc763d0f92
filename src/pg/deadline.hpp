// A limit of time for a part of a statement, which statement_timeout does not know.
#pragma once

namespace etl::pg {

// For as long as it lives: when the time is up, what runs is cancelled as by pg_cancel_backend(). One at a time.
class deadline {
  public:
    explicit deadline(int milliseconds); // 0: none
    ~deadline();
    deadline(const deadline&) = delete;
    deadline& operator=(const deadline&) = delete;

    bool has_passed() const noexcept;

  private:
    bool is_set_;
};

} // namespace etl::pg
