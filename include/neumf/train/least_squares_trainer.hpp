// Training of GMF by alternating least squares (nn/least_squares.hpp), `--loss ials`. An epoch has two
// updates: all users move, and then all items. A user's interactions are all on the rank that has its row, so
// users move without the other ranks; of items ranks sum their shares, a table of theirs for every step of
// the solver. The logit of a pair is p_u . q_i: the final layer stays at ones, its bias at zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "neumf/comm/communicator.hpp"
#include "neumf/config/options.hpp"
#include "neumf/core/context.hpp"
#include "neumf/core/profiler.hpp"
#include "neumf/data/dataset.hpp"
#include "neumf/data/users_of_items.hpp"
#include "neumf/nn/least_squares.hpp"
#include "neumf/nn/parameters.hpp"
#include "neumf/ops/step_state.hpp"
#include "neumf/train/epoch_trainer.hpp"
#include "neumf/train/heartbeat.hpp"

namespace neumf {

struct LeastSquaresTrainerSpec {
  LeastSquaresSpec rows;
  Freeze freeze;    // users or items that stay as they are
  int threads = 0;  // of the host's, beside a GPU; 0: the cores that the rank may use
  bool profile = false;
};

// Whatever the device, the host solves, in single precision.
template <class Device, class T>
class LeastSquaresTrainer : public EpochTrainer<Device> {
 public:
  using typename EpochTrainer<Device>::AfterUpdate;
  using typename EpochTrainer<Device>::GiveUp;

  // `shard` is the rank's part of the data, whose users have the rows of the user table. A final layer that
  // is not at ones is multiplied into the items' embeddings. All must outlive the trainer. Not
  // collective: a rank may lack the memory.
  LeastSquaresTrainer(Context<Device>& context, const Communicator& communicator,
                      Parameters<Device, T>& parameters, const ModelShape& shape, const Shard& shard,
                      const LeastSquaresTrainerSpec& spec, Heartbeat* heartbeat = nullptr);

  // The loss is, at the middle of the epoch, the sum of interactions' (1 - logit)^2 and of all pairs'
  // unobserved_weight logit^2, divided by the interactions. `give_up` is not asked.
  std::optional<double> train_epoch(std::uint32_t epoch, std::uint64_t first = 0,
                                    const AfterUpdate& after_update = {},
                                    const GiveUp& give_up = {}) override;
  void set_learning_rate(float /*rate*/) override {}

  std::uint64_t updates_per_epoch() const override { return 2; }
  // Interactions, each of which half an epoch reads once for every step of the solver.
  std::uint64_t samples(std::uint64_t first = 0) const override { return positives_ * (2 - first) / 2; }
  std::uint64_t bytes_per_update() const override { return bytes_per_update_; }
  std::string exchange() const override;
  ops::StepState state() const override { return state_; }
  void restore(const ops::StepState& state) override { state_ = state; }
  Profiler<Device>& profiler() override { return profiler_; }
  std::size_t bytes() const override;

 private:
  // Whose threads solve.
  Context<Cpu>& host();
  void take_final_layer();
  // One side of the model, given the other; return this rank's part of the loss.
  double move_users();
  double move_items();

  Context<Device>& context_;
  const Communicator& communicator_;
  Parameters<Device, T>& parameters_;
  const Shard& shard_;
  LeastSquaresTrainerSpec spec_;
  Heartbeat* heartbeat_;
  Profiler<Device> profiler_;
  std::optional<Context<Cpu>> beside_gpu_;
  UsersOfItems transposed_;
  std::uint64_t positives_ = 0;         // over all ranks
  std::uint64_t bytes_per_update_ = 0;  // on average: users need none
  ops::StepState state_;
};

}  // namespace neumf
