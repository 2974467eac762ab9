#include "neumf/config/options.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <utility>

#include "neumf/config/ini.hpp"
#include "neumf/config/option_table.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/version.hpp"

namespace neumf {

// "3": epochs; "90s", "30m", "2h": time.
template <>
struct OptionValue<CheckpointInterval> {
  static CheckpointInterval read(const std::string& text) {
    double number = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    const std::string unit(rest, end);
    const double factor = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
    const bool epochs = unit.empty() && number == std::floor(number);
    require(error == std::errc() && number >= 0 && number <= 1e9 && number * factor <= 1e9 &&
                (epochs || (factor > 0 && number > 0)),
            "must be a number of epochs, such as 5, or a time, such as 90s, 30m or 2h");
    if (epochs) return {static_cast<int>(number), 0};
    return {0, number * factor};
  }
  static std::string write(const CheckpointInterval& interval) {
    return interval.seconds > 0 ? fmt::format("{}s", interval.seconds) : fmt::format("{}", interval.epochs);
  }
};

namespace {

// What the range of one option does not say: conditions on several.

void check_mode(const Options& o) {
  require(o.mode == Mode::train || !o.load_checkpoint_path.empty(),
          "--mode test needs --load_checkpoint_path: name the checkpoint to evaluate");
}

void check_weight_decay(const Options& o) {
  require(o.weight_decay < 1.0f / o.learning_rate,
          "--weight_decay {}: must be at least 0 and below 1 / learning_rate", o.weight_decay);
}

void check_pretrained(const Options& o) {
  require(o.pretrained_gmf.empty() == o.pretrained_mlp.empty(),
          "--pretrained_gmf and --pretrained_mlp belong together: give both, or none");
  require(o.pretrained_gmf.empty() || o.mode == Mode::test ||
              (o.model == ModelKind::neumf && o.load_checkpoint_path.empty()),
          "--pretrained_gmf and --pretrained_mlp start the training of --model neumf, without "
          "--load_checkpoint_path");
}

void check_resume(const Options& o) {
  require(!o.resume || !o.checkpoint_dir.empty(),
          "--resume needs --checkpoint_dir: name the directory that has the saved run");
  require(!o.resume || o.load_checkpoint_path.empty(),
          "--resume and --load_checkpoint_path: give one of them, what to start from");
}

void check_overwrite(const Options& o) {
  require(!o.resume || !o.overwrite,
          "--resume and --overwrite: give one of them, to go on from the saved run or to replace it");
}

void check_loss(const Options& o) {
  require(
      o.loss == Loss::bce || o.sampling == Sampling::grouped,
      "--loss {} compares a positive with its negatives: use --sampling grouped, which keeps them together",
      name_of(o.loss));
}

void check_full_softmax(const Options& o) {
  if (o.loss != Loss::full_softmax) return;
  require(o.model == ModelKind::gmf || !o.load_checkpoint_path.empty(),
          "--loss full_softmax scores the catalogue as a product of vectors: use --model gmf");
  require(!o.frozen().users || !o.frozen().items,
          "--loss full_softmax moves embeddings only: --freeze leaves nothing to train");
  require(o.negatives == Negatives::uniform && !o.exact_negatives,
          "--loss full_softmax draws no negatives: leave out --negatives and --exact_negatives");
}

void check_ials(const Options& o) {
  if (o.loss != Loss::ials) return;
  require(o.model == ModelKind::gmf || !o.load_checkpoint_path.empty(),
          "--loss ials is of users' and items' vectors alone: use --model gmf");
  require(o.embedding_l2 > 0, "--loss ials needs an L2 penalty: give --embedding_l2, for example 0.007");
  require(o.weight_decay == 0, "--loss ials has no updates to decay weights in: use --embedding_l2");
  require(!o.frozen().users || !o.frozen().items,
          "--loss ials moves embeddings only: --freeze leaves nothing to train");
  require(o.negatives == Negatives::uniform && !o.exact_negatives,
          "--loss ials draws no negatives: leave out --negatives and --exact_negatives");
  require(o.user_embeddings == UserEmbeddings::partitioned,
          "--loss ials moves a user where its interactions are: use --user_embeddings partitioned");
}

void check_negatives(const Options& o) {
  require(
      o.negatives == Negatives::uniform || !o.exact_negatives,
      "--exact_negatives and --negatives popularity: give one of them, exact negatives are drawn uniformly");
}

void check_item_embeddings(const Options& o) {
  if (o.item_embeddings != ItemEmbeddings::sharded || o.mode == Mode::test) return;
  const std::string reason = o.needs_all_items();
  require(reason.empty(), "--item_embeddings sharded{}: use --item_embeddings replicated", reason);
}

void check_freeze(const Options& o) {
  const Freeze freeze = o.frozen();
  require(!(freeze.users && freeze.items && freeze.mlp), "--freeze: nothing is left to train");
}

// A run must not find out at its end.
void check_per_user(const Options& o) {
  const auto folder = o.per_user.parent_path();
  std::error_code ignored;
  require(folder.empty() || std::filesystem::is_directory(folder, ignored),
          "--per_user {}: there is no directory {}: make it first, or name another file", o.per_user.string(),
          folder.string());
}

void check_shape(const Options& o) {
  ModelShape::of(o.model, 1, 1, o.factors, o.layers).validate();
}

// A table that is bound to `options`, whose values may differ from the defaults.
struct Bound {
  Options options;
  OptionTable table{"neumf"};

