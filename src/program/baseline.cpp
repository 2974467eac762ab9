// neumf baseline
#include "neumf/evaluate/baselines.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "command.hpp"
#include "common_options.hpp"
#include "neumf/comm/placement.hpp"
#include "neumf/config/options.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/exit_status.hpp"

namespace neumf::program {
namespace {

struct BaselineOptions {
  std::filesystem::path data, log_path;
  int topk = 10, threads = 0;
  std::uint32_t neighbours = 50;
  std::vector<int> topk_list;

  void declare(OptionTable& table) {
    // clang-format off
    table.section("What to evaluate");
    table.add("data", data, "directory of the preprocessed data set", {.required = "name the directory that neumf-preprocess wrote"});
    table.add("topk,k", topk, "K of HR@K and NDCG@K", {.range = at_least(1)});
    table.add("topk_list", topk_list, "further K to report", {.range = at_least(1), .value = "K ..."});
    table.add("neighbours", neighbours, "similar items per item, of item-kNN", {.range = at_least(1).at_most(2147483647)});
    table.section("Machine");
    table.add("threads", threads, "CPU threads per rank; 0: the cores that the rank may use", {.range = at_least(0).at_most(4096)});
    table.section("Output");
    table.add("log_path", log_path, "file for one JSON object per baseline, with the keys of training's log");
    // clang-format on
    table.add_common();
  }
};

void print(const std::vector<BaselineResult>& results) {
  for (const auto& [label, ranking] : {std::pair{"among the stored negatives", &BaselineResult::sampled},
                                       std::pair{"in the whole catalogue", &BaselineResult::full}}) {
    fmt::print("{}\n{:<12}", label, "");
    for (const AtK& at : (results.front().*ranking).at)
      fmt::print("  {:>8}  {:>8}", fmt::format("HR@{}", at.k), fmt::format("NDCG@{}", at.k));
    fmt::print("  {:>8}\n", "MRR");
    for (const auto& result : results) {
      fmt::print("  {:<10}", result.name);
      for (const AtK& at : (result.*ranking).at) fmt::print("  {:>8.4f}  {:>8.4f}", at.hit_rate, at.ndcg);
      fmt::print("  {:>8.4f}\n", (result.*ranking).mrr);
    }
  }
}

void write_log(const std::filesystem::path& path, const std::vector<BaselineResult>& results) {
  std::ofstream file(path);
  for (const auto& result : results) {
    nlohmann::json entry{{"type", "baseline"}, {"baseline", result.name}, {"time", result.seconds}};
    const auto add = [&](const std::string& prefix, const Ranking& ranking) {
      for (const AtK& at : ranking.at) {
        entry[fmt::format("{}hr@{}", prefix, at.k)] = at.hit_rate;
        entry[fmt::format("{}ndcg@{}", prefix, at.k)] = at.ndcg;
      }
      entry[prefix + "mrr"] = ranking.mrr;
    };
    add("", result.sampled);
    add("full_", result.full);
    file << entry.dump() << '\n';
  }
  file.close();
  require(file.good(), "--log_path {}: cannot write this file", path.string());
}

int baseline(const Arguments& arguments, const Communicator& communicator) {
  BaselineOptions o;
  std::optional<Dataset> dataset;
  communicator.together([&] {
    read_options(o, "baseline", arguments);
    dataset = Dataset::open(o.data);
  });
  Context<Cpu> context(o.threads > 0 ? o.threads : threads_for_rank(communicator));
  const auto results =
      evaluate_baselines(context, communicator, *dataset, o.neighbours, every_k(o.topk, o.topk_list));
  communicator.together([&] {
    if (!communicator.is_root()) return;
    print(results);
    if (!o.log_path.empty()) write_log(o.log_path, results);
  });
  return exit_status::success;
}

}  // namespace

extern const Command baseline_command{
    "baseline",
    "what popularity and item-kNN are worth on a data set",
    "--data DIR [options]",
    "Ranks the held-out item of every user by popularity (the number of users who have an item in training) "
    "and by item-kNN (cosine similarity to the user's items), as training evaluates its models: a model that "
    "does not beat these has learned nothing of use. Computes on CPUs; ranks share the users.\n"
    "\n"
    "  neumf baseline --data data/ml-1m --topk_list 5 20\n",
    option_texts<BaselineOptions>,
    baseline};

}  // namespace neumf::program
