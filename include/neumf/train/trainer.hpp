// One rank's part of training: draws its samples, computes gradients block by block, joins the gradient
// exchange and updates its parameters.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "neumf/comm/communicator.hpp"
#include "neumf/comm/gradient_reducer.hpp"
#include "neumf/comm/row_reducer.hpp"
#include "neumf/config/options.hpp"
#include "neumf/core/context.hpp"
#include "neumf/core/pace.hpp"
#include "neumf/core/profiler.hpp"
#include "neumf/core/replay.hpp"
#include "neumf/data/dataset.hpp"
#include "neumf/nn/catalogue_softmax.hpp"
#include "neumf/nn/neumf_model.hpp"
#include "neumf/ops/adam.hpp"
#include "neumf/ops/step_state.hpp"
#include "neumf/sampling/sampler.hpp"
#include "neumf/train/epoch_trainer.hpp"
#include "neumf/train/heartbeat.hpp"
#include "neumf/train/schedule.hpp"
#include "neumf/train/sharded_items.hpp"
#include "neumf/train/weight_update.hpp"

namespace neumf {

struct TrainerSpec {
  SamplerSpec sampler;  // user_row_offset is set by the trainer, the epoch is the state's
  Negatives negatives = Negatives::uniform;
  double popularity_power = 0.75;
  Loss loss = Loss::bce;
  float embedding_l2 = 0;             // see Objective
  std::int64_t batch_size = 1048576;  // samples per update over all ranks
  int grads_accumulated = 1;
  float dropout = 0.5f;
  Optimizer optimizer = Optimizer::adam;
  float learning_rate = 0.0045f;
  ops::AdamSpec adam;             // SGD uses its weight decay
  Freeze freeze;                  // what updates leave as it is
  bool defer_row_updates = true;  // where that pays, see WeightUpdate
  ops::LossScaling loss_scaling;
  float loss_scale = 1.0f;  // at the start
  bool users_replicated = false;
  bool profile = false;
  // Updates of at least so many samples on a rank may be given up half-way on a CPU. They take from
  // milliseconds to seconds, so that asking and agreeing costs nothing beside them.
  std::int64_t long_update = 65536;
};

// The updates of an epoch of all ranks' shards. Collective.
EpochSchedule schedule_of(const TrainerSpec& spec, const Shard& shard, const Communicator& communicator);

template <class Device, class T>
class Trainer : public EpochTrainer<Device> {
 public:
  using typename EpochTrainer<Device>::AfterUpdate;
  using typename EpochTrainer<Device>::GiveUp;

  // `shard` is the rank's part of the data; `items` are those of `parameters` that have a share.
  // `communicator`, `parameters`, `heartbeat` and `items` must outlive the trainer. Collective; in
  // Communicator::together, since a rank may lack the memory.
  Trainer(Context<Device>& context, const Communicator& communicator, Parameters<Device, T>& parameters,
          const ModelShape& shape, const Shard& shard, const TrainerSpec& spec,
          Heartbeat* heartbeat = nullptr, ShardedItems<Device, T>* items = nullptr);

  // The loss is the mean of the epoch's samples (of its groups, if they are compared: ops/ranking_loss.hpp).
  std::optional<double> train_epoch(std::uint32_t epoch, std::uint64_t first = 0,
                                    const AfterUpdate& after_update = {},
                                    const GiveUp& give_up = {}) override;
  void complete_updates() override { weight_update_.complete(context_); }
  void set_learning_rate(float rate) override { spec_.learning_rate = rate; }

  std::uint64_t updates_per_epoch() const override { return schedule_.steps(); }
  std::uint64_t samples(std::uint64_t first = 0) const override;
  std::uint64_t bytes_per_update() const override { return bytes_per_update_; }
  std::string exchange() const override;
  std::string warning() const override { return reducer_->warning(); }
  ops::StepState state() const override;
  void restore(const ops::StepState& state) override;
  Profiler<Device>& profiler() override { return profiler_; }
  std::size_t bytes() const override;

  const EpochSchedule& schedule() const { return schedule_; }
  const GradientReducer<Device>& reducer() const { return *reducer_; }
  const RowReducer<Device>& item_rows() const { return *item_rows_; }
  NeuMF<Device, T>& model() { return model_; }
  const WeightUpdate<Device, T>& weight_update() const { return weight_update_; }

 private:
  // Makes users the samples. Collective.
  void compare_with_catalogue(const ModelShape& shape, const Shard& shard);
  // How negatives are drawn, where that is not uniformly. Collective.
  void draw_by_popularity(const Shard& shard);
  // What a sample of an update counts: one over the update's samples on all ranks.
  float loss_weight(std::uint64_t number) const;
  // An update of `groups` groups of this rank. False if it was given up.
  bool step(std::uint64_t groups, const Dropout& dropout, const GiveUp& give_up);
  // Draws all groups of an update, and reads the rows of their items from the ranks that keep them.
  void read_items(std::int64_t groups);
  void sum_shared_items();
  void take_back(const ops::StepState& before);
  void start_bucket(std::size_t bucket);
  void start_reduction(std::span<float> gradients);
  void exchange_gradients();
  // Gradients of frozen rows are dropped, but an overflow among them counts on all ranks alike.
  bool needs_item_sums() const { return !spec_.freeze.items || spec_.loss_scaling.dynamic; }
  bool sums_item_rows() const { return item_rows_->in_use() && needs_item_sums(); }
  // Bytes that this rank has given to the exchange so far.
  std::uint64_t exchanged_bytes() const {
    return reducer_->bytes() + item_rows_->bytes() +
           (shared_items_ != nullptr ? shared_items_->exchanged_bytes() : 0);
  }
  // Runs `work`, known to the profiler and to the watchdog.
  template <class Work>
  void in_phase(Phase phase, const Work& work);

  Context<Device>& context_;
  const Communicator& communicator_;
  Parameters<Device, T>& parameters_;
  TrainerSpec spec_;
  Heartbeat* heartbeat_;
  ShardedItems<Device, T>* shared_items_;  // or null
  Profiler<Device> profiler_;
  EpochSchedule schedule_;
  NeuMF<Device, T> model_;
  Tensor<std::uint32_t, Device> users_, items_;
  Tensor<std::uint64_t, Device> offsets_;
  Tensor<AliasSlot, Device> slots_;
  Tensor<float, Device> log_q_;
  Tensor<float, Device> read_log_q_;                        // by row of item tables that are shared out
  Tensor<std::uint32_t, Device> own_users_;                 // 0, 1, 2, ..., where users are the samples
  std::unique_ptr<CatalogueSoftmax<Device, T>> catalogue_;  // of Loss::full_softmax, or null
  double positives_per_user_ = 1;                           // over all ranks, there
  TrainingSetView positives_;                               // of these users
  TrainingSetView set_;
  BatchBuffer<Device> batch_;
  Tensor<float, Device> loss_weights_;  // by update of an epoch, and one more
  Tensor<ops::StepState, Device> state_;
  std::unique_ptr<RowReducer<Device>> item_rows_;
  WeightUpdate<Device, T> weight_update_;
  std::unique_ptr<GradientReducer<Device>> reducer_;
  Replay<Device> replay_;
  Pace<Device> pace_;
  std::size_t buckets_started_ = 0;  // of the current step
  std::uint64_t bytes_per_update_ = 0;
};

}  // namespace neumf
