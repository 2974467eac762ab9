// The best items of the whole catalogue for each user.
//
// The first layer is split into a user and an item half (nn/pair_layer.hpp): item halves are computed once,
// user halves once per user, and what is left per (user, item) pair is their sum and the layers above. GMF's
// part of the logits of a block is one matrix product, with the final layer's weights multiplied into the
// item factors. Then the K best are scored once more as single pairs (serve/pair_scorer.hpp), so that a pair
// has the same score whoever asks for it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "neumf/core/context.hpp"
#include "neumf/core/workers.hpp"
#include "neumf/nn/hidden_layers.hpp"
#include "neumf/nn/neumf_model.hpp"
#include "neumf/ops/top_k.hpp"
#include "neumf/serve/item_filter.hpp"
#include "neumf/serve/served_model.hpp"

namespace neumf::serve {

// K items for each of some users, best first; fewer than K are filled up with ops::no_item and -infinity.
struct Ranking {
  std::vector<std::uint32_t> items;  // [users, K] rows of the checkpoint's catalogue
  std::vector<float> scores;         // [users, K] logits
};

template <class Device, class T>
class Recommender {
 public:
  // Users are taken `window` at a time. `topk` is K, or the catalogue's size if that is smaller. `items`:
  // those that may be recommended, as ascending rows of the checkpoint; all of them where it is empty.
  // `rows`: where users come from, or null for the checkpoint. `checkpoint` and `rows` must outlive this.
  Recommender(Context<Device>& context, CheckpointReader& checkpoint, int topk, std::int64_t window,
              std::vector<std::uint32_t> items = {}, UserRows* rows = nullptr);

  std::int64_t window() const { return model_.window(); }
  std::int64_t topk() const { return topk_; }

  // For at most window() users, rows of where users come from. `excluded` holds a list per user, or is null.
  // Of equal scores the item that comes first in the catalogue is ranked first.
  Ranking recommend(Context<Device>& context, std::span<const std::uint32_t> users,
                    const ItemLists* excluded = nullptr);

 private:
  // What one worker needs to score a block of a few users by many items.
  struct Scratch {
    HiddenLayers<Device, T> hidden;
    Tensor<float, Device> logits;
  };

  // Users [first, first + count) of the window against the whole catalogue.
  void rank_users(Context<Device>& context, Scratch& scratch, std::int64_t first, std::int64_t count,
                  bool exclude);
  // Scores the lists' pairs again and puts them in order; `users` of them.
  void score_again(Context<Device>& context, Ranking& ranking, std::size_t users);
  void score_block(Context<Device>& context, Scratch& scratch, std::int64_t first_user, std::int64_t users,
                   std::int64_t first_item, std::int64_t items);

  std::int64_t topk_;
  std::vector<std::uint32_t> catalogue_;  // the rows that may be recommended, where these are not all
  ServedModel<Device, T> model_;
  Workers<Device> workers_;
  std::int64_t block_items_, block_users_;
  std::vector<Scratch> scratch_;             // of each worker
  NeuMF<Device, T> pairs_;                   // scores single pairs
  Tensor<T, Device> item_half_, user_half_;  // of the first layer: [items, H], [window, H]
  Tensor<T, Device> weighted_items_;         // GMF factors times the final layer's weights: [items, F]
  Tensor<std::uint32_t, Device> pair_users_, pair_items_;
  Tensor<float, Device> pair_logits_;
  Tensor<float, Device> best_scores_;
  Tensor<std::uint32_t, Device> best_items_;
  Tensor<std::uint64_t, Device> excluded_offsets_;
  Tensor<std::uint32_t, Device> excluded_items_;
};

}  // namespace neumf::serve
