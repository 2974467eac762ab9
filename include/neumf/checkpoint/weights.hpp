// Weights to evaluate or to start from, whatever kind of file holds them: a checkpoint
// (checkpoint/checkpoint.hpp) or the NCF paper's Keras weights (checkpoint/keras_weights.hpp).
#pragma once

#include <cstdint>
#include <filesystem>

#include "neumf/checkpoint/checkpoint.hpp"
#include "neumf/core/context.hpp"
#include "neumf/data/dataset.hpp"
#include "neumf/nn/parameters.hpp"

namespace neumf {

// Of Keras weights only the shape is known; dataset_id is empty then.
CheckpointInfo read_weights_info(const std::filesystem::path& path);

// As load_checkpoint; rows of a file without ids must follow each other.
template <class Device, class T>
void load_weights(Context<Device>& context, const std::filesystem::path& path,
                  Parameters<Device, T>& parameters, const WeightRows& rows);

// The shape of the NeuMF model that a GMF and an MLP model make together; users and items are GMF's. Throws
// Error, naming the file, if one is of another kind.
ModelShape joined_shape(const std::filesystem::path& gmf, const std::filesystem::path& mlp);

// Weights to start from, and the rows to take.
struct WeightSource {
  std::filesystem::path path;
  WeightRows rows;
};

// Starts NeuMF from a GMF and an MLP model that were trained by themselves (He et al., WWW 2017, section
// 3.4.1): embeddings and hidden layers are theirs, and the final layer is
//   w = [alpha w_gmf ; (1 - alpha) w_mlp],   b = alpha b_gmf + (1 - alpha) b_mlp.
// Users and items that a part does not know keep what `parameters` has for them.
template <class Device, class T>
void load_pretrained(Context<Device>& context, const WeightSource& gmf, const WeightSource& mlp, double alpha,
                     Parameters<Device, T>& parameters);

}  // namespace neumf
