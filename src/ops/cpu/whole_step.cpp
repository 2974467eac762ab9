#include "neumf/ops/whole_step.hpp"

#include <omp.h>

#include <algorithm>
#include <vector>

#include "../instantiate.hpp"
#include "narrow_worker.hpp"

namespace neumf::ops {
namespace {

// The step of a narrow model on all threads.
template <class T>
class NarrowStep final : public WholeStep<Cpu, T> {
 public:
  NarrowStep(const TrainedModel<T>& model, std::int32_t group_size)
      : model_(model),
        places_(model),
        tile_groups_(std::max<std::int64_t>(cpu::tile_samples / group_size, 1)) {}

  void run(Context<Cpu>& context, const BatchView& batch, const Dropout& dropout, StepState* state) override {
    const std::int64_t tiles = (batch.groups + tile_groups_ - 1) / tile_groups_;
    const auto threads = static_cast<int>(std::clamp<std::int64_t>(tiles, 1, context.threads()));
    while (workers_.size() < static_cast<std::size_t>(threads))
      workers_.emplace_back(model_, places_, tile_groups_, batch.group_size);
    const float factor = state->loss_factor;
#pragma omp parallel num_threads(threads)
    {
      const int thread = omp_get_thread_num();
      cpu::NarrowWorker<T>& worker = workers_[static_cast<std::size_t>(thread)];
      worker.begin(model_, dropout);
      const cpu::RowOwner owner{static_cast<std::uint32_t>(thread), static_cast<std::uint32_t>(threads)};
      worker.run(batch, model_, places_, factor, batch.groups * thread / threads,
                 batch.groups * (thread + 1) / threads, owner);
#pragma omp barrier
      for (int other = 0; other < threads; ++other)
        if (other != thread) worker.receive(workers_[static_cast<std::size_t>(other)], model_, owner);
      add_sums(thread, threads);
    }
    places_.add(workers_[0].sums());
    double loss = 0, bias_gradient = 0;
    for (int thread = 0; thread < threads; ++thread) {
      loss += workers_[static_cast<std::size_t>(thread)].loss();
      bias_gradient += workers_[static_cast<std::size_t>(thread)].bias_gradient();
    }
    state->loss += loss;
    model_.head_bias.gradient.data[0] += static_cast<float>(bias_gradient);
  }

 private:
  // Adds a part of the sums of all threads to those of the first.
  void add_sums(int thread, int threads) {
    const std::int64_t vectors = places_.size / cpu::lanes;
    const std::int64_t begin = vectors * thread / threads * cpu::lanes,
                       end = vectors * (thread + 1) / threads * cpu::lanes;
    for (int other = 1; other < threads; ++other)
      cpu::add(workers_[0].sums() + begin, workers_[static_cast<std::size_t>(other)].sums() + begin,
               end - begin);
  }

  TrainedModel<T> model_;
  cpu::NarrowPlaces places_;
  std::int64_t tile_groups_;
  std::vector<cpu::NarrowWorker<T>> workers_;
};

// The widest embedding or layer.
template <class T>
std::int64_t widest(const TrainedModel<T>& model) {
  std::int64_t widest = 0;
  model.visit_layers([&](const TrainedWeight& w) {
    widest = std::max({widest, w.value.rows, w.value.cols});
  });
  return widest;
}

}  // namespace

template <class Device, class T>
std::unique_ptr<WholeStep<Device, T>> make_whole_step(const TrainedModel<T>& model, std::int32_t group_size) {
  constexpr std::int64_t widest_that_pays = 64;
  if (widest(model) > widest_that_pays) return nullptr;
  return std::make_unique<NarrowStep<T>>(model, group_size);
}

NEUMF_FOR_EACH_TYPE(NEUMF_WHOLE_STEP, Cpu)

}  // namespace neumf::ops
