// neumf benchmark
#include <boost/program_options.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "command.hpp"
#include "machine_options.hpp"
#include "neumf/config/command_line.hpp"
#include "neumf/core/error.hpp"
#include "neumf/serve/latency.hpp"
#include "neumf/serve/served_model.hpp"

namespace po = boost::program_options;

namespace neumf::program {
namespace {

struct BenchmarkOptions {
  std::string checkpoint, projection = "per_item", log_path;
  ModelShape shape{.users = 138493, .items = 26744};
  std::vector<std::int64_t> batch_sizes{1, 1024, 4096, 16384, 65536, 262144, 1048576};
  std::vector<std::string> precisions{"fp32", "fp16", "bf16"};
  serve::LatencySettings settings;
  bool json = false;
  MachineOptions machine;

  po::options_description describe() {
    const auto path = [](std::string& target) { return po::value(&target)->value_name("PATH"); };
    po::options_description model("Model"), measurement("Measurement"), output("Output"), all;
    // clang-format off
    model.add_options()
      ("load_checkpoint_path", path(checkpoint), "checkpoint to measure; without it a model with random weights")
      ("n_users", po::value(&shape.users)->default_value(shape.users), "users of the random model")
      ("n_items", po::value(&shape.items)->default_value(shape.items), "items of the random model")
      ("factors,f", po::value(&shape.factors)->default_value(shape.factors), "width of its GMF embeddings")
      ("layers", po::value(&shape.layers)->multitoken()->value_name("SIZES (=256 256 128 64)"), "sizes of its MLP");
    measurement.add_options()
      ("batch_sizes", po::value(&batch_sizes)->multitoken()->value_name("SIZES (=1 1024 4096 16384 65536 262144 1048576)"),
       "pairs per batch")
      ("num_batches", po::value(&settings.batches)->default_value(settings.batches), "measured batches of each size")
      ("seconds", po::value(&settings.seconds)->default_value(settings.seconds), "at most this long for each size, but five batches")
      ("precision", po::value(&precisions)->multitoken()->value_name("LIST (=fp32 fp16 bf16)"), "any of fp32, tf32, fp16, bf16")
      ("projection", po::value(&projection)->default_value(projection),
       "per_item: the items' half of the first layer is computed at start-up; per_sample: for each pair");
    output.add_options()
      ("json", po::bool_switch(&json), "a JSON array on standard output instead of the table")
      ("log_path", path(log_path), "file for the JSON array");
    // clang-format on
    all.add(model).add(measurement).add(output).add(machine.describe(false)).add(common_options());
    return all;
  }

  void check() {
    shape.validate();
    require(shape.users >= 1 && shape.items >= 1, "--n_users {} --n_items {}: at least 1 is needed",
            shape.users, shape.items);
    for (const auto size : batch_sizes) require(size >= 1, "--batch_sizes {}: must be at least 1", size);
    require(settings.batches >= 1, "--num_batches {}: at least 1 is needed", settings.batches);
    require(projection == "per_item" || projection == "per_sample",
            "--projection {}: must be per_item or per_sample", projection);
    settings.projection = projection == "per_item" ? ItemProjection::per_item : ItemProjection::per_sample;
    for (const auto& precision : precisions) parse_precision(precision);
    machine.choice();
  }
};

po::options_description options() {
  return BenchmarkOptions().describe();
}

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

void write_log(const std::string& path, const nlohmann::ordered_json& results) {
  std::ofstream file(path);
  file << results.dump(1) << "\n";
  file.close();
  require(file.good(), "--log_path {}: cannot write this file", path);
}

int benchmark(const Arguments& arguments, const Communicator& communicator) {
  BenchmarkOptions o;
  communicator.together([&] {
    read_command_line(arguments, o.describe(), "neumf benchmark");
    o.check();
    require(communicator.size() == 1, "neumf benchmark measures one rank: start it without mpirun");
  });
  auto results = nlohmann::ordered_json::array();
  if (!o.json) print_header();
  for (const auto& precision : o.precisions) {
    auto choice = o.machine.choice();
    choice.precision = parse_precision(precision);
    on_device(choice, communicator, [&]<class Device, class T>(Context<Device>& context) {
      communicator.together([&] {
        Model<Device, T> model(context, o);
        for (const std::int64_t size : o.batch_sizes) {
          const auto result = serve::measure_latency<Device, T>(context, model.parameters(), model.shape(o),
                                                                o.settings, size);
          // tf32 is stored as fp32.
          if (!o.json) print_row(Device::name, precision.c_str(), result);
          results.push_back(to_json(Device::name, precision.c_str(), result));
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
                                       options,
                                       benchmark};

}  // namespace neumf::program
