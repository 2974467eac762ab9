#include <omp.h>

#include <algorithm>
#include <type_traits>
#include <vector>

#include "../instantiate.hpp"
#include "../product.hpp"
#include "activation.hpp"
#include "context_impl.hpp"
#include "parallel.hpp"
#include "partial_sums.hpp"
#include "vector.hpp"

namespace neumf::ops {
namespace {

// The largest matrix that threads sum in parts of their own.
constexpr std::int64_t most_in_parts = std::int64_t{1} << 16;

template <class T>
constexpr dnnl::memory::data_type data_type() {
  if constexpr (std::is_same_v<T, float>) return dnnl::memory::data_type::f32;
  if constexpr (std::is_same_v<T, bfloat16>) return dnnl::memory::data_type::bf16;
}

dnnl::memory::desc description(std::int64_t rows, std::int64_t cols, bool transposed,
                               dnnl::memory::data_type type) {
  const auto strides = transposed ? dnnl::memory::dims{1, rows} : dnnl::memory::dims{cols, 1};
  return {{rows, cols}, type, strides};
}

Context<Cpu>::Impl::Matmul compile(const dnnl::engine& engine, const MatmulKey& key) {
  const auto a = description(key.m, key.k, key.transpose_a, key.in);
  const auto b = description(key.k, key.n, key.transpose_b, key.in);
  const auto c = description(key.m, key.n, false, key.out);
  const auto bias =
      key.bias_relu ? description(1, key.n, false, dnnl::memory::data_type::f32) : dnnl::memory::desc();
  dnnl::primitive_attr attributes;
  dnnl::post_ops post_ops;
  if (key.accumulate) post_ops.append_sum(1.0f);
#if DNNL_VERSION_MAJOR >= 3
  if (key.bias_relu) post_ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
  attributes.set_post_ops(post_ops);
  const dnnl::matmul::primitive_desc primitive(engine, a, b, bias, c, attributes);
#else
  if (key.bias_relu) post_ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
  attributes.set_post_ops(post_ops);
  const dnnl::matmul::primitive_desc primitive(dnnl::matmul::desc(a, b, bias, c), attributes, engine);
#endif
  Context<Cpu>::Impl::Matmul matmul{
      dnnl::matmul(primitive),          dnnl::memory(a, engine, nullptr),
      dnnl::memory(b, engine, nullptr), key.bias_relu ? dnnl::memory(bias, engine, nullptr) : dnnl::memory(),
      dnnl::memory(c, engine, nullptr), {}};
  matmul.arguments = {{DNNL_ARG_SRC, matmul.a}, {DNNL_ARG_WEIGHTS, matmul.b}, {DNNL_ARG_DST, matmul.c}};
  if (key.bias_relu) matmul.arguments.emplace(DNNL_ARG_BIAS, matmul.bias);
  return matmul;
}

// c[m, n] (+)= op(a) op(b) in a type that oneDNN multiplies; with bias and ReLU where the key says so.
template <class T, class Out>
void execute(const dnnl::engine& engine, Context<Cpu>::Impl::Products& products, const MatmulKey& key,
             const T* a, const T* b, Out* c, const float* bias) {
  auto found = products.known.find(key);
  if (found == products.known.end()) found = products.known.emplace(key, compile(engine, key)).first;
  auto& matmul = found->second;
  matmul.a.set_data_handle(const_cast<T*>(a));
  matmul.b.set_data_handle(const_cast<T*>(b));
  matmul.c.set_data_handle(c);
  if (key.bias_relu) matmul.bias.set_data_handle(const_cast<float*>(bias));
  matmul.primitive.execute(products.stream, matmul.arguments);
  products.stream.wait();
}

// A gradient of weights sums over many samples into a small matrix, which is too small for oneDNN to share
// among threads: each takes a part of the samples, and the parts are added in the order of the threads.
template <class T>
void multiply_in_parts(Context<Cpu>& context, const MatmulKey& key, const T* a, const T* b, float* c) {
  auto& impl = context.impl();
  const std::int64_t size = key.m * key.n;
  const auto threads = static_cast<std::size_t>(context.threads());
  while (impl.alone.size() < threads) impl.alone.push_back({dnnl::stream(impl.engine), {}});
  impl.partial_sums.resize(threads * static_cast<std::size_t>(size));
  cpu::parallel_ranges(context, key.k, 1, [&](int thread, std::int64_t begin, std::int64_t end) {
    omp_set_num_threads(1);  // until the end of this region; what oneDNN plans for
    MatmulKey part = key;
    part.k = end - begin;
    part.accumulate = false;
    execute(impl.engine, impl.alone[static_cast<std::size_t>(thread)], part, a + begin * key.m,
            b + begin * key.n, impl.partial_sums.data() + thread * size, nullptr);
  });
  cpu::parallel_ranges(context, size, 4096, [&](int, std::int64_t begin, std::int64_t end) {
    if (!key.accumulate) std::fill(c + begin, c + end, 0.0f);
    for (std::size_t thread = 0; thread < threads; ++thread)
      cpu::add(c + begin, impl.partial_sums.data() + static_cast<std::int64_t>(thread) * size + begin,
               end - begin);
  });
}

template <class T, class Out>
void run(Context<Cpu>& context, const MatmulKey& key, const T* a, const T* b, Out* c,
         const float* bias = nullptr) {
  if constexpr (std::is_same_v<Out, float>) {
    if (context.threads() > 1 && key.transpose_a && !key.transpose_b && key.k >= 128 * context.threads() &&
        key.m * key.n <= most_in_parts)
      return multiply_in_parts(context, key, a, b, c);
  }
  execute(context.impl().engine, context.impl().together, key, a, b, c, bias);
}

template <class T>
const float* widened(Context<Cpu>& context, Matrix<const T> in, std::vector<float>& out) {
  out.resize(static_cast<std::size_t>(in.size()));
  cpu::parallel_ranges(context, in.size(), 1 << 14, [&](int, std::int64_t begin, std::int64_t end) {
    cpu::widen(in.data + begin, out.data() + begin, static_cast<std::size_t>(end - begin));
  });
  return out.data();
}

}  // namespace

namespace device {

template <class Device, class T, class Out>
void multiply(Context<Device>& context, const Product<T, Out>& product) {
  const auto& [a, b, transpose_a, transpose_b, write, c] = product;
  const bool accumulate = write == Write::accumulate;
  MatmulKey key{product.m(), product.n(), product.k(),        transpose_a,       transpose_b,
                accumulate,  false,       data_type<float>(), data_type<float>()};
  if constexpr (std::is_same_v<T, float16>) {
    // fp16 storage, fp32 arithmetic.
    auto& impl = context.impl();
    const float* wide_a = widened(context, a, impl.widened_a);
    const float* wide_b = widened(context, b, impl.widened_b);
    if constexpr (std::is_same_v<Out, float>) {
      run(context, key, wide_a, wide_b, c.data);
    } else {
      if (accumulate)
        widened(context, Matrix<const Out>(c), impl.widened_c);
      else
        impl.widened_c.resize(static_cast<std::size_t>(c.size()));
      run(context, key, wide_a, wide_b, impl.widened_c.data());
      Out* out = c.data;
      cpu::parallel_ranges(context, c.size(), 1 << 14, [&](int, std::int64_t begin, std::int64_t end) {
        cpu::narrow(impl.widened_c.data() + begin, out + begin, static_cast<std::size_t>(end - begin));
      });
    }
  } else {
    key.in = data_type<T>();
    key.out = data_type<Out>();
    run(context, key, a.data, b.data, c.data);
  }
}

template <class Device, class T>
void linear_forward(Context<Device>& context, const BatchView& batch, Matrix<const T> x,
                    Matrix<const T> weight, const float* bias, const Dropout& dropout, Matrix<T> y) {
  if constexpr (!std::is_same_v<T, float16>) {
    if (!dropout.active()) {
      const MatmulKey key{y.rows, y.cols, x.cols, false, true, false, true, data_type<T>(), data_type<T>()};
      return run(context, key, x.data, weight.data, y.data, bias);
    }
  }
  multiply(context, Product<T, T>{x, weight, false, true, Write::overwrite, y});
  cpu::parallel_ranges(context, y.rows, 128, [&](int, std::int64_t begin, std::int64_t end) {
    const auto row = [&](std::int64_t s) {
      return [in = y.row(s), bias](std::int64_t k) { return to_float(in[k]) + bias[k]; };
    };
    cpu::activate_rows(batch, dropout, begin, end, row, y);
  });
}

template <class Device, class T>
void linear_backward_input(Context<Device>& context, Matrix<const T> dz, Matrix<const T> weight,
                           Matrix<const T> x, float keep_scale, Matrix<T> dx) {
  multiply(context, Product<T, T>{dz, weight, false, false, Write::overwrite, dx});
  cpu::parallel_ranges(context, dx.size(), 1 << 14, [&](int, std::int64_t begin, std::int64_t end) {
    cpu::mask_by_activity(x.data + begin, keep_scale, dx.data + begin, end - begin);
  });
}

template <class Device, class T>
void linear_backward_weights(Context<Device>& context, Matrix<const T> dz, Matrix<const T> x,
                             Matrix<float> weight_grad, float* bias_grad) {
  multiply(context, Product<T, float>{dz, x, true, false, Write::accumulate, weight_grad});
  cpu::PartialSums<float> sums(context.threads(), dz.cols);
  cpu::parallel_ranges(context, dz.rows, 256, [&](int thread, std::int64_t begin, std::int64_t end) {
    float* sum = sums.row(thread);
    for (std::int64_t s = begin; s < end; ++s) {
      const T* row = dz.row(s);
#pragma omp simd
      for (std::int64_t k = 0; k < dz.cols; ++k) sum[k] += to_float(row[k]);
    }
  });
  sums.add_to(bias_grad);
}

NEUMF_FOR_EACH_PRODUCT(NEUMF_PRODUCT, Cpu)
NEUMF_FOR_EACH_TYPE(NEUMF_LINEAR, Cpu)

}  // namespace device
}  // namespace neumf::ops
