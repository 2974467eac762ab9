// Fold-in: embeddings for users from what they have, with every other weight of a model as it is.
//
// A user's rows begin with the mean of the trained users', and Adam moves them along the gradient of the loss
// that the model was trained by (full_softmax: of softmax among what is drawn) over samples of the user
// alone: its items, each followed by negatives drawn uniformly from what it has not. Of many items there are
// more steps, of few only a few, since the mean is what is known of a user of whom nothing is known. Draws
// are a function of the user's id, the step and the place in it: a user's rows depend on nothing but the
// model, the id and the items. Of a model that was trained by ials, a user's row is the solution of its least
// squares (nn/least_squares.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "neumf/checkpoint/reader.hpp"
#include "neumf/core/context.hpp"
#include "neumf/nn/least_squares.hpp"
#include "neumf/serve/history.hpp"
#include "neumf/serve/user_fit.hpp"
#include "neumf/serve/user_rows.hpp"

namespace neumf::serve {

template <class Device>
class FoldIn : public UserRows {
 public:
  // All must outlive this.
  FoldIn(Context<Device>& context, CheckpointReader& checkpoint, const History& history);

  // Users are rows of the history. Those that were fitted before are remembered.
  void read(std::span<const std::uint32_t> users, std::span<float> gmf, std::span<float> mlp) override;

  std::size_t fitted() const { return fitted_; }  // users, so far
  double seconds() const { return seconds_; }     // that it took

 private:
  void find_typical(CheckpointReader& checkpoint);
  void prepare_exact(CheckpointReader& checkpoint, const LeastSquaresSpec& spec);
  void solve(std::span<const std::uint32_t> users);
  // Users with as many steps each.
  void fit(std::span<const std::uint32_t> users, int steps);
  FitSamples draw(std::span<const std::uint32_t> users, int step) const;

  Context<Device>& context_;
  const History& history_;
  std::uint32_t item_count_;
  std::size_t factors_, embedding_;
  std::optional<UserFit<Device>> fit_;  // or
  Tensor<float, Cpu> vectors_;          // of items, as the logit has them, and
  std::optional<Context<Cpu>> host_;
  std::optional<ExactRows> exact_;          // of these
  std::vector<float> mean_gmf_, mean_mlp_;  // of the trained users
  PerTable deviation_;                      // of their elements from the mean
  std::vector<std::uint8_t> known_;         // of each user of the history: whether its rows are below
  std::vector<float> gmf_, mlp_;            // rows of the history's users
  std::size_t fitted_ = 0;
  double seconds_ = 0;
};

}  // namespace neumf::serve
