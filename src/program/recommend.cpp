// neumf recommend
#include <optional>

#include "command.hpp"
#include "common_options.hpp"
#include "id_lists.hpp"
#include "neumf/comm/launcher.hpp"
#include "neumf/core/error.hpp"
#include "neumf/serve/fold_in.hpp"
#include "neumf/serve/item_names.hpp"
#include "neumf/serve/recommend_users.hpp"
#include "neumf/serve/seen_items.hpp"

namespace neumf::program {
namespace {

struct RecommendOptions {
  ListRequest request;
  HistoryOption history;
  std::filesystem::path exclude_seen, item_names;
  std::string output;
  serve::OutputFormat format = serve::OutputFormat::csv;
  bool popular_for_unknown = false;
  ItemListOptions lists;
  MachineChoice machine;

  void declare(OptionTable& table) {
    // clang-format off
    request.declare(table, "What to recommend", "users", "items for each user");
    history.declare(table, "those of the checkpoint");
    table.add("exclude_seen", exclude_seen, "data set whose interactions, held-out ones included, are not recommended again; those of --history are not either, unless this is 'none'", {.value = "PATH"});
    lists.declare(table);
    table.add("popular_for_unknown", popular_for_unknown, "unknown users get the most popular items; without this they are an error");
    table.section("Output");
    table.add("output", output, "file, which appears when it is complete; without it, or -, standard output", {.value = "PATH"});
    table.add("format", format, "csv, jsonl or hdf5");
    table.add("item_names", item_names, "titles: movies.csv, movies.dat or u.item of MovieLens, or a CSV with item and title columns");
    // clang-format on
    declare_machine(table, machine);
    table.check([this] {
      require(history.path != "-" || request.ids != "-",
              "--history - and --users -: both cannot be standard input; name a file for one of them");
      require(format != serve::OutputFormat::hdf5 || !(output.empty() || output == "-"),
              "--format hdf5 cannot go to standard output: name a file with --output");
    });
  }
};

const char* what_unknown_users_lack(const serve::History* history) {
  return history != nullptr ? "have no item in their history that the checkpoint knows"
                            : "are unknown to the checkpoint";
}

// `known`: the users of the history, where there is one, or else of the checkpoint.
serve::UserList user_list(const RecommendOptions& o, const IdSource& source, const IdIndex& known,
                          const serve::History* history) {
  const bool all = o.request.ids == "all";
  auto list = all              ? history != nullptr ? history->everybody() : serve::all_ids(known)
                           : source.is_file ? serve::read_users(source.text, known)
                               : serve::listed_ids("--users", o.request.ids, known);
  const std::string name = all                    ? o.history.name()
                           : o.request.ids == "-" ? "standard input"
                                                  : "--users " + o.request.ids;
  require(
      list.unknown == 0 || o.popular_for_unknown,
      "{}: {} of {} users {}, beginning with {}{}. Correct them, or give them the most popular items with "
      "--popular_for_unknown",
      name, list.unknown, list.ids.size(), what_unknown_users_lack(history), list.first_unknown,
      all || source.is_file ? "" : " (and there is no file of this name)");
  return list;
}

// What the options let pass, and what is to be said of it.
struct Filters {
  bool given = false;
  serve::AllFilters all;
  const serve::SeenItems* seen = nullptr;  // among them, with --exclude_seen
  std::vector<std::string> notes;

