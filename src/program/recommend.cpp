// neumf recommend
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>

#include "command.hpp"
#include "common_options.hpp"
#include "neumf/comm/launcher.hpp"
#include "neumf/core/error.hpp"
#include "neumf/serve/item_names.hpp"
#include "neumf/serve/recommend_users.hpp"

namespace neumf::program {
namespace {

struct RecommendOptions {
  std::filesystem::path checkpoint, exclude_seen, item_names;
  std::string users = "all", output;
  serve::OutputFormat format = serve::OutputFormat::csv;
  int topk = 10;
  bool popular_for_unknown = false;
  MachineChoice machine;

  void declare(OptionTable& table) {
    // clang-format off
    table.section("What to recommend");
    table.add("load_checkpoint_path", checkpoint, "checkpoint of the model; no data set is needed", {.required = "name the checkpoint of the model"});
    table.add("users", users, "all; or a file with an id per line, - for standard input; or ids: 7,12,x9 (original ids)");
    table.add("topk,k", topk, "items for each user", {.range = at_least(1)});
    table.add("exclude_seen", exclude_seen, "data set whose interactions, held-out ones included, are not recommended again");
    table.add("popular_for_unknown", popular_for_unknown, "unknown users get the most popular items; without this they are an error");
    table.section("Output");
    table.add("output", output, "file, which appears when it is complete; without it, or -, standard output", {.value = "PATH"});
    table.add("format", format, "csv, jsonl or hdf5");
    table.add("item_names", item_names, "titles: movies.csv, movies.dat or u.item of MovieLens, or a CSV with item and title columns");
    // clang-format on
    declare_machine(table, machine);
    table.check([this] {
      require(format != serve::OutputFormat::hdf5 || !(output.empty() || output == "-"),
              "--format hdf5 cannot go to standard output: name a file with --output");
    });
  }
};

// What --users names, as text that every rank can parse: a file's content, or nothing for ids and "all".
struct UserSource {
  bool is_file = false;
  std::string text;
};

UserSource read_user_source(const std::string& users) {
  if (users == "-") return {true, {std::istreambuf_iterator<char>(std::cin), {}}};
  std::error_code ignored;
  if (users == "all" || !std::filesystem::is_regular_file(users, ignored)) return {};
  std::ifstream file(users, std::ios::binary);
  require(file.good(), "--users {}: cannot read this file", users);
  return {true, {std::istreambuf_iterator<char>(file), {}}};
}

serve::UserList user_list(const RecommendOptions& o, const UserSource& source, const serve::IdIndex& known) {
  if (o.users == "all") return serve::all_users(known);
  auto list = source.is_file ? serve::read_users(source.text, known) : serve::listed_users(o.users, known);
  const std::string name = o.users == "-" ? "standard input" : "--users " + o.users;
  require(list.unknown == 0 || o.popular_for_unknown,
          "{}: {} of {} users are unknown to the checkpoint, beginning with {}{}. Correct them, or give them "
          "the most "
          "popular items with --popular_for_unknown",
          name, list.unknown, list.ids.size(), list.first_unknown,
          source.is_file ? "" : " (and there is no file of this name)");
  return list;
}

serve::Popularity popularity(const CheckpointReader& checkpoint,
                             const std::optional<serve::SeenItems>& seen) {
  if (const auto counts = checkpoint.item_counts(); !counts.empty()) return serve::Popularity(counts);
  require(seen.has_value(),
          "--popular_for_unknown: {} does not say how popular items are; add --exclude_seen DATASET to count "
          "there",
          checkpoint.path().string());
  return serve::Popularity(seen->counts());
}

int recommend(const Arguments& arguments, const Communicator& communicator) {
  RecommendOptions o;
  std::optional<CheckpointReader> checkpoint;
  std::optional<serve::IdIndex> known_users, catalogue;
  std::optional<serve::SeenItems> seen;
  UserSource source;
  communicator.together([&] {
    read_options(o, "recommend", arguments);
    if (o.users == "-") require_standard_input(find_launchers(), "--users");
    checkpoint.emplace(o.checkpoint);
    known_users.emplace(checkpoint->user_ids());
    catalogue.emplace(checkpoint->item_ids());
    if (!o.exclude_seen.empty()) seen.emplace(o.exclude_seen, *catalogue);
    if (communicator.is_root()) source = read_user_source(o.users);
  });
  source.is_file = communicator.max<std::int32_t>(source.is_file) != 0;
  if (source.is_file) source.text = communicator.broadcast(std::move(source.text));

  serve::RecommendationRequest request;
  std::unique_ptr<serve::RecommendationWriter> writer;
  communicator.together([&] {
    request.users = user_list(o, source, *known_users);
    request.topk = std::min<std::int64_t>(o.topk, checkpoint->shape().items);
    request.seen = seen ? &*seen : nullptr;
    if (request.users.unknown > 0) request.popularity = popularity(*checkpoint, seen);
    if (!communicator.is_root()) return;
    serve::Catalogue names{catalogue->ids(), {}};
    if (!o.item_names.empty()) names.titles = serve::read_item_names(o.item_names, *catalogue);
    writer =
        serve::make_recommendation_writer(o.format, o.output, names, request.users.ids.size(), request.topk);
  });
  on_device(o.machine, communicator, [&]<class Device, class T>(Context<Device>& context) {
    const auto times =
        serve::recommend_users<Device, T>(context, communicator, *checkpoint, request, writer.get());
    if (!communicator.is_root()) return;
    const auto users = static_cast<double>(request.users.ids.size());
    fmt::print(
        stderr,
        "{} items for each of {} users in {:.3f} s ({:.4g} users/s, {:.4g} scores/s) on {} rank{} ({}, {})\n",
        request.topk, request.users.ids.size(), times.serving, users / times.serving,
        users * static_cast<double>(checkpoint->shape().items) / times.serving, communicator.size(),
        communicator.size() == 1 ? "" : "s", context.description(), TypeName<T>::value);
    if (request.users.unknown > 0)
      fmt::print(
          stderr,
          "note: {} users are unknown to the checkpoint and got the most popular items, beginning with {}\n",
          request.users.unknown, request.users.first_unknown);
  });
  return EXIT_SUCCESS;
}

}  // namespace

extern const Command recommend_command{
    "recommend",
    "the best items for users, from a checkpoint alone",
    "--load_checkpoint_path FILE [--users FILE|all|ID,ID] [options]",
    "Scores the whole catalogue for each user and writes the best items in the order of the users, with "
    "original "
    "ids. Scores are logits: the probability is 1 / (1 + exp(-score)). Of equal scores the item that comes "
    "first in "
    "the catalogue is ranked first. Under mpirun ranks share the users.\n"
    "\n"
    "A user that the checkpoint does not know is an error, found before anything is computed or written, "
    "unless "
    "--popular_for_unknown is given. Items of --exclude_seen are matched by original ids; a data set with "
    "items "
    "that the checkpoint lacks is an error.\n"
    "\n"
    "  neumf recommend --load_checkpoint_path runs/a/best.h5 --exclude_seen data/ml-20m --output top10.csv\n"
    "  echo 1234 | neumf recommend --load_checkpoint_path runs/a/best.h5 --users - --item_names movies.csv\n",
    option_texts<RecommendOptions>,
    recommend};

}  // namespace neumf::program
