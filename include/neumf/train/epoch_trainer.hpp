// What trains a model, an epoch at a time: by gradients (train/trainer.hpp), or by least squares
// (train/least_squares_trainer.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "neumf/core/profiler.hpp"
#include "neumf/ops/step_state.hpp"

namespace neumf {

template <class Device>
class EpochTrainer {
 public:
  // Called after each update with (updates done, updates in the epoch); whether to go on, the same on every
  // rank.
  using AfterUpdate = std::function<bool(std::uint64_t, std::uint64_t)>;
  // Called between the blocks of a long update: whether this rank wants to stop at once. If any rank does,
  // the update is given up on all, and leaves no trace.
  using GiveUp = std::function<bool()>;

  virtual ~EpochTrainer() = default;

  // Trains one epoch (numbered from 0), from update `first` on, and returns the mean loss over all ranks, or
  // nothing if `after_update` or `give_up` stopped it. Where `first` is not 0, state().loss is that of the
  // updates before. Collective.
  virtual std::optional<double> train_epoch(std::uint32_t epoch, std::uint64_t first = 0,
                                            const AfterUpdate& after_update = {},
                                            const GiveUp& give_up = {}) = 0;

  // Brings all parameters up to date. Between the updates of an epoch, so in `after_update`, those of rows
  // that nobody has read may be behind.
  virtual void complete_updates() {}
  // Of the epochs from now on.
  virtual void set_learning_rate(float rate) = 0;

  virtual std::uint64_t updates_per_epoch() const = 0;
  // Samples over all ranks of an epoch's updates from `first` on.
  virtual std::uint64_t samples(std::uint64_t first = 0) const = 0;
  // Bytes that this rank gives to the exchange of one update; 0 before the first.
  virtual std::uint64_t bytes_per_update() const = 0;
  // What ranks exchange through, for people, and what is wrong with it, or nothing.
  virtual std::string exchange() const = 0;
  virtual std::string warning() const { return {}; }

  // Where training stands on this rank: the loss scale, skipped updates, this rank's loss so far.
  virtual ops::StepState state() const = 0;
  // Continues from another trainer's state; what belongs to an epoch is set by train_epoch.
  virtual void restore(const ops::StepState& state) = 0;
  virtual Profiler<Device>& profiler() = 0;
  virtual std::size_t bytes() const = 0;
};

}  // namespace neumf
