// neumf score
#include "neumf/serve/score_pairs.hpp"

#include <fstream>
#include <iostream>
#include <optional>

#include "command.hpp"
#include "common_options.hpp"
#include "id_lists.hpp"
#include "neumf/comm/launcher.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/stopwatch.hpp"
#include "neumf/serve/fold_in.hpp"

namespace neumf::program {
namespace {

struct ScoreOptions {
  std::filesystem::path checkpoint;
  std::string pairs, output;
  HistoryOption history;
  serve::OutputFormat format = serve::OutputFormat::csv;
  MachineChoice machine;

  void declare(OptionTable& table) {
    // clang-format off
    table.section("What to score");
    table.add("load_checkpoint_path", checkpoint, "checkpoint of the model; no data set is needed", {.required = "name the checkpoint of the model"});
    table.add("pairs", pairs, "file with a line 'user,item' for each pair (original ids); - for standard input", {.value = "PATH", .required = "name the file of pairs, or - for standard input"});
    history.declare(table, "those of the checkpoint");
    table.check([this] {
      require(history.path != "-" || pairs != "-",
              "--history - and --pairs -: both cannot be standard input; name a file for one of them");
    });
    table.section("Output");
    table.add("output", output, "file, which appears when it is complete; without it, or -, standard output", {.value = "PATH"});
    table.add("format", format, "csv or jsonl", {.among = {"csv", "jsonl"}});
    // clang-format on
    declare_machine(table, machine);
  }
};

// What rank 0 reads from and writes to.
struct Streams {
  std::optional<IdIndex> trained_users;
  const IdIndex& users;  // those, or the history's
  const IdIndex& items;
  std::ifstream file;
  serve::OutputFile output;
  std::optional<serve::PairReader> reader;

  Streams(const ScoreOptions& o, const CheckpointReader& checkpoint, const IdIndex& catalogue,
          const serve::History* history)
      : users(history != nullptr ? history->users() : trained_users.emplace(checkpoint.user_ids())),
        items(catalogue),
        output(o.output) {
    const bool standard_input = o.pairs == "-";
    if (!standard_input) {
      file.open(o.pairs);
      require(file.good() && !std::filesystem::is_directory(o.pairs), "--pairs {}: cannot read this file",
              o.pairs);
    }
    reader.emplace(standard_input ? std::cin : file, standard_input ? "standard input" : o.pairs, users,
                   items, history != nullptr ? o.history.name() : "the checkpoint");
  }
};

int score(const Arguments& arguments, const Communicator& communicator) {
  ScoreOptions o;
  std::optional<CheckpointReader> checkpoint;
  std::optional<IdIndex> catalogue;
  std::optional<Streams> streams;
  std::optional<serve::PairStreams> view;
  communicator.together([&] {
    read_options(o, "score", arguments);
    if (o.pairs == "-") require_standard_input(find_launchers(), "--pairs");
    require_output(o.output);
    checkpoint.emplace(o.checkpoint);
    catalogue.emplace(checkpoint->item_ids());
  });
  std::vector<std::string> notes;
  const auto history = o.history.read(*catalogue, communicator, notes);
  communicator.together([&] {
    if (!communicator.is_root()) return;
    streams.emplace(o, *checkpoint, *catalogue, history.get());
    view.emplace(
        serve::PairStreams{*streams->reader, streams->output, o.format, streams->users, streams->items});
    if (o.format == serve::OutputFormat::csv) streams->output.write("user_id,item_id,score\n");
  });
  on_device(o.machine, communicator, [&]<class Device, class T>(Context<Device>& context) {
    const Stopwatch time;
    std::optional<serve::FoldIn<Device>> fold_in;
    communicator.together([&] {
      if (history) fold_in.emplace(context, *checkpoint, *history);
    });
    const auto pairs = serve::score_pairs<Device, T>(context, communicator, *checkpoint,
                                                     view ? &*view : nullptr, fold_in ? &*fold_in : nullptr);
    const double seconds = time.seconds();
    if (fold_in) report_fit(communicator, fold_in->fitted(), fold_in->seconds());
    if (!communicator.is_root()) return;
    fmt::print(stderr, "{} pairs in {:.3f} s on {} rank{} ({}, {})\n", pairs, seconds, communicator.size(),
               communicator.size() == 1 ? "" : "s", context.description(), TypeName<T>::value);
    print_notes(notes);
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
    "(user_id,item_id) is passed over. With --history users are those of a file of what they have, as for "
    "neumf recommend.\n"
    "\n"
    "  neumf score --load_checkpoint_path runs/a/best.h5 --pairs - <pairs.csv >scores.csv\n",
    option_texts<ScoreOptions>,
    score};

}  // namespace neumf::program
