#include <fmt/ranges.h>
#include <algorithm>
#include <array>

#include "command.hpp"
#include "neumf/core/error.hpp"

namespace neumf::program {

extern const Command train_command, test_command, baseline_command, recommend_command, similar_command,
    score_command, export_command, benchmark_command, info_command;

std::span<const Command* const> commands() {
  static constexpr std::array all{&train_command,     &test_command,      &baseline_command,
                                  &recommend_command, &similar_command,   &score_command,
                                  &export_command,    &benchmark_command, &info_command};
  return all;
}

const Command& find_command(const std::string& name) {
  const auto all = commands();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Command* command) { return command->name == name; });
  std::vector<const char*> names;
  for (const Command* command : all) names.push_back(command->name);
  require(found != all.end(), "'{}' is not a command: it must be one of {}", name, fmt::join(names, ", "));
  return **found;
}

}  // namespace neumf::program
