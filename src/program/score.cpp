// neumf score
#include "neumf/serve/score_pairs.hpp"

#include <boost/program_options.hpp>
#include <chrono>
#include <fstream>
#include <iostream>
#include <optional>

#include "command.hpp"
#include "machine_options.hpp"
#include "neumf/comm/launcher.hpp"
#include "neumf/config/command_line.hpp"
#include "neumf/core/error.hpp"
#include "output_format.hpp"

namespace po = boost::program_options;

namespace neumf::program {
namespace {

struct ScoreOptions {
  std::string checkpoint, pairs, output, format = "csv";
  MachineOptions machine;

  po::options_description describe() {
    const auto path = [](std::string& target) { return po::value(&target)->value_name("PATH"); };
    po::options_description what("What to score"), output_options("Output"), all;
    // clang-format off
    what.add_options()
      ("load_checkpoint_path", path(checkpoint), "checkpoint of the model; no data set is needed")
      ("pairs", path(pairs), "file with a line 'user,item' for each pair (original ids); - for standard input");
    output_options.add_options()
      ("output", path(output), "file, which appears when it is complete; without it, or -, standard output")
      ("format", po::value(&format)->default_value(format), "csv or jsonl");
    // clang-format on
    all.add(what).add(output_options).add(machine.describe()).add(common_options());
    return all;
  }

  void check() const {
    require(!checkpoint.empty(), "--load_checkpoint_path is missing: name the checkpoint of the model");
    require(!pairs.empty(), "--pairs is missing: name the file of pairs, or - for standard input");
    require(output_format(format) != serve::OutputFormat::hdf5,
            "--format hdf5: pairs are written as csv or jsonl");
    machine.choice();
  }
};

po::options_description options() {
  return ScoreOptions().describe();
}

// What rank 0 reads from and writes to.
struct Streams {
  serve::IdIndex users, items;
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
    read_command_line(arguments, o.describe(), "neumf score");
    o.check();
    if (o.pairs == "-") require_standard_input(find_launchers(), "--pairs");
    checkpoint.emplace(o.checkpoint);
    if (!communicator.is_root()) return;
    streams.emplace(o, *checkpoint);
    view.emplace(serve::PairStreams{*streams->reader, streams->output, output_format(o.format),
                                    streams->users, streams->items});
    if (output_format(o.format) == serve::OutputFormat::csv) streams->output.write("user_id,item_id,score\n");
  });
  on_device(o.machine.choice(), communicator, [&]<class Device, class T>(Context<Device>& context) {
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
    options,
    score};

}  // namespace neumf::program
