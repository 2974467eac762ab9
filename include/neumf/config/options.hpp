// Everything that a run can be told. The names are those of the reference implementation where it has them;
// dashes and underscores are interchangeable on the command line and in INI files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "neumf/nn/model_shape.hpp"

namespace neumf {

enum class Mode { train, test };
enum class DeviceChoice { automatic, cuda, cpu };
enum class Precision { fp32, tf32, fp16, bf16 };
enum class UserEmbeddings { partitioned, replicated };
enum class Optimizer { adam, sgd };
enum class LearningRateSchedule { constant, linear, cosine, exponential, step };  // train/learning_rate.hpp
enum class Evaluation { sampled, full };
enum class Progress { automatic, always, never };

// How often a run is saved: every so many epochs, or seconds. Never, if both are 0.
struct CheckpointInterval {
  int epochs = 1;
  double seconds = 0;
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
  bool shuffled_sampling = false;
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
  double threshold = 1.0;  // stop once HR@topk reaches it
  int patience = 0;        // stop after so many epochs without a better HR@topk; 0: never
  DeviceChoice device = DeviceChoice::automatic;
  Precision precision = Precision::fp32;
  Precision allreduce_dtype = Precision::fp32;  // of gradients on their way between GPUs
  bool deterministic = false;                   // bitwise reproducible also on a GPU
  bool amp = false;                             // fp16 on a GPU, bf16 on a CPU
  UserEmbeddings user_embeddings = UserEmbeddings::partitioned;
  bool profile = false;  // print time by phase
  int threads = 0;       // per rank; 0 = the cores that the rank may use
  std::filesystem::path checkpoint_dir, load_checkpoint_path, log_path;
  std::filesystem::path pretrained_gmf, pretrained_mlp;
  double pretrain_alpha = 0.5;          // weight of GMF in the joined final layer
  CheckpointInterval checkpoint_every;  // of saved runs
  int keep_last = 2;                    // saved runs
  bool resume = false;                  // go on from the newest saved run in checkpoint_dir, if there is one
  double stall_timeout = 300;           // seconds without progress before the watchdog speaks; 0 = never
  bool abort_on_stall = false;
  Progress progress = Progress::automatic;
};

// Every K to report, each once: --topk and then --topk_list.
std::vector<int> every_k(const Options& options);

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

const char* name_of(Precision precision);

}  // namespace neumf
