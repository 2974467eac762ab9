#include "epoch_evaluation.hpp"

#include <algorithm>

#include "neumf/nn/instantiate.hpp"
#include "stopwatch.hpp"

namespace neumf {
namespace {

template <class Device>
std::int64_t block_samples(const Context<Device>& context, const Communicator& communicator,
                           const Options& options) {
  return std::min<std::int64_t>(options.valid_batch_size / communicator.size(), context.block_samples());
}

}  // namespace

template <class Device, class T>
EpochEvaluation<Device, T>::EpochEvaluation(Context<Device>& context, const Communicator& communicator,
                                            const Options& options, Parameters<Device, T>& parameters,
                                            const ModelShape& shape, const Shard& shard,
                                            std::int64_t first_row, Heartbeat& heartbeat)
    : context_(context),
      communicator_(communicator),
      heartbeat_(heartbeat),
      sampled_(context, parameters, shape, shard, static_cast<std::uint32_t>(first_row),
               block_samples(context, communicator, options), every_k(options), options.loss) {
  if (options.evaluation == Evaluation::full)
    full_.emplace(context, parameters, shape, shard, static_cast<std::uint32_t>(first_row),
                  block_samples(context, communicator, options), every_k(options));
}

template <class Device, class T>
void EpochEvaluation<Device, T>::run(EpochReport& report) {
  communicator_.barrier();
  heartbeat_.enter(Phase::evaluation);
  const Stopwatch time;
  const Metrics metrics = sampled_.evaluate(context_, communicator_);
  report.evaluation_seconds = communicator_.max(time.seconds());
  seconds_ += report.evaluation_seconds;
  report.hit_rate = metrics.hit_rate;
  report.ndcg = metrics.ndcg;
  report.validation_loss = metrics.loss;
  report.sampled = metrics.ranking;
  report.evaluation_throughput =
      static_cast<double>(communicator_.sum(sampled_.samples())) / report.evaluation_seconds;
  if (!full_) return;
  const Stopwatch full_time;
  report.full = full_->evaluate(context_, communicator_);
  report.full_seconds = communicator_.max(full_time.seconds());
  seconds_ += report.full_seconds;
}

template <class Device, class T>
std::size_t EpochEvaluation<Device, T>::bytes() const {
  return sampled_.bytes() + (full_ ? full_->bytes() : 0);
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class EpochEvaluation<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
