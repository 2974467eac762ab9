// neumf benchmark
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "command.hpp"
#include "common_options.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/processor.hpp"
#include "neumf/serve/latency.hpp"
#include "neumf/serve/served_model.hpp"

namespace neumf::program {
namespace {

struct BenchmarkOptions {
  std::filesystem::path checkpoint, log_path;
  ModelShape shape{.users = 138493, .items = 26744};
  std::vector<std::int64_t> batch_sizes{1, 1024, 4096, 16384, 65536, 262144, 1048576};
  std::vector<Precision> precisions{Precision::fp32, Precision::fp16, Precision::bf16};
  serve::LatencySettings settings;
  bool json = false;
  MachineChoice machine;

  void declare(OptionTable& table) {
    // clang-format off
    table.section("Model");
    table.add("load_checkpoint_path", checkpoint, "checkpoint to measure; without it a model with random weights");
    table.add("n_users", shape.users, "users of the random model", {.range = at_least(1).at_most(4294967295)});
    table.add("n_items", shape.items, "items of the random model", {.range = at_least(1).at_most(4294967295)});
    table.add("factors,f", shape.factors, "width of its GMF embeddings");
    table.add("layers", shape.layers, "sizes of its MLP", {.value = "SIZES"});
    table.section("Measurement");
    table.add("batch_sizes", batch_sizes, "pairs per batch", {.range = at_least(1).at_most(2147483647), .value = "SIZES"});
    table.add("num_batches", settings.batches, "measured batches of each size", {.range = at_least(1)});
    table.add("seconds", settings.seconds, "at most this long for each size, but five batches", {.range = at_least(0)});
    table.add("precision", precisions, "any of fp32, tf32, fp16, bf16", {.value = "LIST"});
    table.add("projection", settings.projection, "per_item: the items' half of the first layer is computed at start-up; per_sample: for each pair");
    table.section("Output");
    table.add("json", json, "a JSON array on standard output instead of the table");
    table.add("log_path", log_path, "file for the JSON array");
    // clang-format on
    declare_machine(table, machine, false);
    table.check([this] { shape.validate(); });
  }
};

void print_header() {
  fmt::print("{:<6}  {:<5}  {:>9}  {:>7}  {:>12}  {:>10}  {:>10}  {:>10}  {:>10}\n", "device", "type",
             "batch", "batches", "pairs/s", "mean ms", "p90 ms", "p95 ms", "p99 ms");
}

void print_row(const char* device, const char* type, const serve::LatencyResult& r) {
  fmt::print("{:<6}  {:<5}  {:>9}  {:>7}  {:>12.4g}  {:>10.4f}  {:>10.4f}  {:>10.4f}  {:>10.4f}\n", device,
             type, r.batch_size, r.batches, r.throughput, 1e3 * r.mean, 1e3 * r.p90, 1e3 * r.p95,
             1e3 * r.p99);
  std::fflush(stdout);
}

// The reference's keys.
nlohmann::ordered_json to_json(const char* device, const char* type, const serve::LatencyResult& r) {
  const auto key = [&](const char* name) { return fmt::format("batch_{}_{}", r.batch_size, name); };
  return {{"device", device},
          {"precision", type},
          {"kernels", kernels_name()},
          {"batch_size", r.batch_size},
          {"batches", r.batches},
          {key("mean_throughput"), r.throughput},
          {key("mean_latency"), r.mean},
          {key("p90_latency"), r.p90},
          {key("p95_latency"), r.p95},
          {key("p99_latency"), r.p99}};
}

// A model to measure: the checkpoint's, with all its users, or a random one.
template <class Device, class T>
class Model {
 public:
  Model(Context<Device>& context, const BenchmarkOptions& o) {
    if (o.checkpoint.empty()) {
      random_.emplace(context, o.shape, o.shape.users, ParameterUse::inference);
      random_->initialise(context, 1, 0);
      return;
    }
    checkpoint_.emplace(o.checkpoint);
    trained_.emplace(context, *checkpoint_, checkpoint_->shape().users);
    std::vector<std::uint32_t> users(static_cast<std::size_t>(checkpoint_->shape().users));
    std::iota(users.begin(), users.end(), 0u);
    trained_->load_users(context, users);
  }
  const ModelShape& shape(const BenchmarkOptions& o) const {
    return checkpoint_ ? checkpoint_->shape() : o.shape;
  }
  Parameters<Device, T>& parameters() { return random_ ? *random_ : trained_->parameters(); }

 private:
  std::optional<Parameters<Device, T>> random_;
  std::optional<CheckpointReader> checkpoint_;
  std::optional<serve::ServedModel<Device, T>> trained_;
};

void write_log(const std::filesystem::path& path, const nlohmann::ordered_json& results) {
  std::ofstream file(path);
  file << results.dump(1) << "\n";
  file.close();
  require(file.good(), "--log_path {}: cannot write this file", path.string());
}

int benchmark(const Arguments& arguments, const Communicator& communicator) {
  BenchmarkOptions o;
  communicator.together([&] {
    read_options(o, "benchmark", arguments);
    require(communicator.size() == 1, "neumf benchmark measures one rank: start it without mpirun");
  });
  auto results = nlohmann::ordered_json::array();
  if (!o.json) print_header();
  for (const Precision precision : o.precisions) {
    auto choice = o.machine;
    choice.precision = precision;
    on_device(choice, communicator, [&]<class Device, class T>(Context<Device>& context) {
      communicator.together([&] {
        Model<Device, T> model(context, o);
        for (const std::int64_t size : o.batch_sizes) {
          const auto result = serve::measure_latency<Device, T>(context, model.parameters(), model.shape(o),
                                                                o.settings, size);
          // tf32 is stored as fp32.
          if (!o.json) print_row(Device::name, name_of(precision), result);
          results.push_back(to_json(Device::name, name_of(precision), result));
        }
      });
    });
  }
  if (o.json) fmt::print("{}\n", results.dump(1));
  if (!o.log_path.empty()) communicator.together([&] { write_log(o.log_path, results); });
  return EXIT_SUCCESS;
}

}  // namespace

extern const Command benchmark_command{"benchmark",
                                       "throughput and latency of scoring, by batch size",
                                       "[--load_checkpoint_path FILE] [options]",
                                       "Scores batches of random (user, item) pairs, as the reference's "
                                       "inference benchmark does: mean throughput, mean "
                                       "latency and its 90th, 95th and 99th percentile. Without a checkpoint "
                                       "the model has random weights and the size "
                                       "of MovieLens 20M.",
                                       option_texts<BenchmarkOptions>,
                                       benchmark};

}  // namespace neumf::program
