#include "neumf/nn/model_shape.hpp"

#include <fmt/ranges.h>
#include <algorithm>

#include "neumf/core/error.hpp"

namespace neumf {

ModelShape ModelShape::of(ModelKind kind, std::int64_t users, std::int64_t items, std::int64_t factors,
                          const std::vector<std::int64_t>& layers) {
  ModelShape shape{users, items, factors, layers};
  if (kind == ModelKind::gmf) shape.layers.clear();
  if (kind == ModelKind::mlp) shape.factors = 0;
  return shape;
}

std::int64_t ModelShape::parameters() const {
  std::int64_t count = (users + items) * (factors + mlp_embedding()) + factors + mlp_out() + 1;
  for (std::size_t i = 1; i < layers.size(); ++i) count += (layers[i - 1] + 1) * layers[i];
  return count;
}

double ModelShape::flops_per_sample() const {
  double products = static_cast<double>(factors + mlp_out());
  for (std::size_t i = 1; i < layers.size(); ++i) products += static_cast<double>(layers[i - 1] * layers[i]);
  return 3 * 2 * products;
}

void ModelShape::validate() const {
  require(factors >= (has_mlp() ? 0 : 1) && factors <= 65536, "--factors {}: must be between 1 and 65536",
          factors);
  if (!has_mlp()) return;
  require(layers.size() <= 64, "--layers: {} sizes, but at most 64 make a model", layers.size());
  require(layers.size() >= 2,
          "--layers: at least two sizes are needed, the width of the concatenated embeddings "
          "and one hidden layer, for example --layers 256 256 128 64");
  require(
      std::all_of(layers.begin(), layers.end(), [](std::int64_t size) { return size >= 1 && size <= 65536; }),
      "--layers {}: every size must be between 1 and 65536", fmt::join(layers, " "));
  require(layers.front() % 2 == 0,
          "--layers {}: the first size is shared by the user and the item embedding and must be even, for "
          "example {}",
          fmt::join(layers, " "), layers.front() + 1);
}

}  // namespace neumf
