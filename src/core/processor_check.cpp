// Whether this build runs on this processor, and on which kernels; before anything else of it runs.
//
// Compiled for the first x86-64 processors, whatever the rest is compiled for. What headers define inline is
// not called here: a linker keeps one of several files' copies, which may be for a processor that this one is
// not.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "processor_features.hpp"

#ifdef __x86_64__
#include <cpuid.h>
#endif

#ifdef NEUMF_PORTABLE
// cmake/kernels.sh: the table of functions in use, and those of the levels 2, 3 and 4.
extern "C" {
[[gnu::visibility("hidden")]] extern const void* const* neumf_kernels;
[[gnu::visibility("hidden")]] extern const void* const* const neumf_kernels_of[3];
}
#endif

namespace neumf::processor {

#ifdef __x86_64__

FeatureSet present_features() {
  unsigned registers[4] = {};
  const auto read = [&registers](std::uint32_t leaf, std::uint32_t subleaf) {
    return __get_cpuid_count(leaf, subleaf, &registers[0], &registers[1], &registers[2], &registers[3]) != 0;
  };
  std::uint32_t saved = 0;  // registers that the operating system saves
  constexpr std::uint32_t osxsave = 1u << 27;
  if (read(1, 0) && (registers[2] & osxsave) != 0) {
    std::uint32_t upper = 0;
    __asm__("xgetbv" : "=a"(saved), "=d"(upper) : "c"(0));
  }
  constexpr std::uint32_t needed[] = {0, 0x06, 0xE6, 1u << 19};  // by State
  FeatureSet set = 0;
  for (std::size_t i = 0; i < sizeof features / sizeof features[0]; ++i) {
    const Feature& f = features[i];
    const std::uint32_t state = needed[static_cast<int>(f.state)];
    if (read(f.leaf, f.subleaf) && (registers[static_cast<int>(f.in)] >> f.bit & 1) != 0 &&
        (saved & state) == state)
      set |= FeatureSet{1} << i;
  }
  return set;
}

void read_name(char (&name)[49]) {
  memset(name, 0, sizeof name);
  for (std::uint32_t part = 0; part < 3; ++part) {
    unsigned registers[4] = {};
    if (__get_cpuid(0x80000002 + part, &registers[0], &registers[1], &registers[2], &registers[3]) == 0)
      return;
    memcpy(name + part * sizeof registers, registers, sizeof registers);
  }
}

#else

FeatureSet present_features() {
  return 0;
}

void read_name(char (&name)[49]) {
  memset(name, 0, sizeof name);
}

#endif

namespace {

[[noreturn]] void refuse(const char* text) {
  fprintf(stderr, "%s: error: %s\n", program_invocation_short_name, text);
  fflush(stderr);
  _Exit(EXIT_FAILURE);
}

// "avx512f avx512bw"
void name_features(FeatureSet set, char* text, std::size_t size) {
  text[0] = '\0';
  for (std::size_t i = 0; i < sizeof features / sizeof features[0]; ++i)
    if ((set >> i & 1) != 0 && strlen(text) + strlen(features[i].name) + 2 <= size) {
      if (text[0] != '\0') strcat(text, " ");
      strcat(text, features[i].name);
    }
}

void check_features(FeatureSet present) {
  const FeatureSet missing = built_features & ~present;
  if (missing == 0) return;
  char names[512], processor[49], text[1024];
  name_features(missing, names, sizeof names);
  read_name(processor);
#ifdef NEUMF_PORTABLE
  const char* remedy = "-DNEUMF_ARCH=native on this machine";
#else
  const char* remedy = "-DNEUMF_ARCH=portable, which runs on every processor since 2009, or on this machine";
#endif
  snprintf(text, sizeof text,
           "compiled for processors with %s, which this one (%s, x86-64-v%d) lacks: build neumf with %s",
           names, processor[0] != '\0' ? processor : "of no name", level_of(present), remedy);
  refuse(text);
}

// The NEUMF_KERNELS of the environment, or 0.
int wanted_level() {
  const char* text = getenv("NEUMF_KERNELS");
  if (text == nullptr || text[0] == '\0') return 0;
#ifdef NEUMF_PORTABLE
  const char* names[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
  for (int i = 0; i < 3; ++i)
    if (strcmp(text, names[i]) == 0) return i + 2;
  const char* remedy = "must be x86-64-v2, x86-64-v3 or x86-64-v4";
#else
  const char* remedy =
      "this build has kernels for one processor: leave it unset, or build with -DNEUMF_ARCH=portable";
#endif
  char message[512];
  snprintf(message, sizeof message, "NEUMF_KERNELS=%.100s: %s", text, remedy);
  refuse(message);
}

}  // namespace

int chosen_level = 0;

void choose_level([[maybe_unused]] int level) {
#ifdef NEUMF_PORTABLE
  chosen_level = level;
  neumf_kernels = neumf_kernels_of[level - 2];
#endif
}

}  // namespace neumf::processor

// Linked into every program (src/CMakeLists.txt), and called before the program's other constructors.
extern "C" [[gnu::constructor(101)]] void neumf_check_processor() {
  using namespace neumf::processor;
  const FeatureSet present = present_features();
  check_features(present);
  const int best = level_of(present), wanted = wanted_level();
  if (wanted > best) {
    char text[128];
    snprintf(text, sizeof text, "NEUMF_KERNELS=x86-64-v%d: this processor has x86-64-v%d", wanted, best);
    refuse(text);
  }
  choose_level(wanted > 0 ? wanted : best);
}
