// Weights as the NCF paper's published Keras programs save them (GMF.py, MLP.py and NeuMF.py of
// github.com/hexiangnan/neural_collaborative_filtering), in HDF5:
//   user_embedding/user_embedding_W, item_embedding/item_embedding_W      of GMF and of MLP, rows by id
//   mf_embedding_user, mf_embedding_item, mlp_embedding_user, mlp_embedding_item     instead, in NeuMF
//   layer1/layer1_W [in, out], layer1/layer1_b [out], layer2 ...          the MLP, over [user, item]
//   prediction/prediction_W [in, 1], prediction/prediction_b [1]          over [gmf, mlp]
// The names that later versions of Keras give to the same matrices (kernel:0, embeddings:0, bias:0, and the
// group model_weights of whole saved models) are read as well. Row i of an embedding belongs to the user or
// item with dense id i; neumf-preprocess keeps the ids of the paper's files (format ncf).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "neumf/core/context.hpp"
#include "neumf/data/dataset.hpp"
#include "neumf/nn/parameters.hpp"

namespace neumf {

// Whether a file is one of these. False also where it is no HDF5 file.
bool is_keras_weights(const std::filesystem::path& path);

// The model that the file holds. Throws Error, naming the matrix, if the shapes do not make one.
ModelShape read_keras_shape(const std::filesystem::path& path);

// As load_checkpoint: all shared weights, and the rows of `users` into the user tables from `first_row` on.
// `items`: those that the parameters keep, where that is not all.
template <class Device, class T>
void load_keras_weights(Context<Device>& context, const std::filesystem::path& path,
                        Parameters<Device, T>& parameters, const UserRange& users, std::int64_t first_row,
                        const std::optional<UserRange>& items = std::nullopt);

}  // namespace neumf
