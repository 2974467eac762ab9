#include "neumf/ops/adam.hpp"

#include <algorithm>

#include "neumf/ops/step_state.hpp"
#include "parallel.hpp"
#include "vector.hpp"
#include "vector_math.hpp"

namespace neumf::ops {

namespace {

constexpr std::size_t lanes = 16;  // floats in the widest vector

// The numbers of a step, the same for every parameter.
struct Factors {
  float gradient_scale, beta1, beta2, keep, step_size, v_scale, eps;
};

// Parameters [0, n) of the step.
void update(const Factors& f, std::size_t n, float* __restrict w, float* __restrict g, float* __restrict m,
            float* __restrict v) {
  std::size_t i = 0;
#ifdef __AVX512F__
  const auto all = [](float value) { return _mm512_set1_ps(value); };
  for (; i + lanes <= n; i += lanes) {
    const __m512 gradient = _mm512_mul_ps(_mm512_loadu_ps(g + i), all(f.gradient_scale));
    const __m512 fresh_m = _mm512_mul_ps(all(1.0f - f.beta1), gradient);
    const __m512 fresh_v = _mm512_mul_ps(all(1.0f - f.beta2), _mm512_mul_ps(gradient, gradient));
    const __m512 m_new = _mm512_fmadd_ps(all(f.beta1), _mm512_loadu_ps(m + i), fresh_m);
    const __m512 v_new = _mm512_fmadd_ps(all(f.beta2), _mm512_loadu_ps(v + i), fresh_v);
    const __m512 step = cpu::divided_by_root(m_new, v_new, all(f.v_scale), all(f.eps));
    const __m512 kept = _mm512_mul_ps(all(f.keep), _mm512_loadu_ps(w + i));
    _mm512_storeu_ps(m + i, m_new);
    _mm512_storeu_ps(v + i, v_new);
    _mm512_storeu_ps(w + i, _mm512_fnmadd_ps(all(f.step_size), step, kept));
    _mm512_storeu_ps(g + i, _mm512_setzero_ps());
  }
#endif
#pragma omp simd
  for (std::size_t k = i; k < n; ++k) {
    const float gradient = g[k] * f.gradient_scale;
    m[k] = f.beta1 * m[k] + (1.0f - f.beta1) * gradient;
    v[k] = f.beta2 * v[k] + (1.0f - f.beta2) * gradient * gradient;
    w[k] = f.keep * w[k] - f.step_size * cpu::divided_by_root(m[k], v[k], f.v_scale, f.eps);
    g[k] = 0.0f;
  }
}

}  // namespace

template <class Device, class T>
void adam_step(Context<Device>& context, const AdamSpec& spec, const StepState* state,
               std::span<float> weight, std::span<float> gradient, std::span<float> m, std::span<float> v,
               std::span<T> copy) {
  if (state->skip != 0) {
    cpu::parallel_ranges(context, gradient.size(), 1 << 16, [&](int, std::size_t begin, std::size_t end) {
      std::fill(gradient.data() + begin, gradient.data() + end, 0.0f);
    });
    return;
  }
  const Factors factors{state->gradient_scale,
                        spec.beta1,
                        spec.beta2,
                        1.0f - spec.learning_rate * spec.weight_decay,
                        state->step_size,
                        state->second_moment_scale,
                        spec.eps};
  // In whole vectors, so that no parameter's rounding depends on the number of threads.
  const std::size_t size = weight.size(), vectors = (size + lanes - 1) / lanes;
  cpu::parallel_ranges(context, vectors, 512, [&](int, std::size_t begin, std::size_t end) {
    // Tiles that stay in the first-level cache between the update and the conversion.
    constexpr std::size_t tile = 2048;
    const std::size_t last = std::min(end * lanes, size);
    for (std::size_t from = begin * lanes; from < last; from += tile) {
      const std::size_t n = std::min(last - from, tile);
      update(factors, n, weight.data() + from, gradient.data() + from, m.data() + from, v.data() + from);
      if (!copy.empty()) cpu::narrow(weight.data() + from, copy.data() + from, n);
    }
  });
}

#define NEUMF_INSTANTIATE(T)                                                                          \
  template void adam_step<Cpu, T>(Context<Cpu>&, const AdamSpec&, const StepState*, std::span<float>, \
                                  std::span<float>, std::span<float>, std::span<float>, std::span<T>);
NEUMF_INSTANTIATE(float)
NEUMF_INSTANTIATE(bfloat16)
NEUMF_INSTANTIATE(float16)
#undef NEUMF_INSTANTIATE

}  // namespace neumf::ops
