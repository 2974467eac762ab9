// Items that lie near each other: cosine similarity of item embeddings.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neumf/checkpoint/reader.hpp"
#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/core/value_names.hpp"
#include "neumf/serve/recommender.hpp"

namespace neumf::serve {

// Which embeddings; `both` compares the vector of one followed by the other.
enum class Embedding { gmf, mlp, both };
constexpr auto value_names(Embedding) {
  return std::to_array<NamedValue<Embedding>>(
      {{"gmf", Embedding::gmf}, {"mlp", Embedding::mlp}, {"both", Embedding::both}});
}

class SimilarItems {
 public:
  // `candidates`: what may be found, as ascending rows of the catalogue; everything where it is empty. Throws
  // Error if the model has no such embedding. An item whose embedding is 0 is as far from all (cosine 0).
  SimilarItems(const CheckpointReader& checkpoint, Embedding embedding,
               std::vector<std::uint32_t> candidates = {});

  // The `topk` nearest of each of these rows of the catalogue, without itself: rows and cosines. Of equal
  // ones the item that comes first in the catalogue is ranked first.
  Ranking nearest(Context<Cpu>& context, std::span<const std::uint32_t> items, std::int64_t topk) const;

 private:
  std::vector<std::uint32_t> candidates_;
  Tensor<float, Cpu> all_,
      candidate_vectors_;  // of length 1: [items, width]; the second where not all may be found
};

}  // namespace neumf::serve
