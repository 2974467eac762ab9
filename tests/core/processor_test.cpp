#include "neumf/core/processor.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "core/processor_features.hpp"
#include "neumf/core/error.hpp"

namespace neumf {
namespace {

using namespace processor;

FeatureSet set_of(const std::set<std::string>& names) {
  FeatureSet set = 0;
  for (std::size_t i = 0; i < std::size(features); ++i)
    if (names.contains(features[i].name)) set |= FeatureSet{1} << i;
  return set;
}

std::set<std::string> names_of(FeatureSet set) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < std::size(features); ++i)
    if ((set >> i & 1) != 0) names.insert(features[i].name);
  return names;
}

#ifdef __x86_64__

// What Linux says of the processor, by our names.
std::set<std::string> flags_of_linux() {
  const std::map<std::string, std::string> other_names{{"pni", "sse3"},
                                                       {"sse4_1", "sse4.1"},
                                                       {"sse4_2", "sse4.2"},
                                                       {"lahf_lm", "lahf"},
                                                       {"abm", "lzcnt"},
                                                       {"avx512_vbmi2", "avx512vbmi2"},
                                                       {"avx512_vnni", "avx512vnni"},
                                                       {"avx512_bitalg", "avx512bitalg"},
                                                       {"avx512_vpopcntdq", "avx512vpopcntdq"},
                                                       {"avx512_bf16", "avx512bf16"},
                                                       {"avx512_fp16", "avx512fp16"},
                                                       {"avx_vnni", "avxvnni"},
                                                       {"avx_ne_convert", "avxneconvert"}};
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line) && !line.starts_with("flags")) {
  }
  std::istringstream words(line.substr(std::min(line.size(), line.find(':') + 1)));
  std::set<std::string> flags;
  for (std::string word; words >> word;) {
    const auto other = other_names.find(word);
    flags.insert(other == other_names.end() ? word : other->second);
  }
  return flags;
}

TEST(Processor, HasWhatLinuxSays) {
  const auto flags = flags_of_linux();
  ASSERT_TRUE(flags.contains("sse2"));
  for (const Feature& f : features) {
    const std::string name = f.name;
    if (name == "avxneconvert" || name == "apx") continue;  // younger than many a Linux
    EXPECT_EQ(names_of(present_features()).contains(name), flags.contains(name)) << name;
  }
}

TEST(Processor, HasALevelWithAllOfIt) {
  std::set<std::string> names;
  EXPECT_EQ(level_of(0), 1);
  for (int level = 2; level <= 4; ++level) {
    for (const Feature& f : features)
      if (f.level == level) names.insert(f.name);
    EXPECT_EQ(level_of(set_of(names)), level);
  }
  auto lacks = names;
  lacks.erase("popcnt");
  EXPECT_EQ(level_of(set_of(lacks)), 1);
  lacks = names;
  lacks.erase("movbe");
  EXPECT_EQ(level_of(set_of(lacks)), 2);
  lacks = names;
  lacks.erase("avx512cd");
  EXPECT_EQ(level_of(set_of(lacks)), 3);
}

TEST(Processor, RunsThisBuild) {
  EXPECT_EQ(built_features & ~present_features(), FeatureSet{0});
  EXPECT_NE(processor_name(), "");
}

#endif

TEST(Processor, TakesNoBetterKernelsThanWereChosen) {
  const int level = kernel_level();
  if (level == 0) {
    EXPECT_NE(kernels_name(), "");
    EXPECT_THROW(set_kernel_level(2), Error);
  } else {
    EXPECT_TRUE(kernels_name().starts_with("x86-64-v" + std::to_string(level))) << kernels_name();
    EXPECT_THROW(set_kernel_level(1), Error);
    EXPECT_THROW(set_kernel_level(level + 1), Error);
  }
  set_kernel_level(level);
  EXPECT_EQ(kernel_level(), level);
}

}  // namespace
}  // namespace neumf
