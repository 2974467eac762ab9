#include "neumf/report/reporter.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "neumf/core/error.hpp"
#include "neumf/core/with_commas.hpp"
#include "temporary_directory.hpp"

namespace neumf {
namespace {

TEST(Reporter, FormatsNumbersForPeople) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(1048576), "1,048,576");
  EXPECT_EQ(with_prefix(312), "312");
  EXPECT_EQ(with_prefix(31415), "31.4 k");
  EXPECT_EQ(with_prefix(1.274e6), "1.27 M");
  EXPECT_EQ(with_prefix(999.9e3), "1.00 M");
}

TEST(Reporter, LogsTheReferencesKeysAndTheOptions) {
  test::TemporaryDirectory dir;
  Options options;
  options.data = "somewhere";
  options.log_path = dir / "sub/log.json";
  options.progress = Progress::never;
  {
    Reporter reporter(options, true);
    RunFacts facts;
    facts.ranks = 4;
    facts.batch_size = 512;
    facts.kernels = "x86-64-v3";
    reporter.start({{"data set", "toy"}}, facts);
    std::vector<EpochReport> epochs(2);
    epochs[0] = {1, 0.5, 0.4, 0.6, 0.3, 2.0, 0.5, 100, 200, 2.5, true};
    epochs[1] = {2, 0.4, 0.3, 0.55, 0.2, 4.0, 0.5, 50, 100, 7.0, false};
    epochs[1].bytes_per_update = 4096;
    epochs[1].phases.emplace();
    epochs[1].phases->most[static_cast<std::size_t>(Phase::allreduce)] = 0.75;
    for (const auto& epoch : epochs) reporter.epoch(epoch);
    reporter.summary(epochs, false);
  }
  std::ifstream log(options.log_path);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(log, line);) lines.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0]["type"], "start");
  EXPECT_EQ(lines[0]["run"]["ranks"], 4);
  EXPECT_EQ(lines[0]["run"]["batch_size"], 512);
  EXPECT_EQ(lines[0]["run"]["kernels"], "x86-64-v3");
  EXPECT_FALSE(lines[1].contains("phases"));
  EXPECT_EQ(lines[2]["bytes_per_update"], 4096);
  EXPECT_EQ(lines[2]["phases"]["allreduce"]["max"], 0.75);
  for (const char* key : {"train_throughput", "eval_throughput", "hr@10", "ndcg@10", "train_epoch_time",
                          "validation_epoch_time", "validation_loss", "train_loss"})
    EXPECT_TRUE(lines[1].contains(key)) << key;
  EXPECT_EQ(lines[1]["hr@10"], 0.6);
  EXPECT_EQ(lines[2]["train_epoch_time"], 4.0);
  const auto& summary = lines[3];
  EXPECT_EQ(summary["best_train_throughput"], 100);
  EXPECT_EQ(summary["mean_train_throughput"], 75);
  EXPECT_EQ(summary["best_eval_throughput"], 200);
  EXPECT_EQ(summary["mean_eval_throughput"], 150);
  EXPECT_EQ(summary["best_accuracy"], 0.6);
  EXPECT_EQ(summary["best_epoch"], 1);
  EXPECT_EQ(summary["time_to_best_model"], 2.5);
  EXPECT_TRUE(summary["time_to_target"].is_null());
  EXPECT_EQ(summary["selected_on"], "test");
  EXPECT_TRUE(std::filesystem::exists(dir / "sub/log.ini"));
}

std::vector<nlohmann::json> lines_of(const std::filesystem::path& path) {
  std::ifstream log(path);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(log, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

TEST(Reporter, LogsNotesAndTheReciprocalRank) {
  test::TemporaryDirectory dir;
  Options options;
  options.log_path = dir / "log.json";
  Reporter reporter(options, true);
  reporter.note("warning: 3 users are missing");
  EpochReport report;
  report.sampled = {{{10, 0.6, 0.3}}, 0.25};
  reporter.evaluation(report);
  const auto lines = lines_of(dir / "log.json");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["type"], "note");
  EXPECT_EQ(lines[0]["text"], "warning: 3 users are missing");
  EXPECT_EQ(lines[1]["mrr"], 0.25);
}

TEST(Reporter, NamesTheValidationThatChoseAndTheTest) {
  test::TemporaryDirectory dir;
  Options options;
  options.log_path = dir / "log.json";
  options.progress = Progress::never;
  EpochReport epoch, tested;
  epoch.epoch = tested.epoch = 1;
  epoch.part = HeldOutPart::validation;
  epoch.hit_rate = 0.7;
  epoch.sampled = {{{10, 0.7, 0.4}}, 0.3};
  tested.hit_rate = 0.6;
  tested.several = true;
  tested.sampled = {{{10, 0.6, 0.35, 0.2, 0.1, 0.05}}, 0.25};
  {
    Reporter reporter(options, true);
    reporter.epoch(epoch);
    reporter.summary({epoch}, false, &tested);
  }
  const auto lines = lines_of(dir / "log.json");
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0]["evaluated_on"], "validation");
  EXPECT_FALSE(lines[0].contains("recall@10"));
  EXPECT_FALSE(lines[1].contains("evaluated_on"));
  const nlohmann::json test = {
      {"type", "test"}, {"hr@10", 0.6}, {"recall@10", 0.2}, {"precision@10", 0.1}, {"map@10", 0.05}};
  for (const auto& [name, value] : test.items()) EXPECT_EQ(lines[1][name], value) << name;
  const nlohmann::json summary = {{"selected_on", "validation"},
                                  {"hr@10", 0.7},
                                  {"best_accuracy", 0.7},
                                  {"test_hr@10", 0.6},
                                  {"test_mrr", 0.25}};
  for (const auto& [name, value] : summary.items()) EXPECT_EQ(lines[2][name], value) << name;
}

TEST(Reporter, KeepsTheLogOfAnEarlierRun) {
  test::TemporaryDirectory dir;
  Options options;
  options.log_path = dir / "log.json";
  { Reporter(options, true).note("nothing of value"); }
  EpochReport report;
  report.epoch = 1;
  { Reporter(options, true).epoch(report); }
  report.epoch = 2;
  { Reporter(options, true).epoch(report); }
  EXPECT_EQ(lines_of(dir / "log.json").size(), 1u);
  ASSERT_EQ(lines_of(dir / "log.json.previous").size(), 1u);
  EXPECT_EQ(lines_of(dir / "log.json.previous").front()["epoch"], 1);
  options.resume = true;
  { Reporter(options, true).epoch(report); }
  EXPECT_EQ(lines_of(dir / "log.json").size(), 2u);
  options.resume = false;
  options.overwrite = true;
  { Reporter(options, true).epoch(report); }
  EXPECT_EQ(lines_of(dir / "log.json").size(), 1u);
}

TEST(FileLock, IsHeldByOneAtATime) {
  test::TemporaryDirectory dir;
  FileLock lock(dir / "file", 0, "taken");
  EXPECT_THAT([&] { FileLock(dir / "file", 0, "taken"); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("file: taken")));
  lock = FileLock();
  EXPECT_NO_THROW(FileLock(dir / "file", 0, "taken"));
}

TEST(Reporter, RefusesALogThatItCannotWrite) {
  Options options;
  options.log_path = "/proc/no/log.json";
  EXPECT_THROW(Reporter(options, true), Error);
  EXPECT_NO_THROW(Reporter(options, false));  // only rank 0 writes
}

}  // namespace
}  // namespace neumf
