// Everything that a run can be told. The names are those of the reference implementation where it has them;
// dashes and underscores are interchangeable on the command line and in INI files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace neumf {

enum class Mode { train, test };
enum class DeviceChoice { automatic, cuda, cpu };
enum class Precision { fp32, tf32, fp16, bf16 };
enum class UserEmbeddings { partitioned, replicated };
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
  std::int64_t factors = 64;
  std::vector<std::int64_t> layers{256, 256, 128, 64};
  bool shape_given = false;  // --factors or --layers was given, so a checkpoint must agree
  float dropout = 0.5f;
  std::uint32_t negative_samples = 4;
  bool exact_negatives = false;
  bool shuffled_sampling = false;
  float learning_rate = 0.0045f, beta1 = 0.25f, beta2 = 0.5f, eps = 1e-8f;
  std::uint64_t seed = 1;
  int topk = 10;
  double threshold = 1.0;  // stop once HR@topk reaches it
  DeviceChoice device = DeviceChoice::automatic;
  Precision precision = Precision::fp32;
  Precision allreduce_dtype = Precision::fp32;  // of gradients on their way between GPUs
  bool deterministic = false;                   // bitwise reproducible also on a GPU
  bool amp = false;                             // fp16 on a GPU, bf16 on a CPU
  UserEmbeddings user_embeddings = UserEmbeddings::partitioned;
  bool profile = false;  // print time by phase
  int threads = 0;       // per rank; 0 = the cores that the rank may use
  std::filesystem::path checkpoint_dir, load_checkpoint_path, log_path;
  CheckpointInterval checkpoint_every;  // of saved runs
  int keep_last = 2;                    // saved runs
  bool resume = false;                  // go on from the newest saved run in checkpoint_dir, if there is one
  double stall_timeout = 300;           // seconds without progress before the watchdog speaks; 0 = never
  bool abort_on_stall = false;
  Progress progress = Progress::automatic;
};

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

const char* name_of(Precision precision);

}  // namespace neumf
