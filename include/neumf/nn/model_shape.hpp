// The sizes that define a NeuMF model.
#pragma once

#include <cstdint>
#include <vector>

namespace neumf {

struct ModelShape {
  std::int64_t users = 0;
  std::int64_t items = 0;
  std::int64_t factors = 64;                            // width of the GMF embeddings
  std::vector<std::int64_t> layers{256, 256, 128, 64};  // layers[0]: width of [P_u ; Q_i]; then the outputs

  std::int64_t mlp_embedding() const { return layers.front() / 2; }
  std::int64_t first_hidden() const { return layers.at(1); }
  // Width of the MLP's contribution to the final layer.
  std::int64_t mlp_out() const { return layers.back(); }
  // All weights, all users' embeddings included.
  std::int64_t parameters() const;
  // Multiplications and additions of one training sample (forward and backward), as if every sample went
  // through every layer by itself: the figure that speed is compared against.
  double flops_per_sample() const;
  // Throws Error, naming the option, if the sizes do not make a model.
  void validate() const;
};

}  // namespace neumf
