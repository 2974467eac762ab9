#include "help.hpp"

#include <algorithm>
#include <sstream>

#include "neumf/core/error.hpp"

namespace neumf::program {
namespace {

constexpr const char* about =
    "Neural Collaborative Filtering: trains the NeuMF model, evaluates it and recommends with it.";
constexpr const char* usage_reference = "neumf --data DIR [options]";
constexpr const char* about_reference = "the reference's form: train, or with --mode test evaluate";
constexpr std::size_t line_length = 100;

// Lines of at most line_length; indented lines and paragraphs stay as they are.
std::string wrapped(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    while (line.size() > line_length && !line.starts_with(' ')) {
      const auto space = line.rfind(' ', line_length);
      if (space == std::string::npos) break;
      out += line.substr(0, space) + '\n';
      line.erase(0, space + 1);
    }
    out += line + '\n';
  }
  return out;
}

}  // namespace

std::string help_text(const Command& command) {
  return fmt::format("neumf {}: {}\n\nUsage: neumf {} {}\n\n{}\n{}", command.name, command.summary,
                     command.name, command.synopsis, wrapped(command.description),
                     format_options(command.options()));
}

std::string overview() {
  std::string text = fmt::format(
      "{}\n\nUsage: neumf COMMAND [options]\n       mpirun -n RANKS neumf COMMAND [options]\n"
      "       {}   ({})\n\nCommands (neumf COMMAND --help says more):\n",
      about, usage_reference, about_reference);
  for (const Command* command : commands())
    text += fmt::format("  {:<12}{}\n", command->name, command->summary);
  return text + "\nOptions of train and test:\n\n" + format_options(find_command("train").options());
}

}  // namespace neumf::program
