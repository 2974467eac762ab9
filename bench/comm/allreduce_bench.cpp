// allreduce_bench: how long the gradient exchange takes, by size, through the same code as in training.
//
//   mpirun -n 4 build/bin/allreduce_bench                        through MPI, or NCCL where every rank has a
//   GPU mpirun -n 4 build/bin/allreduce_bench --max_bytes 1073741824 --log_path allreduce.json
//
// The columns are those of nccl-tests. algbw is bytes over time; busbw is algbw * 2 (n - 1) / n, what a link
// carries if every byte crosses the network as rarely as possible, so that it can be compared between numbers
// of ranks. The error is the largest difference of a sum of known integers from the truth: anything but zero
// is wrong. The last line fits time = latency + bytes / bandwidth to all rows alike, see fit.hpp.
//
// Successive exchanges take successive parts of a buffer of --max_bytes: gradients, too, come from memory and
// not from a cache that the exchange before has filled.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "fit.hpp"
#include "neumf/comm/communicator.hpp"
#include "neumf/comm/gradient_reducer.hpp"
#include "neumf/config/option_table.hpp"
#include "neumf/config/options.hpp"
#include "neumf/core/context.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/core/version.hpp"
#ifdef NEUMF_WITH_CUDA
#include "neumf/comm/cuda_device.hpp"
#endif

namespace {

using namespace neumf;
using Clock = std::chrono::steady_clock;

struct Settings {
  std::uint64_t min_bytes = 4, max_bytes = std::uint64_t{128} << 20;
  double factor = 4;
  int rounds = 7;
  double round_seconds = 0.02;  // exchanges of one size are repeated for about this long, then timed together
  DeviceChoice device = DeviceChoice::automatic;
  std::string log_path;
};

struct Row {
  std::uint64_t bytes = 0;
  int exchanges = 0;   // per round
  double seconds = 0;  // of one exchange on the slowest rank, the median of the rounds
  double error = 0;
};

template <class Device>
class Bench {
 public:
  Bench(Context<Device>& context, const Communicator& communicator, const Settings& settings)
      : context_(context),
        communicator_(communicator),
        settings_(settings),
        reducer_(make_gradient_reducer(context, communicator)),
        data_(static_cast<std::int64_t>(settings.max_bytes / sizeof(float))) {
    fill(data_.span(), [](std::size_t) { return 0.0f; });
  }

  std::string reducer() const { return reducer_->name(); }

  Row measure(std::uint64_t bytes) {
    const std::span<float> data = data_.span().first(bytes / sizeof(float));
    Row row;
    row.bytes = data.size_bytes();
    row.error = check(data);  // also warms up
    fill(data, [](std::size_t) { return 0.0f; });
    const double once = communicator_.max(time(data.size(), 1));
    row.exchanges = static_cast<int>(std::clamp(settings_.round_seconds / once, 1.0, 10000.0));
    std::vector<double> rounds;
    for (int i = 0; i < settings_.rounds; ++i)
      rounds.push_back(communicator_.max(time(data.size(), row.exchanges)) / row.exchanges);
    std::sort(rounds.begin(), rounds.end());
    row.seconds = rounds[rounds.size() / 2];
    return row;
  }

 private:
  template <class Value>
  void fill(std::span<float> data, const Value& value) {
    std::vector<float> host(data.size());
    for (std::size_t i = 0; i < host.size(); ++i) host[i] = value(i);
    upload(context_, std::span<const float>(host), data.data());
  }

  // Integers whose sums are exact in fp32.
  double check(std::span<float> data) {
    const int ranks = communicator_.size();
    const auto part = [](std::size_t i, int rank) {
      return static_cast<float>(i % 251) + static_cast<float>(rank);
    };
    fill(data, [&](std::size_t i) { return part(i, communicator_.rank()); });
    exchange(data);
    context_.synchronize();
    std::vector<float> sums(data.size());
    download(context_, data.data(), std::span<float>(sums));
    double error = 0;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      double expected = 0;
      for (int rank = 0; rank < ranks; ++rank) expected += part(i, rank);
      const double difference = std::fabs(static_cast<double>(sums[i]) - expected);
      if (!(difference <= error)) error = difference;  // NaN as well
    }
    return communicator_.max(error);
  }

  void exchange(std::span<float> data) {
    reducer_->start(context_, data);
    reducer_->finish(context_);
  }

