// The MLP's part of the final layer, and the loss.
//
// The final layer is linear over [gmf ; mlp] to one logit z. ops/gmf.hpp starts the logit with the GMF part
// and the bias (bias_forward where there is no GMF part); here the MLP part is added. Loss: binary
// cross-entropy with logits (others: ops/ranking_loss.hpp),
//   l(z, y) = max(z, 0) - z y + log(1 + exp(-|z|)),   dl/dz = sigmoid(z) - y.
#pragma once

#include <cstdint>

#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"
#include "neumf/core/types.hpp"

namespace neumf::ops {

// logits[s] = bias[0], for all samples.
template <class Device>
void bias_forward(Context<Device>& context, std::int64_t samples, const float* bias, float* logits);

// logits[s] += sum_k weight[k] * h[s, k].  h [n, M], weight [M].
template <class Device, class T>
void head_forward(Context<Device>& context, Matrix<const T> h, const float* weight, float* logits);

// Completes the logits as head_forward does and, in the same pass, computes the loss and the gradients with
// g = scale * loss_scale[0] * (sigmoid(z) - y):
//   dlogits[s] = g_s;   dh[s, k] = g_s weight[k] where h > 0, scaled by keep_scale (before the last ReLU);
//   weight_grad[k] += sum_s g_s h[s, k];   bias_grad[0] += sum_s g_s;   loss[0] += sum_s l(z_s, y_s).
// scale * loss_scale[0] is what a sample's loss counts (StepState::loss_factor); loss_scale and loss lie on
// the device.
template <class Device, class T>
void head_loss(Context<Device>& context, Matrix<const T> h, const float* weight, const std::uint8_t* labels,
               float scale, const float* loss_scale, float keep_scale, float* logits, float* dlogits,
               Matrix<T> dh, float* weight_grad, float* bias_grad, double* loss);

// What head_loss computes besides, where another loss (ops/ranking_loss.hpp) has given the logits' gradients:
//   dh[s, k] = dlogits[s] weight[k] where h > 0, scaled by keep_scale;
//   weight_grad[k] += sum_s dlogits[s] h[s, k].
template <class Device, class T>
void head_backward(Context<Device>& context, Matrix<const T> h, const float* weight, const float* dlogits,
                   float keep_scale, Matrix<T> dh, float* weight_grad);

// What head_loss computes where there is no MLP part: dlogits, bias_grad and loss from complete logits.
template <class Device>
void logit_loss(Context<Device>& context, std::int64_t samples, const float* logits,
                const std::uint8_t* labels, float scale, const float* loss_scale, float* dlogits,
                float* bias_grad, double* loss);

// loss[0] += sum of l(logits[s], labels[s]), for evaluation.
template <class Device>
void bce_loss(Context<Device>& context, std::int64_t samples, const float* logits, const std::uint8_t* labels,
              double* loss);

}  // namespace neumf::ops
