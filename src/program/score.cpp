// neumf score
#include "neumf/serve/score_pairs.hpp"

#include <chrono>
#include <fstream>
#include <iostream>
#include <optional>

#include "command.hpp"
#include "common_options.hpp"
#include "neumf/comm/launcher.hpp"
#include "neumf/core/error.hpp"

namespace neumf::program {
namespace {

struct ScoreOptions {
  std::filesystem::path checkpoint;
  std::string pairs, output;
  serve::OutputFormat format = serve::OutputFormat::csv;
  MachineChoice machine;

  void declare(OptionTable& table) {
    // clang-format off
    table.section("What to score");
    table.add("load_checkpoint_path", checkpoint, "checkpoint of the model; no data set is needed", {.required = "name the checkpoint of the model"});
    table.add("pairs", pairs, "file with a line 'user,item' for each pair (original ids); - for standard input", {.value = "PATH", .required = "name the file of pairs, or - for standard input"});
    table.section("Output");
    table.add("output", output, "file, which appears when it is complete; without it, or -, standard output", {.value = "PATH"});
    table.add("format", format, "csv or jsonl", {.among = {"csv", "jsonl"}});
    // clang-format on
    declare_machine(table, machine);
  }
};

// What rank 0 reads from and writes to.
struct Streams {
  IdIndex users, items;
  std::ifstream file;
  serve::OutputFile output;
  std::optional<serve::PairReader> reader;

  Streams(const ScoreOptions& o, const CheckpointReader& checkpoint)
      : users(checkpoint.user_ids()), items(checkpoint.item_ids()), output(o.output) {
    const bool standard_input = o.pairs == "-";
    if (!standard_input) {
      file.open(o.pairs);
      require(file.good() && !std::filesystem::is_directory(o.pairs), "--pairs {}: cannot read this file",
              o.pairs);
    }
    reader.emplace(standard_input ? std::cin : file, standard_input ? "standard input" : o.pairs, users,
                   items);
  }
};

int score(const Arguments& arguments, const Communicator& communicator) {
  ScoreOptions o;
  std::optional<CheckpointReader> checkpoint;
  std::optional<Streams> streams;
  std::optional<serve::PairStreams> view;
  communicator.together([&] {
    read_options(o, "score", arguments);
    if (o.pairs == "-") require_standard_input(find_launchers(), "--pairs");
    checkpoint.emplace(o.checkpoint);
    if (!communicator.is_root()) return;
    streams.emplace(o, *checkpoint);
    view.emplace(
        serve::PairStreams{*streams->reader, streams->output, o.format, streams->users, streams->items});
    if (o.format == serve::OutputFormat::csv) streams->output.write("user_id,item_id,score\n");
  });
  on_device(o.machine, communicator, [&]<class Device, class T>(Context<Device>& context) {
    const auto start = std::chrono::steady_clock::now();
    const auto pairs =
        serve::score_pairs<Device, T>(context, communicator, *checkpoint, view ? &*view : nullptr);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (communicator.is_root())
      fmt::print(stderr, "{} pairs in {:.3f} s on {} rank{} ({}, {})\n", pairs, seconds, communicator.size(),
                 communicator.size() == 1 ? "" : "s", context.description(), TypeName<T>::value);
  });
  return EXIT_SUCCESS;
}

}  // namespace

extern const Command score_command{
    "score",
    "scores of given (user, item) pairs",
    "--load_checkpoint_path FILE --pairs FILE [options]",
    "Writes each pair with its score, a logit, in the order of the input. A line that is not a pair, or "
    "whose user "
    "or item the checkpoint does not know, is an error that names the line. A first line that names the "
    "columns "
    "(user_id,item_id) is passed over.\n"
    "\n"
    "  neumf score --load_checkpoint_path runs/a/best.h5 --pairs - <pairs.csv >scores.csv\n",
    option_texts<ScoreOptions>,
    score};

}  // namespace neumf::program
