// Secrets taken out of texts that somebody will read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace etl {

class redaction {
  public:
    redaction() = default;
    explicit redaction(const std::vector<std::string>& secrets);

    void add(std::string_view secret);

    // The text with each secret, as it is and as it stands encoded in URLs, JSON, HTML and base64, as ***. Texts are
    // cut after this where that can be; where one was cut before, at "…", the beginning of a secret in front of that is
    // hidden too.
    std::string apply(std::string_view text) const;

  private:
    void put(std::string form);
    void hide_beginning(std::string& text, std::size_t shortest) const;

    std::vector<std::string> forms_; // the longest first
};

std::string base64(std::string_view bytes);

} // namespace etl
