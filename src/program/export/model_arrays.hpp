// A model as named arrays, read piece by piece: what every format of `neumf export` writes.
//
//   user_gmf, item_gmf, user_mlp, item_mlp   [users or items, width] embeddings
//   gmf_item_vectors                         [items, factors] item_gmf times the final layer's weights: the
//                                            inner product with a row of user_gmf is GMF's part of the logit
//                                            but for head_bias, so an index of inner products takes both
//   pair_user, pair_item, pair_bias          the first layer, [layers[1], layers[0] / 2] twice and
//   [layers[1]] hidden1_weight, hidden1_bias, ...        [out, in], [out] head_gmf, head_mlp, head_bias the
//   final layer, [factors], [layers.back()], [1]
// Arrays of a branch that the model lacks are left out. Row i of a table is of the i-th id.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "neumf/checkpoint/reader.hpp"

namespace neumf::program {

struct ModelArray {
  std::string name;
  std::vector<std::uint64_t> dims;  // one or two
  Segment segment;                  // where its values come from
  bool of_users = false;

  std::uint64_t size() const;
  std::uint64_t bytes() const { return size() * sizeof(float); }
};

class ModelArrays {
 public:
  // `checkpoint` must outlive this.
  explicit ModelArrays(CheckpointReader& checkpoint);

  const ModelShape& shape() const { return checkpoint_.shape(); }
  const std::vector<ModelArray>& all() const { return arrays_; }
  const ModelArray& named(const std::string& name) const;
  const std::vector<std::string>& user_ids() const { return user_ids_; }
  const std::vector<std::string>& item_ids() const { return item_ids_; }

  // Calls take with all values in their order, row-major, some rows at a time.
  void read(const ModelArray& array, const std::function<void(std::span<const float>)>& take);
  std::vector<float> read(const ModelArray& array);

 private:
  void add(const Segment& segment, bool of_users = false);

  CheckpointReader& checkpoint_;
  std::vector<ModelArray> arrays_;
  std::vector<std::string> user_ids_, item_ids_;
};

}  // namespace neumf::program
