// neumf baseline
#include "neumf/evaluate/baselines.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

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
  BaselineSpec spec;
  std::vector<int> topk_list;

  void declare(OptionTable& table) {
    // clang-format off
    table.section("What to evaluate");
    table.add("data", data, "directory of the preprocessed data set", {.required = "name the directory that neumf-preprocess wrote"});
    table.add("topk,k", topk, "K of HR@K and NDCG@K", {.range = at_least(1)});
    table.add("topk_list", topk_list, "further K to report", {.range = at_least(1), .value = "K ..."});
    table.add("methods", spec.methods, "popularity, item-knn, als, ease, or several: als,ease; all of them, unless given", {.value = "METHODS"});
    table.section("Methods");
    table.add("neighbours", spec.neighbours, "similar items per item, of item-kNN", {.range = at_least(1).at_most(2147483647)});
    table.add("als_factors", spec.als.factors, "width of ALS' vectors", {.range = at_least(1).at_most(4096)});
    table.add("als_alpha", spec.als.alpha, "confidence of ALS in an interaction, beyond that of its absence", {.range = above(0)});
    table.add("als_regularisation", spec.als.regularisation, "L2 on ALS' vectors", {.range = above(0)});
    table.add("als_regularisation_power", spec.als.regularisation_power, "a vector's L2 is also times this power of the confidence in all its pairs; 0: all alike", {.range = at_least(0).at_most(10)});
    table.add("als_iterations", spec.als.iterations, "each moves all users and then all items", {.range = at_least(1)});
    table.add("ease_regularisation", spec.ease_regularisation, "L2 on EASE's weights", {.range = above(0)});
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
    bool first = true;
    for (const auto& result : results) {
      if (!result.refused.empty()) continue;
      if (std::exchange(first, false)) {
        fmt::print("{}\n{:<12}", label, "");
        for (const AtK& at : (result.*ranking).at)
          fmt::print("  {:>8}  {:>8}", fmt::format("HR@{}", at.k), fmt::format("NDCG@{}", at.k));
        fmt::print("  {:>8}\n", "MRR");
      }
      fmt::print("  {:<10}", result.name);
      for (const AtK& at : (result.*ranking).at) fmt::print("  {:>8.4f}  {:>8.4f}", at.hit_rate, at.ndcg);
      fmt::print("  {:>8.4f}\n", (result.*ranking).mrr);
    }
  }
  for (const auto& result : results)
    if (result.refused.empty())
      fmt::print("{}: {}; {:.1f} s\n", result.name, result.description, result.seconds);
    else
      fmt::print("{}: left out: {}\n", result.name, result.refused);
}

void write_log(const std::filesystem::path& path, const std::vector<BaselineResult>& results) {
  std::ofstream file(path);
  for (const auto& result : results) {
    if (!result.refused.empty()) continue;
    nlohmann::json entry{{"type", "baseline"},
                         {"baseline", result.name},
                         {"time", result.seconds},
                         {"description", result.description}};
    const auto add = [&](const std::string& prefix, const Ranking& ranking) {
      for (const AtK& at : ranking.at)
        for (const AtKMetric& metric : at_k_metrics)
          entry[fmt::format("{}{}@{}", prefix, metric.name, at.k)] = at.*metric.value;
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
      evaluate_baselines(context, communicator, *dataset, o.spec, every_k(o.topk, o.topk_list));
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
    "what popularity, item-kNN, ALS and EASE are worth on a data set",
    "--data DIR [options]",
    "Ranks the held-out item of every user as training evaluates its models, by simpler methods: popularity "
    "(the number of users who have an item in training), item-kNN (cosine similarity to those of the user's "
    "items that are among the candidate's neighbours), ALS (matrix factorisation of implicit feedback) and "
    "EASE (a linear model of items from items, which needs memory for the catalogue's square). A model that "
    "does not beat popularity has learned nothing of use. Computes on CPUs; ranks share the users, and one "
    "of them solves for EASE.\n"
    "\n"
    "  neumf baseline --data data/ml-1m --topk_list 5 20\n"
    "  neumf baseline --data data/ml-1m --methods als --als_factors 128\n",
    option_texts<BaselineOptions>,
    baseline};

}  // namespace neumf::program
