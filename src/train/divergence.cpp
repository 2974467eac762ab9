#include "divergence.hpp"

#include <fmt/format.h>

#include <cmath>

#include "neumf/comm/communicator.hpp"

namespace neumf {

void require_finite_loss(double loss, int epoch, float learning_rate) {
  if (std::isfinite(loss)) return;
  throw CollectiveError(fmt::format(
      "the loss became {} in epoch {}: training diverged. Lower --learning_rate (now {}), or raise --eps",
      loss, epoch, learning_rate));
}

void require_loss_scale(float loss_scale, float learning_rate) {
  if (loss_scale < 1e-4f) {
    throw CollectiveError(
        fmt::format("the loss scale fell to {}: gradients overflow at any scale. Lower "
                    "--learning_rate (now {}), or use --precision bf16 or fp32",
                    loss_scale, learning_rate));
  }
}

}  // namespace neumf
