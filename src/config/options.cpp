#include "neumf/config/options.hpp"

#include <fmt/ranges.h>
#include <algorithm>
#include <array>
#include <boost/program_options.hpp>
#include <charconv>
#include <cmath>
#include <map>
#include <sstream>
#include <type_traits>
#include <utility>

#include "neumf/config/command_line.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/version.hpp"
#include "neumf/nn/model_shape.hpp"

namespace po = boost::program_options;

namespace neumf {
namespace {

// Names of the values of an enumerated option.
template <class Enum, std::size_t N>
struct Choice {
  const char* option;
  std::array<std::pair<const char*, Enum>, N> values;

  Enum parse(const std::string& text) const {
    for (const auto& [name, value] : values)
      if (text == name) return value;
    std::string allowed;
    for (const auto& [name, value] : values)
      allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", name);
    fail("--{} {}: must be one of {}", option, text, allowed);
  }
  const char* name(Enum wanted) const {
    return std::find_if(values.begin(), values.end(), [&](const auto& v) { return v.second == wanted; })
        ->first;
  }
};

constexpr Choice<Mode, 2> modes{"mode", {{{"train", Mode::train}, {"test", Mode::test}}}};
constexpr Choice<ModelKind, 3> models{
    "model", {{{"neumf", ModelKind::neumf}, {"gmf", ModelKind::gmf}, {"mlp", ModelKind::mlp}}}};
constexpr Choice<DeviceChoice, 3> devices{
    "device",
    {{{"auto", DeviceChoice::automatic}, {"cuda", DeviceChoice::cuda}, {"cpu", DeviceChoice::cpu}}}};
constexpr Choice<Precision, 4> precisions{"precision",
                                          {{{"fp32", Precision::fp32},
                                            {"tf32", Precision::tf32},
                                            {"fp16", Precision::fp16},
                                            {"bf16", Precision::bf16}}}};
constexpr Choice<Precision, 3> allreduce_dtypes{
    "allreduce_dtype", {{{"fp32", Precision::fp32}, {"fp16", Precision::fp16}, {"bf16", Precision::bf16}}}};
constexpr Choice<bool, 2> samplings{"sampling", {{{"grouped", false}, {"shuffled", true}}}};
constexpr Choice<UserEmbeddings, 2> user_embeddings{
    "user_embeddings",
    {{{"partitioned", UserEmbeddings::partitioned}, {"replicated", UserEmbeddings::replicated}}}};
constexpr Choice<Optimizer, 2> optimizers{"optimizer",
                                          {{{"adam", Optimizer::adam}, {"sgd", Optimizer::sgd}}}};
constexpr Choice<LearningRateSchedule, 5> lr_schedules{"lr_schedule",
                                                       {{{"constant", LearningRateSchedule::constant},
                                                         {"linear", LearningRateSchedule::linear},
                                                         {"cosine", LearningRateSchedule::cosine},
                                                         {"exponential", LearningRateSchedule::exponential},
                                                         {"step", LearningRateSchedule::step}}}};
constexpr Choice<Evaluation, 2> evaluations{"eval",
                                            {{{"sampled", Evaluation::sampled}, {"full", Evaluation::full}}}};
constexpr Choice<Progress, 3> progresses{
    "progress", {{{"auto", Progress::automatic}, {"always", Progress::always}, {"never", Progress::never}}}};

// Enumerated options and lists arrive as text and are parsed afterwards.
struct Texts {
  std::string mode = "train", model = "neumf", device = "auto", precision = "fp32", sampling = "grouped",
              allreduce_dtype = "fp32", user_embeddings = "partitioned", progress = "auto",
              optimizer = "adam", lr_schedule = "constant", evaluation = "sampled";
  std::vector<std::string> layers, topk_list;
  std::string data, checkpoint_dir, load_checkpoint_path, log_path, checkpoint_every = "1";
  std::string pretrained_gmf, pretrained_mlp;
};

template <class T>
auto value(T& target, const std::string& shown = "") {
  auto* semantic = po::value<T>(&target);
  if constexpr (std::is_floating_point_v<T>)
    return semantic->default_value(target, shown.empty() ? fmt::format("{}", target) : shown);
  else
    return semantic->default_value(target);
}

struct Descriptions {
  po::options_description run{"What to run"}, model{"Model"}, training{"Training"}, machine{"Machine"},
      output{"Output"}, all;

