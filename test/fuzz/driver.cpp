// Runs a fuzz target without libFuzzer, so that every test run replays what fuzzing has found: each file of the
// folders named on the command line, then some thousand seeded mutations of those files, the same every time.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using input = std::vector<std::uint8_t>;

constexpr std::size_t longest_input = 1 << 16;

input read_file(const std::filesystem::path& path)
{
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

// The corpus in a fixed order. An empty input leads it, so that a target without a corpus is tried as well.
std::vector<input> read_corpus(int argc, char** argv)
{
    std::vector<std::filesystem::path> paths;
    for (int i = 1; i < argc; ++i) {
        if (!std::filesystem::is_directory(argv[i])) {
            continue;
        }
        for (const auto& entry : std::filesystem::directory_iterator{argv[i]}) {
            paths.push_back(entry.path());
        }
    }
    std::sort(paths.begin(), paths.end());
    std::vector<input> corpus{input{}};
    std::transform(paths.begin(), paths.end(), std::back_inserter(corpus), read_file);
    return corpus;
}

class mutator {
  public:
    explicit mutator(const std::vector<input>& corpus) : corpus_{corpus} {}

    input next()
    {
        input bytes = corpus_[below(corpus_.size())];
        for (std::size_t left = 1 + below(4); left > 0; --left) {
            change(bytes);
        }
        bytes.resize(std::min(bytes.size(), longest_input));
        return bytes;
    }

  private:
    std::size_t below(std::size_t limit) { return random_() % std::max<std::size_t>(limit, 1); }

    auto position(input& bytes) { return bytes.begin() + static_cast<std::ptrdiff_t>(below(bytes.size() + 1)); }

    void change(input& bytes)
    {
        const auto at = position(bytes);
        switch (below(6)) {
        case 0: // another byte
            if (at != bytes.end()) {
                *at = static_cast<std::uint8_t>(random_());
            }
            break;
        case 1: // another bit
            if (at != bytes.end()) {
                *at = static_cast<std::uint8_t>(*at ^ (1U << below(8)));
            }
            break;
        case 2: // a byte at a border of its type
            if (at != bytes.end()) {
                constexpr std::uint8_t borders[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
                *at = borders[below(std::size(borders))];
            }
            break;
        case 3: // cut off
            bytes.erase(at, bytes.end());
            break;
        case 4: // bytes that nobody expects
            bytes.insert(at, 1 + below(16), static_cast<std::uint8_t>(random_()));
            break;
        default: { // the end of another input
            const input& other = corpus_[below(corpus_.size())];
            const auto from = other.begin() + static_cast<std::ptrdiff_t>(below(other.size() + 1));
            bytes.erase(at, bytes.end());
            bytes.insert(bytes.end(), from, other.end());
        }
        }
    }

    const std::vector<input>& corpus_;
    std::mt19937 random_{42};
};

} // namespace

int main(int argc, char** argv)
{
    const char* wanted = std::getenv("FUZZ_RUNS");
    const long runs = wanted != nullptr ? std::strtol(wanted, nullptr, 10) : 5000;
    const auto corpus = read_corpus(argc, argv);
    for (const auto& bytes : corpus) {
        LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
    mutator mutations{corpus};
    for (long i = 0; i < runs; ++i) {
        const auto bytes = mutations.next();
        LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
    std::printf("%zu files and %ld mutations replayed\n", corpus.size() - 1, runs);
    return 0;
}
