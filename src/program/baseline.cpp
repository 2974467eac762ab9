// neumf baseline
#include "neumf/evaluate/baselines.hpp"

#include <boost/program_options.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "command.hpp"
#include "machine_options.hpp"
#include "neumf/comm/placement.hpp"
#include "neumf/config/command_line.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/exit_status.hpp"

namespace po = boost::program_options;

namespace neumf::program {
namespace {

struct BaselineOptions {
  std::string data, log_path;
  int topk = 10, neighbours = 50, threads = 0;
  std::vector<int> topk_list;

  po::options_description describe() {
    const auto path = [](std::string& target) { return po::value(&target)->value_name("PATH"); };
    po::options_description what("What to evaluate"), machine("Machine"), output("Output"), all;
    // clang-format off
    what.add_options()
      ("data", path(data), "directory of the preprocessed data set")
      ("topk,k", po::value(&topk)->default_value(topk), "K of HR@K and NDCG@K")
      ("topk_list", po::value(&topk_list)->multitoken()->value_name("K ..."), "further K to report")
      ("neighbours", po::value(&neighbours)->default_value(neighbours), "similar items per item, of item-kNN");
    machine.add_options()
      ("threads", po::value(&threads)->default_value(threads), "CPU threads per rank; 0: the cores that the rank may use");
    output.add_options()
      ("log_path", path(log_path), "file for one JSON object per baseline, with the keys of training's log");
    // clang-format on
    all.add(what).add(machine).add(output).add(common_options());
    return all;
  }

  void check() const {
    require(!data.empty(), "--data is missing: name the directory that neumf-preprocess wrote");
    require(topk >= 1, "--topk {}: at least 1 is needed", topk);
    for (const int k : topk_list) require(k >= 1, "--topk_list {}: at least 1 is needed", k);
    require(neighbours >= 1, "--neighbours {}: at least 1 is needed", neighbours);
    require(threads >= 0, "--threads {}: must be 0 (automatic) or more", threads);
  }
};

po::options_description options() {
  return BaselineOptions().describe();
}

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

void write_log(const std::string& path, const std::vector<BaselineResult>& results) {
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
  require(file.good(), "--log_path {}: cannot write this file", path);
}

int baseline(const Arguments& arguments, const Communicator& communicator) {
  BaselineOptions o;
  std::optional<Dataset> dataset;
  communicator.together([&] {
    read_command_line(arguments, o.describe(), "neumf baseline");
    o.check();
    dataset = Dataset::open(o.data);
  });
  std::vector<int> topk{o.topk};
  for (const int k : o.topk_list)
    if (std::find(topk.begin(), topk.end(), k) == topk.end()) topk.push_back(k);
  Context<Cpu> context(o.threads > 0 ? o.threads : threads_for_rank(communicator));
  const auto results =
      evaluate_baselines(context, communicator, *dataset, static_cast<std::uint32_t>(o.neighbours), topk);
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
    options,
    baseline};

}  // namespace neumf::program
