// The weights of a NeuMF by name (He et al., "Neural Collaborative Filtering", WWW 2017, section 3.4), each
// as a W: its place in memory, its values and gradients, or whatever else there is one of for each weight.
// They are listed nowhere else.
#pragma once

#include <cstddef>
#include <type_traits>
#include <vector>

namespace neumf {

// Those of the layers. The order here is that in which they are visited.
template <class W>
struct LayerWeights {
  W head_gmf, head_mlp, head_bias;            // final layer: [1, F], [1, layers.back()], [1, 1]
  std::vector<W> hidden_weight, hidden_bias;  // layers[2..]: [out, in], [1, out]
  W pair_user, pair_item, pair_bias;          // first layer: [layers[1], layers[0] / 2] twice, [1, layers[1]]

  // Calls visit(weight) for each.
  template <class Visit>
  void visit_layers(const Visit& visit) const {
    for (const W* w : {&head_gmf, &head_mlp, &head_bias}) visit(*w);
    for (std::size_t i = 0; i < hidden_weight.size(); ++i) {
      visit(hidden_weight[i]);
      visit(hidden_bias[i]);
    }
    for (const W* w : {&pair_user, &pair_item, &pair_bias}) visit(*w);
  }
  // of(weight) for each, by the same names.
  template <class Of>
  auto layers_as(const Of& of) const {
    const auto each = [&](const std::vector<W>& weights) {
      std::vector<std::invoke_result_t<Of, const W&>> out;
      for (const W& w : weights) out.push_back(of(w));
      return out;
    };
    return LayerWeights<std::invoke_result_t<Of, const W&>>{
        of(head_gmf),      of(head_mlp),  of(head_bias), each(hidden_weight),
        each(hidden_bias), of(pair_user), of(pair_item), of(pair_bias)};
  }
};

// The embeddings, a row per item or user: [rows, F] for GMF, [rows, layers[0] / 2] for the MLP.
template <class W>
struct EmbeddingTables {
  W item_gmf, item_mlp, user_gmf, user_mlp;

  template <class Of>
  auto tables_as(const Of& of) const {
    return EmbeddingTables<std::invoke_result_t<Of, const W&>>{of(item_gmf), of(item_mlp), of(user_gmf),
                                                               of(user_mlp)};
  }
};

}  // namespace neumf
