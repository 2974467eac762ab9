// data_bench: preprocessing a ratings file, through the program, and loading the result.
//
// Works on synthetic data sets of the sizes of MovieLens, made when a benchmark first needs them in a
// temporary directory (TMPDIR), by the neumf-preprocess beside this program. Files are in the page cache.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <fmt/os.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "neumf/core/error.hpp"
#include "neumf/data/dataset.hpp"

namespace {

namespace fs = std::filesystem;
using namespace neumf;

class WorkDirectory {
 public:
  WorkDirectory() {
    std::string name = (fs::temp_directory_path() / "neumf-data-bench-XXXXXX").string();
    require(mkdtemp(name.data()) != nullptr, "{}: cannot make a directory", name);
    path_ = name;
  }
  ~WorkDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void preprocess(const std::string& arguments) {
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path() / "neumf-preprocess";
  const std::string command = fmt::format("'{}' {} >/dev/null", program.string(), arguments);
  require(std::system(command.c_str()) == 0, "failed: {}", command);
}

// The synthetic data set, in the given number of shards.
fs::path dataset(const WorkDirectory& work, const std::string& name, int shards) {
  const fs::path directory = work.path() / fmt::format("{}-{}", name, shards);
  if (!fs::exists(directory))
    preprocess(fmt::format("--synthetic {} --output '{}' --shards {}", name, directory.string(), shards));
  return directory;
}

// Its interactions as a ratings file, user by user, times ascending.
fs::path ratings_file(const WorkDirectory& work, const std::string& name) {
  const fs::path path = work.path() / (name + ".csv");
  if (fs::exists(path)) return path;
  const Shard shard = [&] {
    const Dataset data = Dataset::open(dataset(work, name, 1));
    return data.load({0, data.users()});
  }();
  auto out = fmt::output_file(path.string());
  out.print("user_id,item_id,timestamp\n");
  std::uint64_t time = 1000000000;
  for (std::uint64_t user = 0; user < shard.users.size(); ++user) {
    for (std::uint64_t i = shard.offsets[user]; i < shard.offsets[user + 1]; ++i)
      out.print("{},{},{}\n", user + 1, shard.items[i] + 1, ++time);
    out.print("{},{},{}\n", user + 1, shard.test.items[user] + 1, ++time);
  }
  return path;
}

void set_rates(benchmark::State& state, double items, double bytes) {
  const auto count = static_cast<double>(state.iterations());
  state.SetItemsProcessed(static_cast<std::int64_t>(items * count));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes * count));
}

// All ranks' work by one process: opens the data set and reads every user. Bytes are those of the files.
void load(benchmark::State& state, const WorkDirectory& work, const std::string& name, int shards) {
  const fs::path directory = dataset(work, name, shards);
  double bytes = 0, positives = 0;
  for (const auto& entry : fs::directory_iterator(directory))
    if (entry.is_regular_file()) bytes += static_cast<double>(entry.file_size());
  for (auto _ : state) {
    const Dataset data = Dataset::open(directory);
    const Shard shard = data.load({0, data.users()});
    positives = static_cast<double>(shard.items.size());
    benchmark::DoNotOptimize(shard.items.data());
  }
  set_rates(state, positives, bytes);
}

// Items are rows of the ratings file, bytes are its size.
void preprocess_csv(benchmark::State& state, const WorkDirectory& work, const std::string& name) {
  const fs::path input = ratings_file(work, name);
  const fs::path output = work.path() / "preprocessed";
  for (auto _ : state)
    preprocess(fmt::format("--input '{}' --output '{}' --overwrite", input.string(), output.string()));
  const Dataset data = Dataset::open(output);
  set_rates(state, static_cast<double>(data.positives() + data.users()),
            static_cast<double>(fs::file_size(input)));
}

void register_all(const WorkDirectory& work) {
  const auto add = [](const std::string& name, auto body) {
    benchmark::RegisterBenchmark(name.c_str(),
                                 [body](benchmark::State& state) {
                                   try {
                                     body(state);
                                   } catch (const std::exception& error) {
                                     state.SkipWithError(error.what());
                                   }
                                 })
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  };
  for (const std::string name : {"ml-1m", "ml-20m"}) {
    // Many shards cost no more than opening their files: rows are checked once, however many there are.
    for (const int shards : {1, 4, 256})
      add(fmt::format("load/{}/shards:{}", name, shards),
          [&work, name, shards](auto& state) { load(state, work, name, shards); });
    add("preprocess_csv/" + name, [&work, name](auto& state) { preprocess_csv(state, work, name); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const WorkDirectory work;
  register_all(work);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
