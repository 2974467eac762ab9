#include "neumf/train/session.hpp"

#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <type_traits>

#include "neumf/core/error.hpp"
#include "neumf/data/dataset.hpp"
#include "neumf/nn/instantiate.hpp"
#include "neumf/nn/parameters.hpp"
#include "neumf/train/checkpoint.hpp"
#include "neumf/train/evaluator.hpp"
#include "neumf/train/reporter.hpp"
#include "neumf/train/trainer.hpp"

namespace neumf {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// What a rank reads before it computes anything.
struct Inputs {
  std::optional<Dataset> dataset;
  Shard shard;
  ModelShape shape;
  std::optional<CheckpointInfo> checkpoint;
};

ModelShape shape_of(const Options& options, const Dataset& dataset,
                    const std::optional<CheckpointInfo>& checkpoint) {
  ModelShape shape{static_cast<std::int64_t>(dataset.users()), static_cast<std::int64_t>(dataset.items()),
                   options.factors, options.layers};
  if (!checkpoint) return shape;
  const auto& saved = checkpoint->shape;
  require(saved.users == shape.users && saved.items == shape.items,
          "{}: the checkpoint has {} users and {} items, but the data set {} has {} and {}: use the data set "
          "that it "
          "was trained on",
          options.load_checkpoint_path.string(), saved.users, saved.items, options.data.string(), shape.users,
          shape.items);
  require(
      !options.shape_given || (saved.factors == shape.factors && saved.layers == shape.layers),
      "{}: the checkpoint has factors {} and layers {}, not those given: leave out --factors and --layers",
      options.load_checkpoint_path.string(), saved.factors, fmt::join(saved.layers, " "));
  return saved;
}

Inputs read_inputs(const Options& options, const Communicator& communicator) {
  Inputs inputs;
  communicator.together([&] {
    if (!options.load_checkpoint_path.empty())
      inputs.checkpoint = read_checkpoint_info(options.load_checkpoint_path);
    inputs.dataset = Dataset::open(options.data);
    inputs.shape = shape_of(options, *inputs.dataset, inputs.checkpoint);
    inputs.shard = inputs.dataset->load(inputs.dataset->user_range(communicator.rank(), communicator.size()));
  });
  return inputs;
}

TrainerSpec trainer_spec(const Options& o, const ModelShape& shape, bool half_range) {
  TrainerSpec spec;
  spec.sampler.sampling = o.shuffled_sampling ? Sampling::shuffled : Sampling::grouped;
  spec.sampler.negatives = o.negative_samples;
  spec.sampler.item_count = static_cast<std::uint32_t>(shape.items);
  spec.sampler.exact_negatives = o.exact_negatives;
  spec.sampler.seed = o.seed;
  spec.batch_size = o.batch_size;
  spec.grads_accumulated = o.grads_accumulated;
  spec.dropout = o.dropout;
  spec.adam = {o.learning_rate, o.beta1, o.beta2, o.eps};
  spec.profile = o.profile;
  spec.users_replicated = o.user_embeddings == UserEmbeddings::replicated;
  // fp16 reaches down to 6e-8 only: gradients are scaled up. bf16 has the range of fp32.
  if (half_range) {
    spec.loss_scaling.dynamic = true;
    spec.loss_scale = 65536.0f;
  }
  return spec;
}

std::string mebibytes(std::size_t bytes) {
  return fmt::format("{:.0f} MiB", static_cast<double>(bytes) / 1048576.0);
}

template <class Device, class T>
class Session {
 public:
  Session(Context<Device>& context, const Options& options, const Communicator& communicator, Inputs inputs)
      : context_(context),
        options_(options),
        communicator_(communicator),
        inputs_(std::move(inputs)),
        replicated_(options.user_embeddings == UserEmbeddings::replicated),
        first_row_(replicated_ ? inputs_.shard.users.first : 0) {
    communicator_.together([&] {
      reporter_ = std::make_unique<Reporter>(options_, communicator_.is_root());
      const auto user_rows = replicated_ ? inputs_.dataset->users() : inputs_.shard.users.size();
      parameters_ = std::make_unique<Parameters<Device, T>>(context_, inputs_.shape,
                                                            static_cast<std::int64_t>(user_rows));
      parameters_->initialise(context_, options_.seed, replicated_ ? 0 : inputs_.shard.users.first);
      if (inputs_.checkpoint) {
        // Every rank needs all users' rows where they are replicated.
        const UserRange wanted = replicated_ ? UserRange{0, inputs_.dataset->users()} : inputs_.shard.users;
        load_checkpoint(context_, options_.load_checkpoint_path, *parameters_, wanted, 0);
      }
      const auto block =
          std::min<std::int64_t>(options_.valid_batch_size / communicator_.size(), context_.block_samples());
      evaluator_ = std::make_unique<Evaluator<Device, T>>(
          context_, *parameters_, inputs_.shape, inputs_.shard, static_cast<std::uint32_t>(first_row_), block,
          options_.topk);
    });
  }

