// All weights of one rank in one piece of memory, and beside it their gradients, Adam moments and, in half
// precision, compute copies.
//
// Order: [hidden layers and their part of the final layer | GMF's part and the item table | first layer,
// overflow slot and the MLP's item table | user tables]. The first three are shared by all ranks and summed
// over them as buckets, in the order in which the backward pass completes them; the user tables hold only the
// rank's own users unless they are replicated. One Adam call moves everything. Weights of a branch that the
// model does not have are empty.
//
// The item tables may be shared out over the ranks instead. Then a rank keeps the rows of its share, with
// their moments, in memory of their own, and the item tables, at the end of all weights, hold whichever rows
// are being read, of any rank, and their gradients.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/core/types.hpp"
#include "neumf/nn/model_shape.hpp"
#include "neumf/ops/model_weights.hpp"

namespace neumf {

// Where one weight matrix lies in the flat memory.
struct Segment {
  std::string name;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t offset = 0;  // in elements, a multiple of 16

  std::int64_t size() const { return rows * cols; }
  bool empty() const { return size() == 0; }
};

// The weights by name, and their places. Vectors are matrices with one row.
struct ParameterLayout : LayerWeights<Segment>, EmbeddingTables<Segment> {
  // `user_rows`: rows of the user tables that this rank holds. `read_items`: where the item tables are shared
  // out, the rows that can be read at once.
  ParameterLayout(const ModelShape& shape, std::int64_t user_rows,
                  std::optional<std::int64_t> read_items = std::nullopt);

  Segment overflow_slot;  // never a weight, see ops/step_state.hpp

  // Where the shared buckets end, in elements; each begins where the one before ends.
  static constexpr std::size_t buckets = 3;
  std::array<std::int64_t, buckets> bucket_end{};
  // Where the item table of a bucket begins, with which it ends; the bucket's end if it has none.
  std::array<std::int64_t, buckets> layers_end{};
  std::int64_t shared = 0;  // elements before the user tables
  std::int64_t moved = 0;   // those with moments: all but item tables that are shared out
  std::int64_t total = 0;

  // Every weight that all ranks share, in a fixed order: what a checkpoint's master file holds. Without those
  // that the model does not have.
  std::vector<const Segment*> shared_segments() const;
  // Of these, the item tables, and all others.
  std::vector<const Segment*> item_segments() const;
  std::vector<const Segment*> layer_segments() const;
  // The user tables that the model has: what a checkpoint's parts hold.
  std::vector<const Segment*> user_segments() const;

 private:
  Segment place(std::string name, std::int64_t rows, std::int64_t cols);
};

// Whether there are gradients and moments beside the weights.
enum class ParameterUse { training, inference };

// What is kept of every weight from update to update.
enum class ParameterSet { weights, first_moments, second_moments };

// A rank's part where the item tables are shared out: it keeps items [first, last) and reads at most
// `read_rows` items at once; all ranks together, each counted by itself, read at most `reads_of_all`.
struct ItemShare {
  std::int64_t first = 0, last = 0;
  std::int64_t read_rows = 0, reads_of_all = 0;

  std::int64_t size() const { return last - first; }
  // Of its rows, those that are read at once.
  std::int64_t asked_rows() const { return size() < reads_of_all ? size() : reads_of_all; }
};

// T: the type in which products are computed.
template <class Device, class T>
class Parameters {
 public:
  // `share`: where the item tables are shared out.
  Parameters(Context<Device>& context, const ModelShape& shape, std::int64_t user_rows,
             ParameterUse use = ParameterUse::training, const std::optional<ItemShare>& share = std::nullopt);

  const ParameterLayout& layout() const { return layout_; }
  Matrix<float> weight(const Segment& s) { return {weights_.data() + s.offset, s.rows, s.cols}; }
  Matrix<float> gradient(const Segment& s) { return {gradients_.data() + s.offset, s.rows, s.cols}; }
  Matrix<float> first_moment(const Segment& s) { return {m_.data() + s.offset, s.rows, s.cols}; }
  Matrix<float> second_moment(const Segment& s) { return {v_.data() + s.offset, s.rows, s.cols}; }
  const std::optional<ItemShare>& item_share() const { return share_; }
  // A matrix as this rank keeps it, so what is saved and loaded: of item tables that are shared out the rows
  // of the share, of any other segment the matrix above.
  Matrix<float> kept(ParameterSet set, const Segment& s);
  // All that is kept of shared item tables; empty where there are none.
  std::span<float> kept_items(ParameterSet set) { return kept_items_[static_cast<std::size_t>(set)].span(); }
  // Without data in fp32.
  Matrix<T> copy(const Segment& s);
  // What products read: the weights themselves in fp32.
  Matrix<const T> compute(const Segment& s) const;

  std::span<float> weights() { return weights_.span(); }
  std::span<float> gradients() { return gradients_.span(); }
  std::span<float> first_moments() { return m_.span(); }
  std::span<float> second_moments() { return v_.span(); }
  std::span<T> copies() { return copies_.span(); }
  // The gradients of one shared bucket, of what it has beside its item table, and of the user tables.
  std::span<float> bucket_gradients(std::size_t bucket);
  std::span<float> layer_gradients(std::size_t bucket);
  std::span<float> user_gradients() {
    return gradients().subspan(static_cast<std::size_t>(layout_.shared),
                               static_cast<std::size_t>(layout_.moved - layout_.shared));
  }

  // Initial values (Glorot uniform for the MLP, LeCun uniform for the final layer, normal with deviation 0.01
  // for embeddings), functions of the seed and the element alone. `first_user`: the user of the tables' first
  // row.
  void initialise(Context<Device>& context, std::uint64_t seed, std::uint64_t first_user);
  // Makes the compute copies follow the weights, from element `first` on, after something else than Adam
  // changed them.
  void refresh_copies(Context<Device>& context, std::int64_t first = 0);

  std::size_t bytes() const;

 private:
  ParameterLayout layout_;
  std::optional<ItemShare> share_;
  Tensor<float, Device> weights_, gradients_, m_, v_;  // the last three are empty for inference
  Tensor<T, Device> copies_;                           // empty in fp32
  std::int64_t kept_mlp_ = 0;                          // where the MLP's table begins in kept_items_
  std::array<Tensor<float, Device>, 3> kept_items_;    // by ParameterSet: GMF's table and the MLP's
};

}  // namespace neumf