  Filters(const RecommendOptions& o, const IdIndex& catalogue, const serve::History* history) {
    const bool nothing_seen = o.exclude_seen == "none";
    if (history != nullptr && !nothing_seen) all.add(std::make_unique<serve::HistoryItems>(*history));
    if (!o.exclude_seen.empty() && !nothing_seen) {
      auto filter = std::make_unique<serve::SeenItems>(o.exclude_seen, catalogue);
      seen = filter.get();
      note_unknown(notes, "--exclude_seen", seen->unknown_items(),
                   fmt::format("'{}'", seen->first_unknown_item()));
      all.add(std::move(filter));
    }
    o.lists.add_to(all, catalogue, notes);
    given = seen != nullptr || o.lists.given() || (history != nullptr && !nothing_seen);
  }
};

serve::Popularity popularity(const CheckpointReader& checkpoint, const Filters& filters) {
  if (const auto counts = checkpoint.item_counts(); !counts.empty())
    return serve::Popularity(counts, filters.all);
  require(filters.seen != nullptr,
          "--popular_for_unknown: {} does not say how popular items are; add --exclude_seen DATASET to count "
          "there",
          checkpoint.path().string());
  return serve::Popularity(filters.seen->counts(), filters.all);
}

// "10 items for each of 5 users", or how many fewer there were.
std::string what_was_recommended(const serve::RecommendationCounts& counts,
                                 const serve::RecommendationRequest& request) {
  const auto users = request.users.ids.size();
  if (counts.short_lists == 0) return fmt::format("{} items for each of {} users", request.topk, users);
  return fmt::format(
      "{} items for {} users ({} of them got fewer than {}, since no more were left, and {} of these none)",
      counts.items, users, counts.short_lists, request.topk, counts.empty_lists);
}

int recommend(const Arguments& arguments, const Communicator& communicator) {
  RecommendOptions o;
  std::optional<CheckpointReader> checkpoint;
  std::optional<IdIndex> known_users, catalogue;
  std::optional<Filters> filters;
  communicator.together([&] {
    read_options(o, "recommend", arguments);
    require_output(o.output);
    checkpoint.emplace(o.request.checkpoint);
    catalogue.emplace(checkpoint->item_ids());
  });
  std::vector<std::string> notes;
  const auto history = o.history.read(*catalogue, communicator, notes);
  communicator.together([&] {
    if (!history) known_users.emplace(checkpoint->user_ids());
    filters.emplace(o, *catalogue, history.get());
  });
  notes.insert(notes.end(), filters->notes.begin(), filters->notes.end());
  const IdSource source = read_id_source("--users", o.request.ids, communicator);

  serve::RecommendationRequest request;
  std::unique_ptr<serve::RecommendationWriter> writer;
  communicator.together([&] {
    request.users = user_list(o, source, history ? history->users() : *known_users, history.get());
    request.topk = std::min<std::int64_t>(o.request.topk, checkpoint->shape().items);
    request.filter = filters->given ? &filters->all : nullptr;
    if (request.users.unknown > 0) request.popularity = popularity(*checkpoint, *filters);
    if (!communicator.is_root()) return;
    serve::Catalogue names{catalogue->ids(), {}};
    if (!o.item_names.empty()) names.titles = serve::read_item_names(o.item_names, *catalogue);
    writer =
        serve::make_recommendation_writer(o.format, o.output, names, request.users.ids.size(), request.topk);
  });
  on_device(o.machine, communicator, [&]<class Device, class T>(Context<Device>& context) {
    std::optional<serve::FoldIn<Device>> fold_in;
    communicator.together([&] {
      if (history) request.rows = &fold_in.emplace(context, *checkpoint, *history);
    });
    const auto [times, counts] =
        serve::recommend_users<Device, T>(context, communicator, *checkpoint, request, writer.get());
    if (fold_in) report_fit(communicator, fold_in->fitted(), fold_in->seconds());
    if (!communicator.is_root()) return;
    const auto users = static_cast<double>(request.users.ids.size());
    fmt::print(stderr, "{} in {:.3f} s ({:.4g} users/s, {:.4g} scores/s) on {} rank{} ({}, {})\n",
               what_was_recommended(counts, request), times.serving, users / times.serving,
               users * static_cast<double>(checkpoint->shape().items) / times.serving, communicator.size(),
               communicator.size() == 1 ? "" : "s", context.description(), TypeName<T>::value);
    fmt::print(stderr, "catalogue coverage {:.2f} % of {} items{}\n", 100 * counts.coverage,
               checkpoint->shape().items,
               counts.novelty ? fmt::format(", novelty {:.3f} bits", *counts.novelty) : "");
    print_notes(notes);
    if (request.users.unknown > 0)
      fmt::print(stderr, "note: {} users {} and got the most popular items, beginning with {}\n",
                 request.users.unknown, what_unknown_users_lack(history.get()), request.users.first_unknown);
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
    "--popular_for_unknown is given. Items of --exclude_seen, --allow_items and --deny_items are matched by "
    "original ids; "
    "those that the checkpoint lacks are passed over and counted.\n"
    "\n"
    "With --history users come from a file of what they have. Embeddings are fitted to it while all other "
    "weights stay as they are; they depend on the model, the user's id and items alone, not on other users, "
    "ranks or threads. A user who is in the training too is fitted like any other.\n"
    "\n"
    "  neumf recommend --load_checkpoint_path runs/a/best.h5 --exclude_seen data/ml-20m --output top10.csv\n"
    "  echo 1234 | neumf recommend --load_checkpoint_path runs/a/best.h5 --users - --item_names movies.csv\n"
    "  neumf recommend --load_checkpoint_path runs/a/best.h5 --history visitors.csv --allow_items "
    "stock.txt\n",
    option_texts<RecommendOptions>,
    recommend};

}  // namespace neumf::program
