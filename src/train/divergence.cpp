#include "divergence.hpp"

#include <fmt/format.h>

#include <cmath>
#include <string>

#include "neumf/comm/communicator.hpp"

namespace neumf {

namespace {

std::string remedy(const Options& options) {
  if (options.loss == Loss::ials)
    return fmt::format("Raise --embedding_l2 (now {}), or bring --unobserved_weight (now {}) nearer to 1",
                       options.embedding_l2, options.unobserved_weight);
  return fmt::format("Lower --learning_rate (now {}), or raise --eps", options.learning_rate);
}

}  // namespace

void require_finite_loss(double loss, int epoch, const Options& options) {
  if (std::isfinite(loss)) return;
  throw CollectiveError(
      fmt::format("the loss became {} in epoch {}: training diverged. {}", loss, epoch, remedy(options)));
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
