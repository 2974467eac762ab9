#include "neumf/core/processor.hpp"

#include "neumf/core/error.hpp"
#include "processor_features.hpp"

namespace neumf {

namespace processor {

constinit const FeatureSet built_features = compiled_features();

}  // namespace processor

int kernel_level() {
  return processor::chosen_level;
}

void set_kernel_level(int level) {
  const int now = kernel_level();
  require(level == now || (level >= 2 && level < now),
          "kernels for x86-64-v{}: those for x86-64-v{} are in use", level, now);
  processor::choose_level(level);
}

std::string kernels_name() {
  const int level = kernel_level();
  if (level == 0)
    return fmt::format("{} (x86-64-v{})", NEUMF_ARCH, processor::level_of(processor::built_features));
  const int best = processor::level_of(processor::present_features());
  return fmt::format("x86-64-v{}", level) +
         (level < best ? fmt::format(" (the processor has x86-64-v{})", best) : std::string());
}

std::string processor_name() {
  char name[49];
  processor::read_name(name);
  // Some are padded with blanks in front and behind.
  const std::string text = name;
  const auto begin = text.find_first_not_of(' ');
  if (begin == std::string::npos) return "unknown processor";
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

}  // namespace neumf
