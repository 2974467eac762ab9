#!/usr/bin/env bash
# oneDNN's ReLU makes 0 of a value that is not a number, alone and fused behind a matrix product.
#
# Versions: oneDNN 3.2.0 (wheels onednn-cpu-gomp and onednn-devel-cpu-gomp 2023.2.0), x86-64 with AVX-512, float32.
# Expected: not a number, as NumPy's maximum(x, 0) gives it: an overflow in one layer would reach the loss, where it is looked
#   for.
# Seen: relu(NaN) = 0. Of a 64 x 64 product with one NaN in its left matrix, all 64 values of that row are NaN; with ReLU as a
#   post-operation all 64 are 0.
# Why it matters: a network whose hidden layers go through it trains on with zeros where activations have overflowed, and the
#   loss stays finite, so a check of the loss does not find it. Look at the gradients or the weights, or at the products before
#   ReLU.
source "$(dirname "$0")/common.sh"
command -v g++ >/dev/null || { echo "needs g++: no answer" >&2; exit 2; }
fresh onednn-cpu-gomp==2023.2.0 onednn-devel-cpu-gomp==2023.2.0

cat >relu.cpp <<'CPP'
#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

#include "dnnl.hpp"

using namespace dnnl;

int main() {
  engine cpu(engine::kind::cpu, 0);
  stream run(cpu);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto two = [](memory::dim rows, memory::dim cols) {
    return memory::desc({rows, cols}, memory::data_type::f32, memory::format_tag::ab);
  };
  std::vector<float> x(16, 1.0f);
  x[3] = nan;
  std::vector<float> alone(16);
  memory in(two(1, 16), cpu, x.data()), out(two(1, 16), cpu, alone.data());
  eltwise_forward({cpu, prop_kind::forward_inference, algorithm::eltwise_relu, two(1, 16), two(1, 16), 0.0f})
      .execute(run, {{DNNL_ARG_SRC, in}, {DNNL_ARG_DST, out}});
  std::vector<float> a(64 * 32, 0.5f), b(32 * 64, 0.25f), plain(64 * 64), fused(64 * 64);
  a[5 * 32 + 7] = nan;
  memory left(two(64, 32), cpu, a.data()), right(two(32, 64), cpu, b.data());
  const auto multiply = [&](std::vector<float>& result, const primitive_attr& attributes) {
    memory to(two(64, 64), cpu, result.data());
    matmul({cpu, two(64, 32), two(32, 64), two(64, 64), attributes})
        .execute(run, {{DNNL_ARG_SRC, left}, {DNNL_ARG_WEIGHTS, right}, {DNNL_ARG_DST, to}});
    run.wait();
  };
  multiply(plain, {});
  post_ops relu;
  relu.append_eltwise(algorithm::eltwise_relu, 0.0f, 0.0f);
  primitive_attr with_relu;
  with_relu.set_post_ops(relu);
  multiply(fused, with_relu);
  int not_a_number = 0, zero = 0;
  for (int i = 0; i < 64; ++i) {
    not_a_number += std::isnan(plain[5 * 64 + i]);
    zero += fused[5 * 64 + i] == 0.0f;
  }
  std::printf("oneDNN %d.%d.%d: relu(NaN) = %g; of a row of 64 products with a NaN %d are NaN, and %d are 0 with ReLU\n",
              dnnl_version()->major, dnnl_version()->minor, dnnl_version()->patch, alone[3], not_a_number, zero);
  return !(alone[3] == 0.0f && not_a_number == 64 && zero == 64);
}
CPP
g++ -std=c++17 -O1 -I environment/include relu.cpp -o relu -L environment/lib -ldnnl -Wl,-rpath,"$folder/environment/lib" ||
  { echo "could not compile: no answer" >&2; exit 2; }
./relu || changed "oneDNN's ReLU does not make 0 of every NaN any more"
echo "unchanged: oneDNN's ReLU makes 0 of NaN"
