// What compilers may use of an x86-64 processor without being asked by name, and whether a file was compiled
// for it.
#pragma once

#include <cstdint>
#include <iterator>

namespace neumf::processor {

// What the operating system must save for the feature's registers.
enum class State : std::uint8_t { none, avx, avx512, apx };
enum class Register : std::uint8_t { eax, ebx, ecx, edx };

struct Feature {
  const char* name;
  int level;  // the least of the ABI's levels that has it; 0: none
  std::uint32_t leaf, subleaf;
  Register in;
  int bit;
  State state;
  bool compiled;  // whether the file that includes this was compiled for it
};

// A macro that is not defined stays its own name.
#define NEUMF_TEXT(x) #x
#define NEUMF_FEATURE(MACRO, NAME, LEVEL, LEAF, SUBLEAF, REGISTER, BIT, STATE) \
  Feature{NAME, LEVEL, LEAF, SUBLEAF, Register::REGISTER, BIT, State::STATE, NEUMF_TEXT(MACRO)[0] != '_'},

// Intel's Software Developer's Manual, CPUID; AMD's manual, volume 3, appendix E; levels: the x86-64 psABI,
// table 3.1.
constexpr Feature features[] = {
    // clang-format off
    NEUMF_FEATURE(__SSE3__, "sse3", 2, 1, 0, ecx, 0, none)
    NEUMF_FEATURE(__SSSE3__, "ssse3", 2, 1, 0, ecx, 9, none)
    NEUMF_FEATURE(__SSE4_1__, "sse4.1", 2, 1, 0, ecx, 19, none)
    NEUMF_FEATURE(__SSE4_2__, "sse4.2", 2, 1, 0, ecx, 20, none)
    NEUMF_FEATURE(__POPCNT__, "popcnt", 2, 1, 0, ecx, 23, none)
    NEUMF_FEATURE(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_16, "cx16", 2, 1, 0, ecx, 13, none)
    NEUMF_FEATURE(__LAHF_SAHF__, "lahf", 2, 0x80000001, 0, ecx, 0, none)
    NEUMF_FEATURE(__AVX__, "avx", 3, 1, 0, ecx, 28, avx)
    NEUMF_FEATURE(__AVX2__, "avx2", 3, 7, 0, ebx, 5, avx)
    NEUMF_FEATURE(__FMA__, "fma", 3, 1, 0, ecx, 12, avx)
    NEUMF_FEATURE(__F16C__, "f16c", 3, 1, 0, ecx, 29, avx)
    NEUMF_FEATURE(__BMI__, "bmi1", 3, 7, 0, ebx, 3, none)
    NEUMF_FEATURE(__BMI2__, "bmi2", 3, 7, 0, ebx, 8, none)
    NEUMF_FEATURE(__LZCNT__, "lzcnt", 3, 0x80000001, 0, ecx, 5, none)
    NEUMF_FEATURE(__MOVBE__, "movbe", 3, 1, 0, ecx, 22, none)
    NEUMF_FEATURE(__AVX512F__, "avx512f", 4, 7, 0, ebx, 16, avx512)
    NEUMF_FEATURE(__AVX512BW__, "avx512bw", 4, 7, 0, ebx, 30, avx512)
    NEUMF_FEATURE(__AVX512CD__, "avx512cd", 4, 7, 0, ebx, 28, avx512)
    NEUMF_FEATURE(__AVX512DQ__, "avx512dq", 4, 7, 0, ebx, 17, avx512)
    NEUMF_FEATURE(__AVX512VL__, "avx512vl", 4, 7, 0, ebx, 31, avx512)
    NEUMF_FEATURE(__AVX512IFMA__, "avx512ifma", 0, 7, 0, ebx, 21, avx512)
    NEUMF_FEATURE(__AVX512VBMI__, "avx512vbmi", 0, 7, 0, ecx, 1, avx512)
    NEUMF_FEATURE(__AVX512VBMI2__, "avx512vbmi2", 0, 7, 0, ecx, 6, avx512)
    NEUMF_FEATURE(__AVX512VNNI__, "avx512vnni", 0, 7, 0, ecx, 11, avx512)
    NEUMF_FEATURE(__AVX512BITALG__, "avx512bitalg", 0, 7, 0, ecx, 12, avx512)
    NEUMF_FEATURE(__AVX512VPOPCNTDQ__, "avx512vpopcntdq", 0, 7, 0, ecx, 14, avx512)
    NEUMF_FEATURE(__AVX512BF16__, "avx512bf16", 0, 7, 1, eax, 5, avx512)
    NEUMF_FEATURE(__AVX512FP16__, "avx512fp16", 0, 7, 0, edx, 23, avx512)
    NEUMF_FEATURE(__AVXVNNI__, "avxvnni", 0, 7, 1, eax, 4, avx)
    NEUMF_FEATURE(__AVXNECONVERT__, "avxneconvert", 0, 7, 1, edx, 5, avx)
    NEUMF_FEATURE(__GFNI__, "gfni", 0, 7, 0, ecx, 8, none)
    NEUMF_FEATURE(__ADX__, "adx", 0, 7, 0, ebx, 19, none)
    NEUMF_FEATURE(__APX_F__, "apx", 0, 7, 1, edx, 21, apx)
    NEUMF_FEATURE(__SSE4A__, "sse4a", 0, 0x80000001, 0, ecx, 6, none)
    NEUMF_FEATURE(__FMA4__, "fma4", 0, 0x80000001, 0, ecx, 16, avx)
    NEUMF_FEATURE(__XOP__, "xop", 0, 0x80000001, 0, ecx, 11, avx)
    NEUMF_FEATURE(__TBM__, "tbm", 0, 0x80000001, 0, ecx, 21, none)
    // clang-format on
};
#undef NEUMF_FEATURE
#undef NEUMF_TEXT

// Sets of features, a bit each by place in the table.
using FeatureSet = std::uint64_t;
static_assert(std::size(features) <= 64);

// What the file that includes this was compiled for.
constexpr FeatureSet compiled_features() {
  FeatureSet set = 0;
  for (std::size_t i = 0; i < std::size(features); ++i)
    if (features[i].compiled) set |= FeatureSet{1} << i;
  return set;
}

// The highest level that a set has all of; 1: the first of these processors.
constexpr int level_of(FeatureSet set) {
  int level = 4;
  for (std::size_t i = 0; i < std::size(features); ++i)
    if (features[i].level > 0 && features[i].level <= level && (set >> i & 1) == 0)
      level = features[i].level - 1;
  return level;
}

// processor.cpp: what the build was compiled for.
extern const FeatureSet built_features;
// processor_check.cpp: what this processor has, and the operating system lets programs use.
FeatureSet present_features();
// The level whose kernels run, 0 in a build for one processor; and another one.
extern int chosen_level;
void choose_level(int level);
// The processor's own name, or "" where it has none. 48 characters and a zero.
void read_name(char (&name)[49]);

}  // namespace neumf::processor