  void test() {
    report_start(nullptr);
    EpochReport report;
    report.epoch = inputs_.checkpoint->epoch;
    evaluate(report);
    reporter_->evaluation(report);
  }

  void train() {
    std::unique_ptr<Trainer<Device, T>> trainer;
    communicator_.together([&] {
      trainer = std::make_unique<Trainer<Device, T>>(
          context_, communicator_, *parameters_, inputs_.shape, inputs_.shard,
          trainer_spec(options_, inputs_.shape, std::is_same_v<T, float16>));
    });
    report_start(trainer.get());
    const auto start = Clock::now();
    std::vector<EpochReport> reports;
    double best = -1;
    bool reached = false;
    for (int epoch = 1; epoch <= options_.epochs && !reached; ++epoch) {
      EpochReport report;
      report.epoch = epoch;
      communicator_.barrier();
      const auto epoch_start = Clock::now();
      report.train_loss = trainer->train_epoch(
          static_cast<std::uint32_t>(epoch - 1),
          [&](std::uint64_t done, std::uint64_t total) { reporter_->progress(epoch, done, total); });
      report.train_seconds = communicator_.max(seconds_since(epoch_start));
      report.train_throughput = static_cast<double>(trainer->samples_per_epoch()) / report.train_seconds;
      evaluate(report);
      report.seconds_since_start = communicator_.max(seconds_since(start));
      report.best = report.hit_rate > best;
      communicator_.together([&] { reporter_->epoch(report); });
      report_loss_scale(*trainer);
      check_loss(report);
      if (report.best) {
        best = report.hit_rate;
        save(report);
      }
      reached = report.hit_rate >= options_.threshold;
      reports.push_back(report);
    }
    communicator_.together([&] { reporter_->summary(reports, reached); });
    if (options_.profile) report_profile(*trainer, reports);
  }

 private:
  void report_start(const Trainer<Device, T>* trainer) {
    const auto& o = options_;
    const auto& data = *inputs_.dataset;
    const auto& shape = inputs_.shape;
    std::uint64_t bytes = parameters_->bytes() + evaluator_->bytes();
    if (trainer != nullptr) bytes += trainer->bytes();
    bytes = communicator_.max(bytes);
    std::vector<std::pair<std::string, std::string>> rows{
        {"data set", fmt::format("{} ({}): {} users, {} items, {} training positives, {} shard{}",
                                 data.directory().string(), data.source(), with_commas(data.users()),
                                 with_commas(data.items()), with_commas(data.positives()), data.shards(),
                                 data.shards() == 1 ? "" : "s")},
        {"model", fmt::format("NeuMF, factors {}, layers {}: {} parameters", shape.factors,
                              fmt::join(shape.layers, " "),
                              with_commas(static_cast<std::uint64_t>(shape.parameters())))},
        {"ranks",
         fmt::format("{} on {}, {}; user embeddings {}", communicator_.size(), context_.description(),
                     TypeName<T>::value, replicated_ ? "replicated" : "partitioned")}};
    if (trainer != nullptr) {
      rows.emplace_back(
          "batch", fmt::format("{} samples in {} micro-batch{}, {} updates per epoch; {} sampling, {} "
                               "negatives per positive; gradients through {}",
                               with_commas(static_cast<std::uint64_t>(o.batch_size)), o.grads_accumulated,
                               o.grads_accumulated == 1 ? "" : "es", with_commas(trainer->schedule().steps()),
                               o.shuffled_sampling ? "shuffled" : "grouped", o.negative_samples,
                               trainer->reducer().name()));
    } else {
      rows.emplace_back("checkpoint", fmt::format("{}: epoch {}, HR@{} {:.4f} when saved",
                                                  o.load_checkpoint_path.string(), inputs_.checkpoint->epoch,
                                                  inputs_.checkpoint->topk, inputs_.checkpoint->hit_rate));
    }
    rows.emplace_back("memory", fmt::format("{} per rank", mebibytes(bytes)));
    communicator_.together([&] { reporter_->start(rows); });
    if (trainer != nullptr && !trainer->reducer().warning().empty())
      reporter_->note("warning: " + trainer->reducer().warning());
    if (inputs_.checkpoint && inputs_.checkpoint->dataset_id != data.id()) {
      reporter_->note(
          "note: the checkpoint was trained on another preprocessing of this data set, so ids, the "
          "held-out items or the negatives may differ");
    }
  }

