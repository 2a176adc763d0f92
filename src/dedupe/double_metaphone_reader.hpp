// The reader that double_metaphone.cpp and its two files of long rules (C, G and S) are about.
#pragma once

#include "dedupe/double_metaphone.hpp"
#include "dedupe/phonetic_word.hpp"

#include "core/cpp_only.hpp"

namespace etl::dedupe {

class double_metaphone_reader {
  public:
    // letters: upper case A to Z, single blanks between words.
    double_metaphone_reader(std::string_view letters, std::size_t max_length);

    double_code read();

  private:
    void read_letter();
    void read_c();
    void read_ch();
    void read_cc();
    void read_d();
    void read_g();
    void read_gh();
    void read_gn();
    void read_soft_g();
    void read_j();
    void read_l();
    void read_m();
    void read_r();
    void read_s();
    void read_sc();
    void read_t();
    void read_w();
    void read_x();
    void read_z();

    char here() const noexcept { return word_.at(at_); }
    char next() const noexcept { return word_.at(at_ + 1); }
    bool is_last() const noexcept { return at_ + 1 == word_.size(); }
    bool is_vowel(std::ptrdiff_t place) const noexcept { return word_.any_at(place, "AEIOUY"); }

    void add(std::string_view primary, std::string_view alternate)
    {
        code_.primary += primary;
        code_.alternate += alternate;
    }
    // Adds to both codes and moves on by so many letters.
    void say(std::string_view primary, std::string_view alternate, std::ptrdiff_t size)
    {
        add(primary, alternate);
        at_ += size;
    }
    void say(std::string_view sound, std::ptrdiff_t size) { say(sound, sound, size); }
    // One sound for this letter and the next, if that is one of those.
    void say_pair(std::string_view sound, std::string_view with) { say(sound, word_.any_at(at_ + 1, with) ? 2 : 1); }

    phonetic_word word_;
    std::size_t max_length_;
    bool is_slavo_germanic_;
    bool is_germanic_; // by how it begins
    std::ptrdiff_t at_ = 0;
    double_code code_;
};

} // namespace etl::dedupe
