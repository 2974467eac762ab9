// Runs a fuzz target without libFuzzer: all seeds of a folder, then random changes of them. It knows nothing
// of coverage, so it finds less, but it needs no particular compiler. A program takes the same arguments
// either way:
//
//   ratings_fuzz [-runs=N] [-seed=S] [-max_total_time=SECONDS] SEED_FOLDER...
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;
using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t limit) {
  return limit == 0 ? 0 : std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
}

// One change: a byte, a run of bytes removed, repeated or taken from another seed, or something that parsers
// often forget.
void change(Bytes& bytes, const std::vector<Bytes>& seeds, Random& random) {
  static const std::vector<std::string> awkward{"\n",
                                                "\r\n",
                                                "\"",
                                                "\"\"",
                                                ",",
                                                "::",
                                                "\t",
                                                "-",
                                                "+",
                                                "0",
                                                "1e308",
                                                "9223372036854775807",
                                                "18446744073709551616",
                                                "-9223372036854775808",
                                                "nan",
                                                "inf",
                                                ".",
                                                "\xEF\xBB\xBF",
                                                std::string(1, '\0'),
                                                "\xff"};
  const std::size_t at = below(random, bytes.size() + 1);
  switch (below(random, 6)) {
    case 0:
      if (at < bytes.size()) bytes[at] = static_cast<std::uint8_t>(below(random, 256));
      break;
    case 1:
      if (at < bytes.size()) bytes[at] ^= static_cast<std::uint8_t>(1u << below(random, 8));
      break;
    case 2: {
      const auto& text = awkward[below(random, awkward.size())];
      bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), text.begin(), text.end());
      break;
    }
    case 3: {
      const std::size_t length = std::min(bytes.size() - at, below(random, 16) + 1);
      bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                  bytes.begin() + static_cast<std::ptrdiff_t>(at + length));
      break;
    }
    case 4: {
      const Bytes& other = seeds[below(random, seeds.size())];
      const std::size_t from = below(random, other.size());
      const std::size_t length = std::min(other.size() - from, below(random, 64) + 1);
      const Bytes piece(other.begin() + static_cast<std::ptrdiff_t>(from),
                        other.begin() + static_cast<std::ptrdiff_t>(from + length));
      bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), piece.begin(), piece.end());
      break;
    }
    default:
      bytes.resize(at);
  }
}

// The input that is being tried, for the report of a crash.
Bytes current;

void on_crash(int signal) {
  std::FILE* file = std::fopen("crash-input", "wb");
  if (file != nullptr) {
    std::fwrite(current.data(), 1, current.size(), file);
    std::fclose(file);
  }
  std::fputs("the input is in crash-input\n", stderr);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void run(Bytes bytes) {
  current = std::move(bytes);
  LLVMFuzzerTestOneInput(current.data(), current.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t runs = 10000, seed = 1;
  double seconds = 1e9;
  std::vector<Bytes> seeds;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto value = argument.substr(std::min(argument.find('=') + 1, argument.size()));
    if (argument.starts_with("-runs=")) {
      runs = std::stoull(value);
    } else if (argument.starts_with("-seed=")) {
      seed = std::stoull(value);
    } else if (argument.starts_with("-max_total_time=")) {
      seconds = std::stod(value);
    } else if (std::filesystem::is_directory(argument)) {
      for (const auto& entry : std::filesystem::directory_iterator(argument)) {
        std::ifstream file(entry.path(), std::ios::binary);
        seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
      }
    } else {
      std::fprintf(stderr, "%s: no such option or folder\n", argv[i]);
      return 2;
    }
  }
  if (seeds.empty()) seeds.emplace_back();
  // On a stack of its own: the input may have used up the other one.
  static std::array<char, 65536> stack;
  const stack_t own_stack{.ss_sp = stack.data(), .ss_flags = 0, .ss_size = stack.size()};
  sigaltstack(&own_stack, nullptr);
  struct sigaction action {};
  action.sa_handler = on_crash;
  action.sa_flags = SA_ONSTACK;
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE}) sigaction(signal, &action, nullptr);
  for (const auto& bytes : seeds) run(bytes);
  Random random(seed);
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  std::uint64_t done = 0;
  for (; done < runs && std::chrono::steady_clock::now() < end; ++done) {
    Bytes bytes = seeds[below(random, seeds.size())];
    const std::size_t changes = 1 + below(random, 8);
    for (std::size_t i = 0; i < changes; ++i) change(bytes, seeds, random);
    if (bytes.size() > 4096) bytes.resize(4096);
    run(std::move(bytes));
  }
  std::printf("%llu random inputs, %zu seeds, no failure\n", static_cast<unsigned long long>(done),
              seeds.size());
}
