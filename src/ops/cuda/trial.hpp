// Choosing between two ways of computing the same, by trying both where they are first needed.
#pragma once

#include <cstdint>

#include "context_impl.hpp"

namespace neumf::cuda {

// Milliseconds of `work` on the context's stream, after one run to warm up.
template <class Work>
float time_of(Context<Cuda>& context, const Work& work) {
  constexpr int runs = 3;
  work();
  const Event begin = make_event(cudaEventDefault), end = make_event(cudaEventDefault);
  NEUMF_CUDA(cudaEventRecord(begin.get(), context.stream()));
  for (int i = 0; i < runs; ++i) work();
  NEUMF_CUDA(cudaEventRecord(end.get(), context.stream()));
  NEUMF_CUDA(cudaEventSynchronize(end.get()));
  float time = 0;
  NEUMF_CUDA(cudaEventElapsedTime(&time, begin.get(), end.get()));
  return time / runs;
}

// Whether to use the fused way of operation `operation` for matrices of this shape. `trial` decides, once per
// shape (numbers of rows are told apart by their bits), and never while a graph is recorded or where timing
// is switched off: then the plain way is taken.
template <class Trial>
bool use_fused(Context<Cuda>& context, int operation, int type, std::int64_t rows, std::int64_t in,
               std::int64_t out, const Trial& trial) {
  constexpr std::int64_t worthwhile_rows = 4096;
  if (rows < worthwhile_rows || !context.settings().tune_products) return false;
  std::int64_t magnitude = 0;
  while (rows >> magnitude != 0) ++magnitude;
  auto& choices = context.impl().choices;
  const std::tuple key{operation, type, magnitude, in, out};
  auto found = choices.find(key);
  if (found == choices.end()) {
    if (context.capturing()) return false;
    found = choices.emplace(key, trial() ? 1 : 0).first;
  }
  return found->second == 1;
}

}  // namespace neumf::cuda
