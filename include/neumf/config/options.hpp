// Everything that training and testing can be told: the fields here, what is said of them as options in
// options.cpp. The names are those of the reference implementation where it has them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "neumf/core/value_names.hpp"
#include "neumf/nn/model_shape.hpp"
#include "neumf/ops/ranking_loss.hpp"
#include "neumf/sampling/sampler.hpp"

namespace neumf {

class OptionTable;

enum class Mode { train, test };
constexpr auto value_names(Mode) {
  return std::to_array<NamedValue<Mode>>({{"train", Mode::train}, {"test", Mode::test}});
}

enum class DeviceChoice { automatic, cuda, cpu };
constexpr auto value_names(DeviceChoice) {
  return std::to_array<NamedValue<DeviceChoice>>(
      {{"auto", DeviceChoice::automatic}, {"cuda", DeviceChoice::cuda}, {"cpu", DeviceChoice::cpu}});
}

enum class Precision { fp32, tf32, fp16, bf16 };
constexpr auto value_names(Precision) {
  return std::to_array<NamedValue<Precision>>({{"fp32", Precision::fp32},
                                               {"tf32", Precision::tf32},
                                               {"fp16", Precision::fp16},
                                               {"bf16", Precision::bf16}});
}

enum class UserEmbeddings { partitioned, replicated };
constexpr auto value_names(UserEmbeddings) {
  return std::to_array<NamedValue<UserEmbeddings>>(
      {{"partitioned", UserEmbeddings::partitioned}, {"replicated", UserEmbeddings::replicated}});
}

enum class ItemEmbeddings { automatic, replicated, sharded };
constexpr auto value_names(ItemEmbeddings) {
  return std::to_array<NamedValue<ItemEmbeddings>>({{"auto", ItemEmbeddings::automatic},
                                                    {"replicated", ItemEmbeddings::replicated},
                                                    {"sharded", ItemEmbeddings::sharded}});
}

enum class Optimizer { adam, sgd };
constexpr auto value_names(Optimizer) {
  return std::to_array<NamedValue<Optimizer>>({{"adam", Optimizer::adam}, {"sgd", Optimizer::sgd}});
}

enum class LearningRateSchedule { constant, linear, cosine, exponential, step };  // train/learning_rate.hpp
constexpr auto value_names(LearningRateSchedule) {
  return std::to_array<NamedValue<LearningRateSchedule>>({{"constant", LearningRateSchedule::constant},
                                                          {"linear", LearningRateSchedule::linear},
                                                          {"cosine", LearningRateSchedule::cosine},
                                                          {"exponential", LearningRateSchedule::exponential},
                                                          {"step", LearningRateSchedule::step}});
}

// All weights: the embeddings of users, those of items, and the MLP with the final layer.
enum class WeightGroup { users, items, mlp };
constexpr auto value_names(WeightGroup) {
  return std::to_array<NamedValue<WeightGroup>>(
      {{"users", WeightGroup::users}, {"items", WeightGroup::items}, {"mlp", WeightGroup::mlp}});
}

enum class Evaluation { sampled, full };
constexpr auto value_names(Evaluation) {
  return std::to_array<NamedValue<Evaluation>>(
      {{"sampled", Evaluation::sampled}, {"full", Evaluation::full}});
}

enum class Progress { automatic, always, never };
constexpr auto value_names(Progress) {
  return std::to_array<NamedValue<Progress>>(
      {{"auto", Progress::automatic}, {"always", Progress::always}, {"never", Progress::never}});
}

// How often a run is saved: every so many epochs, or seconds. Never, if both are 0.
struct CheckpointInterval {
  int epochs = 1;
  double seconds = 0;
};

// Weights that training leaves as they are.
struct Freeze {
  bool users = false, items = false, mlp = false;
};

struct Options {
  std::filesystem::path data;
  Mode mode = Mode::train;
  int epochs = 30;
  std::int64_t batch_size = 1048576;        // samples per update over all ranks
  std::int64_t valid_batch_size = 1048576;  // samples per evaluation block over all ranks
  int grads_accumulated = 1;                // micro-batches per update
  ModelKind model = ModelKind::neumf;
  std::int64_t factors = 64;
  std::vector<std::int64_t> layers{256, 256, 128, 64};
  bool model_given = false;  // --model was given, so a checkpoint must agree
  bool shape_given = false;  // the same for --factors or --layers
  float dropout = 0.5f;
  std::uint32_t negative_samples = 4;
  bool exact_negatives = false;
  Negatives negatives = Negatives::uniform;
  double popularity_power = 0.75;
  Loss loss = Loss::bce;
  float embedding_l2 = 0;
  float unobserved_weight = 0.1f, l2_power = 1;  // of Loss::ials
  Sampling sampling = Sampling::grouped;
  Optimizer optimizer = Optimizer::adam;
  float learning_rate = 0.0045f, beta1 = 0.25f, beta2 = 0.5f, eps = 1e-8f;
  float weight_decay = 0.0f;
  LearningRateSchedule lr_schedule = LearningRateSchedule::constant;
  int lr_warmup = 0;  // epochs
  double lr_decay = 0.5;
  int lr_decay_epochs = 10;
  std::uint64_t seed = 1;
  int topk = 10;
  std::vector<int> topk_list;  // further K to report
  Evaluation evaluation = Evaluation::sampled;
  std::vector<WeightGroup> freeze;  // that stay as they are
  double threshold = 1.0;           // stop once HR@topk reaches it
  int patience = 0;                 // stop after so many epochs without a better HR@topk; 0: never
  DeviceChoice device = DeviceChoice::automatic;
  Precision precision = Precision::fp32;
  Precision allreduce_dtype = Precision::fp32;  // of gradients on their way between GPUs
  bool deterministic = false;                   // bitwise reproducible also on a GPU
  bool amp = false;                             // fp16 on a GPU, bf16 on a CPU
  UserEmbeddings user_embeddings = UserEmbeddings::partitioned;
  ItemEmbeddings item_embeddings = ItemEmbeddings::automatic;
  bool profile = false;  // print time by phase
  int threads = 0;       // per rank; 0 = the cores that the rank may use
  std::filesystem::path checkpoint_dir, load_checkpoint_path, log_path;
  std::filesystem::path per_user;  // every user's ranks and metrics on the test items
  std::filesystem::path pretrained_gmf, pretrained_mlp;
  double pretrain_alpha = 0.5;          // weight of GMF in the joined final layer
  CheckpointInterval checkpoint_every;  // of saved runs
  int keep_last = 2;                    // saved runs
  bool overwrite = false;               // replace the model of an earlier run in checkpoint_dir, and its log
  bool resume = false;                  // go on from the newest saved run in checkpoint_dir, if there is one
  double stall_timeout = 300;           // seconds without progress before the watchdog speaks; 0 = never
  bool abort_on_stall = false;
  Progress progress = Progress::automatic;

  // Why a rank has to hold all items' rows, or nothing; follows "--item_embeddings sharded".
  std::string needs_all_items() const;
  // `freeze`, by weights.
  Freeze frozen() const;
  // The options of these fields.
  void declare(OptionTable& table);
};

// Every K to report, each once: --topk and then --topk_list.
std::vector<int> every_k(int topk, const std::vector<int>& topk_list);
inline std::vector<int> every_k(const Options& options) {
  return every_k(options.topk, options.topk_list);
}

// The outcome of reading a command line.
struct CommandLine {
  enum class Action { run, print } action = Action::run;
  std::string text;  // for Action::print: the help or the version
  Options options;
};

// Reads argv and, where given, the INI file of --config (the command line wins). Throws Error naming the
// option, the value and what is allowed.
CommandLine parse_command_line(int argc, const char* const* argv);

// The options as an INI file that --config reads back.
std::string to_ini(const Options& options);
// What to_ini wrote, as (name, value) in its order.
std::vector<std::pair<std::string, std::string>> settings_of(const std::string& ini);

// Options that shape the result and are not what they were when `saved` was written by to_ini, as lines for
// the user.
std::vector<std::string> changed_options(const std::string& saved, const Options& options);

}  // namespace neumf
