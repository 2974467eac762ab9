#include "neumf/nn/hidden_layers.hpp"

#include "neumf/nn/instantiate.hpp"
#include "neumf/ops/linear.hpp"

namespace neumf {

template <class Device, class T>
HiddenLayers<Device, T>::HiddenLayers(const ModelShape& shape, std::int64_t max_samples, bool training) {
  for (std::size_t i = 1; i < shape.layers.size(); ++i) {
    activations_.emplace_back(max_samples, shape.layers[i]);
    if (training) gradients_.emplace_back(max_samples, shape.layers[i]);
  }
}

template <class Device, class T>
void HiddenLayers<Device, T>::forward(Context<Device>& context, Parameters<Device, T>& parameters,
                                      const BatchView& batch, Dropout dropout) {
  const auto& layout = parameters.layout();
  for (std::size_t i = 0; i + 1 < activations_.size(); ++i) {
    dropout.layer = static_cast<std::uint32_t>(i + 1);
    ops::linear_forward(context, batch, Matrix<const T>(activations_[i].matrix().slice(0, batch.samples())),
                        parameters.compute(layout.hidden_weight[i]),
                        parameters.weight(layout.hidden_bias[i]).data, dropout,
                        activations_[i + 1].matrix().slice(0, batch.samples()));
  }
}

template <class Device, class T>
void HiddenLayers<Device, T>::backward(Context<Device>& context, Parameters<Device, T>& parameters,
                                       const BatchView& batch, float keep_scale) {
  const auto& layout = parameters.layout();
  for (std::size_t i = activations_.size() - 1; i-- > 0;) {
    const Matrix<const T> x = activations_[i].matrix().slice(0, batch.samples());
    const Matrix<const T> dz = gradients_[i + 1].matrix().slice(0, batch.samples());
    ops::linear_backward_weights(context, dz, x, parameters.gradient(layout.hidden_weight[i]),
                                 parameters.gradient(layout.hidden_bias[i]).data);
    ops::linear_backward_input(context, dz, parameters.compute(layout.hidden_weight[i]), x, keep_scale,
                               gradients_[i].matrix().slice(0, batch.samples()));
  }
}

template <class Device, class T>
std::size_t HiddenLayers<Device, T>::bytes() const {
  return bytes_of<T, Device>(activations_) + bytes_of<T, Device>(gradients_);
}

#define NEUMF_INSTANTIATE(DEVICE, T) template class HiddenLayers<DEVICE, T>;
NEUMF_FOR_EACH_MODEL(NEUMF_INSTANTIATE)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