  Descriptions(Options& o, Texts& t) {
    const auto text = [](std::string& target) {
      return po::value<std::string>(&target)->default_value(target);
    };
    const auto path = [](std::string& target) { return po::value<std::string>(&target)->value_name("PATH"); };
    // clang-format off
    run.add_options()
      ("data", path(t.data), "directory of the preprocessed data set")
      ("mode", text(t.mode), "train, or test (evaluate a checkpoint)")
      ("load_checkpoint_path", path(t.load_checkpoint_path), "checkpoint, or the NCF paper's Keras weights, to evaluate or to start from")
      ("pretrained_gmf", path(t.pretrained_gmf), "start NeuMF from this GMF model (a checkpoint or Keras weights) ...")
      ("pretrained_mlp", path(t.pretrained_mlp), "... and this MLP model")
      ("pretrain_alpha", value(o.pretrain_alpha), "share of GMF in the joined final layer, from 0 to 1")
      ("config", po::value<std::string>()->value_name("FILE"), "INI file with any of these options; the command line wins")
      ("help,h", "print this text")
      ("version", "print the version and what it was built with");
    model.add_options()
      ("model", text(t.model), "neumf, gmf (no MLP; --layers is not used) or mlp (no GMF; --factors is not used)")
      ("factors,f", value(o.factors), "width of the GMF embeddings")
      ("layers", po::value(&t.layers)->multitoken()->value_name("SIZES (=256 256 128 64)"),
       "sizes of the MLP: the concatenated embeddings, then each layer")
      ("dropout", value(o.dropout), "dropout rate after each MLP layer");
    training.add_options()
      ("epochs,e", value(o.epochs), "number of epochs")
      ("batch_size,b", value(o.batch_size), "samples per update, over all ranks")
      ("grads_accumulated", value(o.grads_accumulated), "micro-batches per update; saves memory, changes nothing else")
      ("valid_batch_size", value(o.valid_batch_size), "samples per evaluation block, over all ranks")
      ("negative_samples,n", value(o.negative_samples), "sampled negatives per positive")
      ("exact_negatives", po::bool_switch(&o.exact_negatives), "never sample an item that the user has in training")
      ("sampling", text(t.sampling),
       "grouped: a positive stays with its negatives (faster); shuffled: every sample by itself")
      ("optimizer", text(t.optimizer), "adam or sgd (without momentum)")
      ("learning_rate,l", value(o.learning_rate, "0.0045"), "learning rate")
      ("beta1", value(o.beta1), "Adam's first decay rate")
      ("beta2", value(o.beta2), "Adam's second decay rate")
      ("eps", value(o.eps), "Adam's denominator term")
      ("weight_decay", value(o.weight_decay), "of all weights, decoupled from the gradient as in AdamW")
      ("lr_schedule", text(t.lr_schedule), "learning rate by epoch: constant, linear, cosine (both end near 0), exponential or step")
      ("lr_warmup", value(o.lr_warmup), "epochs over which the learning rate rises before the schedule begins")
      ("lr_decay", value(o.lr_decay), "factor of the exponential schedule per epoch, and of step")
      ("lr_decay_epochs", value(o.lr_decay_epochs), "epochs between the steps of step")
      ("seed,s", value(o.seed), "seed of everything random")
      ("topk,k", value(o.topk), "K of HR@K and NDCG@K")
      ("topk_list", po::value(&t.topk_list)->multitoken()->value_name("K ..."), "further K to report")
      ("eval", text(t.evaluation),
       "sampled: rank among the stored negatives; full: also among all items that the user does not have")
      ("threshold,t", value(o.threshold), "stop once HR@K reaches this")
      ("patience", value(o.patience), "stop after so many epochs without a better HR@K; 0: never");
    machine.add_options()
      ("device", text(t.device), "auto (a GPU where there is one), cuda or cpu")
      ("precision", text(t.precision), "of products and activations: fp32, tf32, fp16 or bf16; weights stay fp32")
      ("amp", po::bool_switch(&o.amp), "mixed precision: fp16 on a GPU, bf16 on a CPU")
      ("allreduce_dtype", text(t.allreduce_dtype), "of gradients on the wire between GPUs: fp32, fp16 or bf16")
      ("deterministic", po::bool_switch(&o.deterministic),
       "the same bits from the same seed on a GPU too, at some speed; a CPU always gives them")
      ("user_embeddings", text(t.user_embeddings),
       "partitioned: each rank keeps its own users' rows; replicated: all ranks keep and reduce all rows")
      ("threads", value(o.threads), "CPU threads per rank; 0: the cores that the rank may use")
      ("stall_timeout", value(o.stall_timeout), "report ranks without progress for so many seconds; 0: never")
      ("abort_on_stall", po::bool_switch(&o.abort_on_stall), "end the job after such a report");
    output.add_options()
      ("checkpoint_dir", path(t.checkpoint_dir),
       "directory for the best model and for saved runs; nothing is saved without it")
      ("checkpoint_every", text(t.checkpoint_every),
       "save the run every N epochs, or after a time: 90s, 30m, 2h; 0: only when a signal ends it")
      ("keep_last", value(o.keep_last), "how many saved runs stay")
      ("resume", po::bool_switch(&o.resume),
       "go on from the newest saved run in --checkpoint_dir; without one, start")
      ("log_path", path(t.log_path), "file for one JSON object per line; the options go next to it as .ini")
      ("profile", po::bool_switch(&o.profile), "print the time of each phase of training, over ranks")
      ("progress", text(t.progress), "progress bar: auto (on a terminal), always or never");
    // clang-format on
    all.add(run).add(model).add(training).add(machine).add(output);
  }
};

// Whole numbers, separated by blanks or commas.
std::vector<std::int64_t> parse_numbers(const char* option, const std::vector<std::string>& words) {
  std::vector<std::int64_t> numbers;
  for (std::string text : words) {
    std::replace(text.begin(), text.end(), ',', ' ');
    std::istringstream stream(text);
    for (std::string word; stream >> word;) {
      std::size_t used = 0;
      try {
        numbers.push_back(std::stoll(word, &used));
      } catch (const std::exception&) {
        used = 0;
      }
      require(used == word.size(), "--{} {}: '{}' is not a whole number", option, fmt::join(words, " "),
              word);
    }
  }
  return numbers;
}

// "3": epochs; "90s", "30m", "2h": time.
CheckpointInterval parse_interval(const std::string& text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const std::string unit(rest, end);
  const double factor = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  const bool epochs = unit.empty() && number == std::floor(number);
  require(error == std::errc() && number >= 0 && number <= 1e9 && (epochs || (factor > 0 && number > 0)),
          "--checkpoint_every {}: must be a number of epochs, such as 5, or a time, such as 90s, 30m or 2h",
          text);
  if (epochs) return {static_cast<int>(number), 0};
  return {0, number * factor};
}

std::string to_text(const CheckpointInterval& interval) {
  return interval.seconds > 0 ? fmt::format("{}s", interval.seconds) : fmt::format("{}", interval.epochs);
}

void check(const Options& o) {
  require(!o.data.empty(), "--data is missing: name the directory that neumf-preprocess wrote");
  require(o.mode == Mode::train || !o.load_checkpoint_path.empty(),
          "--mode test needs --load_checkpoint_path: name the checkpoint to evaluate");
  require(o.epochs >= 1, "--epochs {}: at least 1 is needed", o.epochs);
  require(o.batch_size >= 1, "--batch_size {}: at least 1 is needed", o.batch_size);
  require(o.valid_batch_size >= 1, "--valid_batch_size {}: at least 1 is needed", o.valid_batch_size);
  require(o.grads_accumulated >= 1, "--grads_accumulated {}: at least 1 is needed", o.grads_accumulated);
  require(o.negative_samples >= 1 && o.negative_samples <= 10000, "--negative_samples {}: must be 1 to 10000",
          o.negative_samples);
  require(o.dropout >= 0.0f && o.dropout < 1.0f, "--dropout {}: must be at least 0 and below 1", o.dropout);
  require(o.learning_rate > 0.0f && std::isfinite(o.learning_rate), "--learning_rate {}: must be positive",
          o.learning_rate);
  require(o.beta1 >= 0.0f && o.beta1 < 1.0f, "--beta1 {}: must be at least 0 and below 1", o.beta1);
  require(o.beta2 >= 0.0f && o.beta2 < 1.0f, "--beta2 {}: must be at least 0 and below 1", o.beta2);
  require(o.eps > 0.0f, "--eps {}: must be positive", o.eps);
  require(o.weight_decay >= 0.0f && o.weight_decay < 1.0f / o.learning_rate,
          "--weight_decay {}: must be at least 0 and below 1 / learning_rate", o.weight_decay);
  require(o.lr_warmup >= 0, "--lr_warmup {}: must be 0 or more", o.lr_warmup);
  require(o.lr_decay > 0.0 && o.lr_decay <= 1.0, "--lr_decay {}: must be above 0 and at most 1", o.lr_decay);
  require(o.lr_decay_epochs >= 1, "--lr_decay_epochs {}: at least 1 is needed", o.lr_decay_epochs);
  require(o.topk >= 1, "--topk {}: at least 1 is needed", o.topk);
  require(o.patience >= 0, "--patience {}: must be 0 (never) or more", o.patience);
  require(o.pretrained_gmf.empty() == o.pretrained_mlp.empty(),
          "--pretrained_gmf and --pretrained_mlp belong together: give both, or none");
  require(o.pretrained_gmf.empty() || o.mode == Mode::test ||
              (o.model == ModelKind::neumf && o.load_checkpoint_path.empty()),
          "--pretrained_gmf and --pretrained_mlp start the training of --model neumf, without "
          "--load_checkpoint_path");
  require(o.pretrain_alpha >= 0.0 && o.pretrain_alpha <= 1.0, "--pretrain_alpha {}: must be from 0 to 1",
          o.pretrain_alpha);
  require(o.threads >= 0, "--threads {}: must be 0 (automatic) or more", o.threads);
  require(o.keep_last >= 1, "--keep_last {}: at least 1 is needed", o.keep_last);
  require(o.stall_timeout >= 0, "--stall_timeout {}: must be 0 (never) or more seconds", o.stall_timeout);
  require(!o.resume || !o.checkpoint_dir.empty(),
          "--resume needs --checkpoint_dir: name the directory that has the saved run");
  require(!o.resume || o.load_checkpoint_path.empty(),
          "--resume and --load_checkpoint_path: give one of them, what to start from");
  require(o.factors >= 1, "--factors {}: at least 1 is needed", o.factors);
  require(!o.layers.empty(), "--layers: no sizes given, for example --layers 256 256 128 64");
  ModelShape::of(o.model, 1, 1, o.factors, o.layers).validate();
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
  CommandLine result;
  Options& o = result.options;
  Texts t;
  Descriptions descriptions(o, t);
  const auto values = read_command_line({argv + 1, argv + argc}, descriptions.all, "neumf");
  if (values.count("help") != 0) {
    std::ostringstream help;
    help << "Trains or evaluates NeuMF on a preprocessed data set.\n"
            "Usage: mpirun -n RANKS neumf --data DIR [options]\n\n"
         << descriptions.all;
    result.action = CommandLine::Action::print;
    result.text = help.str();
    return result;
  }
  if (values.count("version") != 0) {
    result.action = CommandLine::Action::print;
    result.text = version_text();
    return result;
  }
  o.data = t.data;
  o.checkpoint_dir = t.checkpoint_dir;
  o.load_checkpoint_path = t.load_checkpoint_path;
  o.log_path = t.log_path;
  o.checkpoint_every = parse_interval(t.checkpoint_every);
  o.mode = modes.parse(t.mode);
  o.pretrained_gmf = t.pretrained_gmf;
  o.pretrained_mlp = t.pretrained_mlp;
  o.optimizer = optimizers.parse(t.optimizer);
  o.lr_schedule = lr_schedules.parse(t.lr_schedule);
  o.evaluation = evaluations.parse(t.evaluation);
  for (const std::int64_t k : parse_numbers("topk_list", t.topk_list)) {
    require(k >= 1 && k <= INT32_MAX, "--topk_list {}: at least 1 is needed", k);
    o.topk_list.push_back(static_cast<int>(k));
  }
  o.model = models.parse(t.model);
  o.device = devices.parse(t.device);
  o.precision = precisions.parse(t.precision);
  o.allreduce_dtype = allreduce_dtypes.parse(t.allreduce_dtype);
  o.shuffled_sampling = samplings.parse(t.sampling);
  o.user_embeddings = user_embeddings.parse(t.user_embeddings);
  o.progress = progresses.parse(t.progress);
  if (!t.layers.empty()) o.layers = parse_numbers("layers", t.layers);
  o.model_given = !values["model"].defaulted();
  o.shape_given = !t.layers.empty() || !values["factors"].defaulted();
  check(o);
  return result;
}

std::string to_ini(const Options& o) {
  std::string text;
  const auto line = [&](const char* name, const auto& shown) {
    text += fmt::format("{} = {}\n", name, shown);
  };
  const auto path = [&](const char* name, const std::filesystem::path& shown) {
    if (!shown.empty()) line(name, shown.string());
  };
  path("data", o.data);
  line("mode", modes.name(o.mode));
  path("load_checkpoint_path", o.load_checkpoint_path);
  path("pretrained_gmf", o.pretrained_gmf);
  path("pretrained_mlp", o.pretrained_mlp);
  line("pretrain_alpha", o.pretrain_alpha);
  line("model", models.name(o.model));
  line("factors", o.factors);
  line("layers", fmt::format("{}", fmt::join(o.layers, " ")));
  line("dropout", o.dropout);
  line("epochs", o.epochs);
  line("batch_size", o.batch_size);
  line("grads_accumulated", o.grads_accumulated);
  line("valid_batch_size", o.valid_batch_size);
  line("negative_samples", o.negative_samples);
  line("exact_negatives", o.exact_negatives);
  line("sampling", samplings.name(o.shuffled_sampling));
  line("optimizer", optimizers.name(o.optimizer));
  line("learning_rate", o.learning_rate);
  line("beta1", o.beta1);
  line("beta2", o.beta2);
  line("eps", o.eps);
  line("weight_decay", o.weight_decay);
  line("lr_schedule", lr_schedules.name(o.lr_schedule));
  line("lr_warmup", o.lr_warmup);
  line("lr_decay", o.lr_decay);
  line("lr_decay_epochs", o.lr_decay_epochs);
  line("seed", o.seed);
  line("topk", o.topk);
  if (!o.topk_list.empty()) line("topk_list", fmt::format("{}", fmt::join(o.topk_list, " ")));
  line("eval", evaluations.name(o.evaluation));
  line("threshold", o.threshold);
  line("patience", o.patience);
  line("device", devices.name(o.device));
  line("precision", precisions.name(o.precision));
  line("amp", o.amp);
  line("allreduce_dtype", allreduce_dtypes.name(o.allreduce_dtype));
  line("deterministic", o.deterministic);
  line("user_embeddings", user_embeddings.name(o.user_embeddings));
  line("threads", o.threads);
  line("profile", o.profile);
  line("stall_timeout", o.stall_timeout);
  line("abort_on_stall", o.abort_on_stall);
  path("checkpoint_dir", o.checkpoint_dir);
  line("checkpoint_every", to_text(o.checkpoint_every));
  line("keep_last", o.keep_last);
  line("resume", o.resume);
  path("log_path", o.log_path);
  line("progress", progresses.name(o.progress));
  return text;
}

std::vector<std::pair<std::string, std::string>> settings_of(const std::string& ini) {
  std::vector<std::pair<std::string, std::string>> settings;
  std::istringstream lines(ini);
  for (std::string line; std::getline(lines, line);)
    if (const auto at = line.find(" = "); at != std::string::npos)
      settings.emplace_back(line.substr(0, at), line.substr(at + 3));
  return settings;
}

std::vector<int> every_k(const Options& options) {
  std::vector<int> ks{options.topk};
  for (const int k : options.topk_list)
    if (std::find(ks.begin(), ks.end(), k) == ks.end()) ks.push_back(k);
  return ks;
}

po::options_description training_option_descriptions() {
  Options options;
  Texts texts;
  return Descriptions(options, texts).all;
}

DeviceChoice parse_device(const std::string& text) {
  return devices.parse(text);
}

Precision parse_precision(const std::string& text) {
  return precisions.parse(text);
}

const char* name_of(Precision precision) {
  return precisions.name(precision);
}

std::vector<std::string> changed_options(const std::string& saved, const Options& options) {
  constexpr std::array names{"dropout",
                             "batch_size",
                             "grads_accumulated",
                             "negative_samples",
                             "exact_negatives",
                             "sampling",
                             "optimizer",
                             "learning_rate",
                             "lr_schedule",
                             "lr_warmup",
                             "lr_decay",
                             "lr_decay_epochs",
                             "weight_decay",
                             "beta1",
                             "beta2",
                             "eps",
                             "seed",
                             "precision",
                             "amp",
                             "allreduce_dtype"};
  const auto by_name = [](const auto& settings) {
    return std::map<std::string, std::string>(settings.begin(), settings.end());
  };
  const auto before = by_name(settings_of(saved)), now = by_name(settings_of(to_ini(options)));
  std::vector<std::string> lines;
  for (const std::string name : names) {
    const auto then = before.find(name), today = now.find(name);
    if (then != before.end() && today != now.end() && then->second != today->second)
      lines.push_back(fmt::format("note: --{} is {}, but was {} when the run was saved", name, today->second,
                                  then->second));
  }
  return lines;
}

}  // namespace neumf