  double time(std::size_t floats, int exchanges) {
    communicator_.barrier();
    const auto start = Clock::now();
    for (int i = 0; i < exchanges; ++i) {
      if (next_ + floats > data_.span().size()) next_ = 0;
      exchange(data_.span().subspan(next_, floats));
      next_ += floats;
    }
    context_.synchronize();
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

  Context<Device>& context_;
  const Communicator& communicator_;
  const Settings& settings_;
  std::unique_ptr<GradientReducer<Device>> reducer_;
  Tensor<float, Device> data_;
  std::size_t next_ = 0;  // where the next timed exchange begins
};

template <class Device>
void run(Context<Device>& context, const Communicator& communicator, const Settings& settings) {
  Bench<Device> bench(context, communicator, settings);
  const int ranks = communicator.size();
  const int nodes = communicator.sum<std::int32_t>(communicator.node_rank() == 0);
  const bool root = communicator.is_root();
  std::ofstream log;
  communicator.together([&] {
    if (!root || settings.log_path.empty()) return;
    log.open(settings.log_path, std::ios::trunc);
    require(log.good(), "--log_path {}: cannot write this file", settings.log_path);
  });
  if (root) {
    fmt::print("{} ranks on {} node{}, {}, through {}\n\n", ranks, nodes, nodes == 1 ? "" : "s",
               context.description(), bench.reducer());
    fmt::print("{:>12}  {:>12}  {:>10}  {:>10}  {:>11}  {:>11}  {:>6}\n", "bytes", "floats", "exchanges",
               "time us", "algbw GB/s", "busbw GB/s", "error");
  }
  std::vector<Row> rows;
  for (auto bytes = static_cast<double>(settings.min_bytes); bytes <= static_cast<double>(settings.max_bytes);
       bytes *= settings.factor) {
    const Row row = bench.measure(static_cast<std::uint64_t>(bytes) / sizeof(float) * sizeof(float));
    rows.push_back(row);
    if (!root) continue;
    const double algorithm = static_cast<double>(row.bytes) / row.seconds,
                 bus = algorithm * 2 * (ranks - 1) / ranks;
    fmt::print("{:>12}  {:>12}  {:>10}  {:>10.2f}  {:>11.3f}  {:>11.3f}  {:>6g}\n", row.bytes,
               row.bytes / sizeof(float), row.exchanges, 1e6 * row.seconds, algorithm / 1e9, bus / 1e9,
               row.error);
    std::fflush(stdout);
    if (log.is_open())
      log << nlohmann::json{{"type", "allreduce"},        {"ranks", ranks},     {"nodes", nodes},
                            {"reducer", bench.reducer()}, {"bytes", row.bytes}, {"seconds", row.seconds},
                            {"algbw", algorithm},         {"busbw", bus},       {"error", row.error}}
                 .dump()
          << "\n";
  }
  if (root) {
    std::vector<bench::Point> points;
    for (const Row& row : rows) points.push_back({static_cast<double>(row.bytes), row.seconds});
    const auto fit = bench::fit_line(points);
    fmt::print("\nfit: {:.2f} us + bytes / {:.3f} GB/s, at most {:.0f} % off\n", 1e6 * fit.latency,
               fit.bandwidth / 1e9, 100 * fit.largest_error);
    if (log.is_open())
      log << nlohmann::json{{"type", "fit"},
                            {"ranks", ranks},
                            {"nodes", nodes},
                            {"reducer", bench.reducer()},
                            {"latency", fit.latency},
                            {"bandwidth", fit.bandwidth},
                            {"error", fit.largest_error}}
                 .dump()
          << "\n";
  }
  communicator.together([&] {
    if (log.is_open()) {
      log.close();
      require(log.good(), "--log_path {}: cannot write; is the disk full?", settings.log_path);
    }
    for (const Row& row : rows)
      require(row.error == 0, "an exchange of {} bytes gave wrong sums, off by up to {}", row.bytes,
              row.error);
  });
}

// False if only the help was asked for.
bool parse(int argc, char** argv, Settings& s, const Communicator& communicator) {
  OptionTable table("allreduce_bench");
  // clang-format off
  table.add("min_bytes", s.min_bytes, "smallest size", {.range = at_least(sizeof(float))});
  table.add("max_bytes", s.max_bytes, "largest size", {.range = at_least(sizeof(float))});
  table.add("factor", s.factor, "from one size to the next", {.range = above(1)});
  table.add("rounds", s.rounds, "per size; the median is reported", {.range = at_least(1)});
  table.add("device", s.device, "auto, cpu or cuda");
  table.add("log_path", s.log_path, "file for JSON lines of the results");
  // clang-format on
  table.add_common();
  table.check([&s] {
    require(s.max_bytes >= s.min_bytes, "--max_bytes {}: must be at least --min_bytes {}", s.max_bytes,
            s.min_bytes);
  });
  table.read({argv + 1, argv + argc});
  if (!table.given("help")) return true;
  if (communicator.is_root())
    fmt::print("allreduce_bench: time of the gradient exchange, by size\n\n{}",
               format_options(table.texts()));
  return false;
}

void choose_device(const Settings& settings, const Communicator& communicator) {
#ifdef NEUMF_WITH_CUDA
  const bool all_see_gpus =
      communicator.sum<std::int32_t>(Context<Cuda>::device_count() > 0) == communicator.size();
  if (settings.device == DeviceChoice::cuda || (settings.device == DeviceChoice::automatic && all_see_gpus)) {
    std::unique_ptr<Context<Cuda>> context;
    communicator.together([&] { context = std::make_unique<Context<Cuda>>(cuda_device_for(communicator)); });
    return run(*context, communicator, settings);
  }
#else
  communicator.together([&] {
    require(settings.device != DeviceChoice::cuda,
            "--device cuda: this build has no GPU support; use --device cpu");
  });
#endif
  Context<Cpu> context(1);
  run(context, communicator, settings);
}

}  // namespace

int main(int argc, char** argv) {
  const MpiSession session(argc, argv);
  const Communicator communicator = Communicator::world();
  try {
    Settings settings;
    bool wanted = false;
    communicator.together([&] { wanted = parse(argc, argv, settings, communicator); });
    if (wanted) choose_device(settings, communicator);
    return 0;
  } catch (const std::exception& error) {
    if (communicator.is_root()) fmt::print(stderr, "allreduce_bench: error: {}\n", error.what());
    return 1;
  }
}
