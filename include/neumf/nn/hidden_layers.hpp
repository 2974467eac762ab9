// The MLP's hidden layers after the first: y_l = dropout(relu(W_l y_{l-1} + b_l)).
#pragma once

#include <cstdint>
#include <vector>

#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/nn/parameters.hpp"
#include "neumf/ops/batch.hpp"
#include "neumf/random/dropout.hpp"

namespace neumf {

template <class Device, class T>
class HiddenLayers {
 public:
  // For blocks of at most `max_samples`. `training` reserves gradients of every activation.
  HiddenLayers(const ModelShape& shape, std::int64_t max_samples, bool training);

  // The input, [samples, layers[1]], which the first layer fills.
  Matrix<T> input(std::int64_t samples) { return activations_.front().matrix().slice(0, samples); }
  // The last activation, [samples, layers.back()].
  Matrix<const T> output(std::int64_t samples) const {
    return activations_.back().matrix().slice(0, samples);
  }
  // The output's gradient before its ReLU, which the loss fills.
  Matrix<T> output_gradient(std::int64_t samples) { return gradients_.back().matrix().slice(0, samples); }
  // The input's gradient before its ReLU, after backward.
  Matrix<const T> input_gradient(std::int64_t samples) const {
    return gradients_.front().matrix().slice(0, samples);
  }

  // dropout.layer is set here, from 1 on (the first layer of the MLP has 0).
  void forward(Context<Device>& context, Parameters<Device, T>& parameters, const BatchView& batch,
               Dropout dropout);
  // Adds to the gradients of weights and biases.
  void backward(Context<Device>& context, Parameters<Device, T>& parameters, const BatchView& batch,
                float keep_scale);

  std::size_t bytes() const;

 private:
  std::vector<Tensor<T, Device>> activations_;  // layers[1] to layers.back()
  std::vector<Tensor<T, Device>> gradients_;
};

}  // namespace neumf
