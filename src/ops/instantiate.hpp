// The types for which operations exist, and what a device's file of an operation ends with so that it has all
// of them: NEUMF_FOR_EACH_TYPE(NEUMF_ADAM, Cpu).
#pragma once

#include "neumf/core/types.hpp"

#define NEUMF_FOR_EACH_TYPE(X, DEVICE) X(DEVICE, float) X(DEVICE, bfloat16) X(DEVICE, float16)

#define NEUMF_ADAM(DEVICE, T)                                                                               \
  template void adam_step<DEVICE, T>(Context<DEVICE>&, const AdamSpec&, const StepState*, std::span<float>, \
                                     std::span<float>, std::span<float>, std::span<float>, std::span<T>);

#define NEUMF_CATALOGUE(DEVICE, T)                                                                   \
  template void gather_weighted<DEVICE, T>(Context<DEVICE>&, Matrix<const T>, const std::uint32_t*,  \
                                           const float*, Matrix<T>);                                 \
  template void scatter_weighted<DEVICE, T>(Context<DEVICE>&, Matrix<const T>, const std::uint32_t*, \
                                            const float*, Matrix<const float>, Matrix<float>, float*);

#define NEUMF_DEFERRED_ADAM(DEVICE, T)                                             \
  template std::unique_ptr<DeferredAdam<DEVICE, T>> make_deferred_adam<DEVICE, T>( \
      std::vector<AdamTable<T>>, std::vector<AdamTable<T>>);

#define NEUMF_EMBEDDING(DEVICE, T)                                                                          \
  template void gather_rows<DEVICE, T>(Context<DEVICE>&, Matrix<const T>, const std::uint32_t*, Matrix<T>); \
  template void scatter_add_rows<DEVICE, T>(Context<DEVICE>&, const ScatterPlan<DEVICE>&, Matrix<const T>,  \
                                            Matrix<float>);

#define NEUMF_GMF(DEVICE, T)                                                                                 \
  template void gmf_forward<DEVICE, T>(Context<DEVICE>&, const BatchView&, Matrix<const T>, Matrix<const T>, \
                                       const float*, const float*, float*);                                  \
  template void gmf_backward<DEVICE, T>(Context<DEVICE>&, const BatchView&, const ScatterPlan<DEVICE>&,      \
                                        const ScatterPlan<DEVICE>&, Matrix<const T>, Matrix<const T>,        \
                                        const float*, const float*, Matrix<float>, Matrix<float>, float*);

#define NEUMF_HEAD(DEVICE, T)                                                                               \
  template void head_forward<DEVICE, T>(Context<DEVICE>&, Matrix<const T>, const float*, float*);           \
  template void head_loss<DEVICE, T>(Context<DEVICE>&, Matrix<const T>, const float*, const std::uint8_t*,  \
                                     float, const float*, float, float*, float*, Matrix<T>, float*, float*, \
                                     double*);                                                              \
  template void head_backward<DEVICE, T>(Context<DEVICE>&, Matrix<const T>, const float*, const float*,     \
                                         float, Matrix<T>, float*);

// Also of namespace device, see product.hpp.
#define NEUMF_LINEAR(DEVICE, T)                                                                        \
  template void linear_forward<DEVICE, T>(Context<DEVICE>&, const BatchView&, Matrix<const T>,         \
                                          Matrix<const T>, const float*, const Dropout&, Matrix<T>);   \
  template void linear_backward_input<DEVICE, T>(Context<DEVICE>&, Matrix<const T>, Matrix<const T>,   \
                                                 Matrix<const T>, float, Matrix<T>);                   \
  template void linear_backward_weights<DEVICE, T>(Context<DEVICE>&, Matrix<const T>, Matrix<const T>, \
                                                   Matrix<float>, float*);

#define NEUMF_MEMORY(DEVICE, T)                                       \
  template void fill_zero<DEVICE, T>(Context<DEVICE>&, std::span<T>); \
  template void convert<DEVICE, T>(Context<DEVICE>&, std::span<const float>, std::span<T>);

#define NEUMF_PAIR(DEVICE, T)                                                                                \
  template void pair_forward<DEVICE, T>(Context<DEVICE>&, const BatchView&, Matrix<const T>,                 \
                                        Matrix<const T>, const std::uint32_t*, const float*, const Dropout&, \
                                        Matrix<T>);                                                          \
  template void pair_backward<DEVICE, T>(Context<DEVICE>&, std::int32_t, Matrix<const T>, Matrix<T>, float*);

#define NEUMF_SGD(DEVICE, T)                                                                     \
  template void sgd_step<DEVICE, T>(Context<DEVICE>&, float, const StepState*, std::span<float>, \
                                    std::span<float>, std::span<T>);

#define NEUMF_WHOLE_STEP(DEVICE, T)                                                                 \
  template std::unique_ptr<WholeStep<DEVICE, T>> make_whole_step<DEVICE, T>(const TrainedModel<T>&, \
                                                                            std::int32_t);

// The matrix products that layers need: results of the type, and sums of gradients in fp32.
#define NEUMF_FOR_EACH_PRODUCT(X, DEVICE) \
  X(DEVICE, float, float)                 \
  X(DEVICE, bfloat16, bfloat16)           \
  X(DEVICE, bfloat16, float)              \
  X(DEVICE, float16, float16)             \
  X(DEVICE, float16, float)
#define NEUMF_PRODUCT(DEVICE, T, OUT) \
  template void multiply<DEVICE, T, OUT>(Context<DEVICE>&, const Product<T, OUT>&);

// What travels between host and device.
#define NEUMF_FOR_EACH_COPIED(X, DEVICE) \
  X(DEVICE, float)                       \
  X(DEVICE, double)                      \
  X(DEVICE, std::uint8_t)                \
  X(DEVICE, std::uint16_t)               \
  X(DEVICE, std::uint32_t)               \
  X(DEVICE, std::uint64_t) X(DEVICE, bfloat16) X(DEVICE, float16) X(DEVICE, ops::StepState)
#define NEUMF_COPIES(DEVICE, T)                                              \
  template void upload<DEVICE, T>(Context<DEVICE>&, std::span<const T>, T*); \
  template void download<DEVICE, T>(Context<DEVICE>&, const T*, std::span<T>);
