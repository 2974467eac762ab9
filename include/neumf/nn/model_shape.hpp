// The sizes that define a model of the NCF family (He et al., "Neural Collaborative Filtering", WWW 2017).
#pragma once

#include <cstdint>
#include <vector>

#include "neumf/core/value_names.hpp"

namespace neumf {

// The paper's three instantiations: generalised matrix factorisation, the multi-layer perceptron, and both
// fused in one final layer.
enum class ModelKind { neumf, gmf, mlp };
constexpr auto value_names(ModelKind) {
  return std::to_array<NamedValue<ModelKind>>(
      {{"neumf", ModelKind::neumf}, {"gmf", ModelKind::gmf}, {"mlp", ModelKind::mlp}});
}

// A model has the branches whose sizes it has: GMF alone has no layers, MLP alone has no factors.
struct ModelShape {
  std::int64_t users = 0;
  std::int64_t items = 0;
  std::int64_t factors = 64;                            // width of the GMF embeddings; 0: no GMF branch
  std::vector<std::int64_t> layers{256, 256, 128, 64};  // layers[0]: width of [P_u ; Q_i]; then the outputs;
                                                        // empty: no MLP branch

  // A model of a kind, which drops the sizes that it has no use for.
  static ModelShape of(ModelKind kind, std::int64_t users, std::int64_t items, std::int64_t factors,
                       const std::vector<std::int64_t>& layers);

  bool has_gmf() const { return factors > 0; }
  bool has_mlp() const { return !layers.empty(); }
  ModelKind kind() const {
    return !has_mlp() ? ModelKind::gmf : has_gmf() ? ModelKind::neumf : ModelKind::mlp;
  }
  std::int64_t mlp_embedding() const { return has_mlp() ? layers.front() / 2 : 0; }
  std::int64_t first_hidden() const { return has_mlp() ? layers.at(1) : 0; }
  // Width of the MLP's contribution to the final layer.
  std::int64_t mlp_out() const { return has_mlp() ? layers.back() : 0; }
  // All weights, all users' embeddings included.
  std::int64_t parameters() const;
  // Multiplications and additions of one training sample (forward and backward), as if every sample went
  // through every layer by itself: the figure that speed is compared against.
  double flops_per_sample() const;
  // Throws Error, naming the option, if the sizes do not make a model.
  void validate() const;

  bool operator==(const ModelShape&) const = default;
};

}  // namespace neumf