  Bound() { options.declare(table); }
  explicit Bound(const Options& values) : Bound() { options = values; }
};

}  // namespace

std::string Options::needs_all_items() const {
  if (loss == Loss::full_softmax || loss == Loss::ials)
    return fmt::format(": --loss {} reads the whole catalogue in every update", name_of(loss));
  if (evaluation == Evaluation::full) return ": --eval full reads the whole catalogue";
  if (optimizer != Optimizer::adam) return " is for --optimizer adam";
  return {};
}

Freeze Options::frozen() const {
  const auto among = [&](WeightGroup group) {
    return std::find(freeze.begin(), freeze.end(), group) != freeze.end();
  };
  return {among(WeightGroup::users), among(WeightGroup::items), among(WeightGroup::mlp)};
}

void Options::declare(OptionTable& table) {
  // clang-format off
  table.section("What to run");
  table.add("data", data, "directory of the preprocessed data set", {.required = "name the directory that neumf-preprocess wrote"});
  table.add("mode", mode, "train, or test (evaluate a checkpoint)");
  table.add("load_checkpoint_path", load_checkpoint_path, "checkpoint, or the NCF paper's Keras weights, to evaluate or to start from");
  table.add("pretrained_gmf", pretrained_gmf, "start NeuMF from this GMF model (a checkpoint or Keras weights) ...");
  table.add("pretrained_mlp", pretrained_mlp, "... and this MLP model");
  table.add("pretrain_alpha", pretrain_alpha, "share of GMF in the joined final layer, from 0 to 1", {.range = at_least(0).at_most(1)});

  table.section("Model");
  table.add("model", model, "neumf, gmf (no MLP; --layers is not used) or mlp (no GMF; --factors is not used)");
  table.add("factors,f", factors, "width of the GMF embeddings", {.range = at_least(1).at_most(65536)});
  table.add("layers", layers, "sizes of the MLP: the concatenated embeddings, then each layer", {.value = "SIZES"});
  table.add("dropout", dropout, "dropout rate after each MLP layer", {.range = at_least(0).below(1), .shapes_result = true});

  table.section("Training");
  table.add("epochs,e", epochs, "number of epochs", {.range = at_least(1)});
  table.add("batch_size,b", batch_size, "samples per update, over all ranks", {.range = at_least(1), .shapes_result = true});
  table.add("grads_accumulated", grads_accumulated, "micro-batches per update; saves memory, changes nothing else", {.range = at_least(1), .shapes_result = true});
  table.add("valid_batch_size", valid_batch_size, "samples per evaluation block, over all ranks", {.range = at_least(1)});
  table.add("negative_samples,n", negative_samples, "sampled negatives per positive", {.range = at_least(1).at_most(10000), .shapes_result = true});
  table.add("negatives", negatives, "how often an item is drawn: uniform, or popularity (its training interactions to --popularity_power)", {.shapes_result = true});
  table.add("popularity_power", popularity_power, "of --negatives popularity; 0: uniform, 1: as in training", {.range = at_least(0).at_most(10), .shapes_result = true});
  table.add("exact_negatives", exact_negatives, "never sample an item that the user has in training; every user must lack one", {.shapes_result = true});
  table.add("sampling", sampling, "grouped: a positive stays with its negatives (faster); shuffled: every sample by itself", {.shapes_result = true});
  table.add("loss", loss, "bce (of every sample), bpr or softmax (a positive against its negatives), full_softmax (GMF: a user's positives against the whole catalogue; a sample is a user), or ials (GMF: the squared error of all pairs, by alternating least squares; learning rate and batch play no part)", {.shapes_result = true});
  table.add("embedding_l2", embedding_l2, "L2 penalty on the embeddings that a batch reads", {.range = at_least(0), .shapes_result = true});
  table.add("unobserved_weight", unobserved_weight, "of --loss ials: weight of a pair without interaction, beside 1 of one that has it", {.range = above(0), .shapes_result = true});
  table.add("l2_power", l2_power, "of --loss ials: a row's L2 is --embedding_l2 times this power of the weight of all its pairs; 0: all rows alike", {.range = at_least(0).at_most(10), .shapes_result = true});
  table.add("optimizer", optimizer, "adam or sgd (without momentum)", {.shapes_result = true});
  table.add("learning_rate,l", learning_rate, "learning rate", {.range = above(0), .shapes_result = true});
  table.add("beta1", beta1, "Adam's first decay rate", {.range = at_least(0).below(1), .shapes_result = true});
  table.add("beta2", beta2, "Adam's second decay rate", {.range = at_least(0).below(1), .shapes_result = true});
  table.add("eps", eps, "Adam's denominator term", {.range = above(0), .shapes_result = true});
  table.add("weight_decay", weight_decay, "of all weights, decoupled from the gradient as in AdamW", {.range = at_least(0), .shapes_result = true});
  table.add("lr_schedule", lr_schedule, "learning rate by epoch: constant, linear, cosine (both end near 0), exponential or step", {.shapes_result = true});
  table.add("lr_warmup", lr_warmup, "epochs over which the learning rate rises before the schedule begins", {.range = at_least(0), .shapes_result = true});
  table.add("lr_decay", lr_decay, "factor of the exponential schedule per epoch, and of step", {.range = above(0).at_most(1), .shapes_result = true});
  table.add("lr_decay_epochs", lr_decay_epochs, "epochs between the steps of step", {.range = at_least(1), .shapes_result = true});
  table.add("freeze", freeze, "weights that stay as they are: users, items (embeddings), mlp (all others), or several: items,mlp", {.value = "WEIGHTS", .shapes_result = true});
  table.add("seed,s", seed, "seed of everything random", {.shapes_result = true});
  table.add("topk,k", topk, "K of HR@K and NDCG@K", {.range = at_least(1), .shapes_result = true});
  table.add("topk_list", topk_list, "further K to report", {.range = at_least(1), .value = "K ..."});
  table.add("eval", evaluation, "sampled: rank among the stored negatives; full: also among all items that the user does not have", {.shapes_result = true});
  table.add("threshold,t", threshold, "stop once HR@K (of the validation items, where the data set has them) reaches this", {.range = at_least(0).at_most(1)});
  table.add("patience", patience, "stop after so many epochs without a better HR@K; 0: never", {.range = at_least(0)});

  table.section("Machine");
  table.add("device", device, "auto (a GPU where there is one), cuda or cpu");
  table.add("precision", precision, "of products and activations: fp32, tf32, fp16 or bf16; weights stay fp32", {.shapes_result = true});
  table.add("amp", amp, "mixed precision: fp16 on a GPU, bf16 on a CPU", {.shapes_result = true});
  table.add("allreduce_dtype", allreduce_dtype, "of gradients on the wire between GPUs: fp32, fp16 or bf16", {.among = {"fp32", "fp16", "bf16"}, .shapes_result = true});
  table.add("deterministic", deterministic, "the same bits from the same seed on a GPU too, at some speed; a CPU always gives them");
  table.add("user_embeddings", user_embeddings, "partitioned: each rank keeps its own users' rows; replicated: all ranks keep and reduce all rows");
  table.add("item_embeddings", item_embeddings, "replicated: every rank holds all items' rows; sharded: a share of them, and those that an update reads (CPU ranks); auto: sharded where that saves much memory");
  table.add("threads", threads, "CPU threads per rank; 0: the cores that the rank may use", {.range = at_least(0).at_most(4096)});
  table.add("stall_timeout", stall_timeout, "report ranks without progress for so many seconds; 0: never", {.range = at_least(0)});
  table.add("abort_on_stall", abort_on_stall, "end the job after such a report");

  table.section("Output");
  table.add("checkpoint_dir", checkpoint_dir, "directory for the best model and for saved runs; nothing is saved without it");
  table.add("checkpoint_every", checkpoint_every, "save the run every N epochs, or after a time: 90s, 30m, 2h; 0: only when a signal ends it");
  table.add("keep_last", keep_last, "how many saved runs stay", {.range = at_least(1)});
  table.add("overwrite", overwrite, "replace the model that an earlier run left in --checkpoint_dir, and its log", {.transient = true});
  table.add("resume", resume, "go on from the newest saved run in --checkpoint_dir; without one, start");
  table.add("log_path", log_path, "file for one JSON object per line; the options go next to it as .ini");
  table.add("per_user", per_user, "file for every user's ranks and metrics on the test items, of the kept model: HDF5 where it ends in .h5, otherwise CSV");
  table.add("profile", profile, "print the time of each phase of training, over ranks");
  table.add("progress", progress, "progress bar: auto (on a terminal), always or never");
  // clang-format on
  table.add_common("version");
  for (const auto condition : {check_mode, check_weight_decay, check_pretrained, check_resume,
                               check_overwrite, check_loss, check_full_softmax, check_ials, check_negatives,
                               check_item_embeddings, check_freeze, check_per_user, check_shape})
    table.check([this, condition] { condition(*this); });
}

CommandLine parse_command_line(int argc, const char* const* argv) {
  Bound bound;
  const OptionTable& table = bound.table;
  bound.table.read({argv + 1, argv + argc});
  CommandLine result;
  if (table.given("help")) {
    result.action = CommandLine::Action::print;
    result.text =
        "Trains or evaluates NeuMF on a preprocessed data set.\n"
        "Usage: mpirun -n RANKS neumf --data DIR [options]\n\n" +
        format_options(table.texts());
  } else if (table.given("version")) {
    result.action = CommandLine::Action::print;
    result.text = version_text();
  }
  result.options = bound.options;
  result.options.model_given = table.given("model");
  result.options.shape_given = table.given("layers") || table.given("factors");
  return result;
}

std::string to_ini(const Options& options) {
  return Bound(options).table.ini();
}

std::vector<std::pair<std::string, std::string>> settings_of(const std::string& ini) {
  std::vector<std::pair<std::string, std::string>> settings;
  for (auto& setting : read_ini(ini))
    settings.emplace_back(std::move(setting.name), std::move(setting.value));
  return settings;
}

std::vector<int> every_k(int topk, const std::vector<int>& topk_list) {
  std::vector<int> ks{topk};
  for (const int k : topk_list)
    if (std::find(ks.begin(), ks.end(), k) == ks.end()) ks.push_back(k);
  return ks;
}

std::vector<std::string> changed_options(const std::string& saved, const Options& options) {
  const auto by_name = [](const auto& settings) {
    return std::map<std::string, std::string>(settings.begin(), settings.end());
  };
  const Bound bound(options);
  const auto before = by_name(settings_of(saved)), now = by_name(bound.table.settings());
  std::vector<std::string> lines;
  for (const auto& name : bound.table.shaping()) {
    const auto then = before.find(name), today = now.find(name);
    if (then != before.end() && today != now.end() && then->second != today->second)
      lines.push_back(fmt::format("note: --{} is {}, but was {} when the run was saved", name, today->second,
                                  then->second));
  }
  return lines;
}

}  // namespace neumf