  void evaluate(EpochReport& report) {
    communicator_.barrier();
    const auto start = Clock::now();
    const Metrics metrics = evaluator_->evaluate(context_, communicator_);
    report.evaluation_seconds = communicator_.max(seconds_since(start));
    report.hit_rate = metrics.hit_rate;
    report.ndcg = metrics.ndcg;
    report.validation_loss = metrics.loss;
    report.evaluation_throughput =
        static_cast<double>(communicator_.sum(evaluator_->samples())) / report.evaluation_seconds;
  }

  void report_profile(Trainer<Device, T>& trainer, const std::vector<EpochReport>& reports) {
    PhaseTimes mean = trainer.profiler().seconds();
    for (const auto& report : reports)
      mean[static_cast<std::size_t>(Phase::evaluation)] += report.evaluation_seconds;
    PhaseTimes least = mean, most = mean;
    communicator_.allreduce_min(std::span<double>(least));
    communicator_.allreduce_max(std::span<double>(most));
    communicator_.allreduce_sum(std::span<double>(mean));
    for (double& seconds : mean) seconds /= communicator_.size();
    communicator_.together([&] { reporter_->profile(least, mean, most); });
  }

  // Says how many updates overflowed in the epoch, and stops a run whose loss scale has collapsed. The
  // decisions are the same on every rank.
  void report_loss_scale(const Trainer<Device, T>& trainer) {
    const ops::StepState state = trainer.state();
    if (state.skipped > skipped_) {
      reporter_->note(
          fmt::format("       {} update{} skipped because a gradient overflowed; the loss scale is now {}",
                      state.skipped - skipped_, state.skipped - skipped_ == 1 ? "" : "s", state.loss_scale));
    }
    skipped_ = state.skipped;
    if (state.loss_scale < 1e-4f) {
      throw CollectiveError(
          fmt::format("the loss scale fell to {}: gradients overflow at any scale. Lower "
                      "--learning_rate (now {}), or use --precision bf16 or fp32",
                      state.loss_scale, options_.learning_rate));
    }
  }

  // Every rank has the same loss, so every rank stops.
  void check_loss(const EpochReport& report) {
    if (std::isfinite(report.train_loss)) return;
    throw CollectiveError(fmt::format(
        "the loss became {} in epoch {}: training diverged. Lower --learning_rate (now {}), or raise --eps",
        report.train_loss, report.epoch, options_.learning_rate));
  }

  void save(const EpochReport& report) {
    if (options_.checkpoint_dir.empty()) return;
    const CheckpointInfo info{inputs_.shape, inputs_.dataset->id(), report.epoch,    report.hit_rate,
                              report.ndcg,   options_.topk,         to_ini(options_)};
    save_checkpoint(context_, communicator_, options_.checkpoint_dir, "best", info, *inputs_.dataset,
                    *parameters_, inputs_.shard.users, static_cast<std::int64_t>(first_row_));
  }

  Context<Device>& context_;
  const Options& options_;
  const Communicator& communicator_;
  Inputs inputs_;
  bool replicated_;
  std::uint64_t first_row_;
  std::int64_t skipped_ = 0;
  std::unique_ptr<Reporter> reporter_;
  std::unique_ptr<Parameters<Device, T>> parameters_;
  std::unique_ptr<Evaluator<Device, T>> evaluator_;
};

}  // namespace

template <class Device, class T>
void run_session(Context<Device>& context, const Options& options, const Communicator& communicator) {
  Session<Device, T> session(context, options, communicator, read_inputs(options, communicator));
  if (options.mode == Mode::test)
    session.test();
  else
    session.train();
}

#define NEUMF_INSTANTIATE(DEVICE, T) \
  template void run_session<DEVICE, T>(Context<DEVICE>&, const Options&, const Communicator&);
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
