#include "epoch_evaluation.hpp"

#include <algorithm>

#include "neumf/core/stopwatch.hpp"
#include "neumf/nn/instantiate.hpp"

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
                                            const ModelShape& shape, const Shard& shard, HeldOutPart part,
                                            std::int64_t first_row, ItemRows<Device>* items,
                                            Heartbeat& heartbeat)
    : EpochEvaluation(context, communicator, options, parameters, shape, RankingCases(shard, part), part,
                      first_row, items, heartbeat) {}

template <class Device, class T>
EpochEvaluation<Device, T>::EpochEvaluation(Context<Device>& context, const Communicator& communicator,
                                            const Options& options, Parameters<Device, T>& parameters,
                                            const ModelShape& shape, const RankingCases& cases,
                                            HeldOutPart part, std::int64_t first_row, ItemRows<Device>* items,
                                            Heartbeat& heartbeat)
    : context_(context),
      communicator_(communicator),
      heartbeat_(heartbeat),
      part_(part),
      users_(cases.users()),
      sampled_(context, parameters, shape, cases, static_cast<std::uint32_t>(first_row),
               block_samples(context, communicator, options), every_k(options), options.loss, items) {
  if (options.evaluation == Evaluation::full)
    full_.emplace(context, parameters, shape, cases, static_cast<std::uint32_t>(first_row),
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
  report.part = part_;
  report.several = metrics.several;
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
