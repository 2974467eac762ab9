// Static parallel loops over the threads of a context.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

#include "neumf/core/context.hpp"

namespace neumf::cpu {

// Calls body(thread, begin, end) for contiguous ranges of [0, n), one per thread; on one thread where each
// would get fewer than `grain`. The split depends on n and the thread count alone, so results that follow the
// ranges are reproducible.
template <class Index, class Body>
void parallel_ranges(const Context<Cpu>& context, Index n, Index grain, const Body& body) {
  const auto threads = static_cast<Index>(context.threads());
  if (threads == 1 || n < grain * 2) {
    if (n > 0) body(0, Index{0}, n);
    return;
  }
#pragma omp parallel num_threads(context.threads())
  {
    const auto thread = static_cast<Index>(omp_get_thread_num());
    const Index begin = n / threads * thread + std::min(thread, n % threads);
    const Index end = begin + n / threads + (thread < n % threads ? 1 : 0);
    if (begin < end) body(static_cast<int>(thread), begin, end);
  }
}

template <class Index, class Grain, class Body>
void parallel_ranges(const Context<Cpu>& context, Index n, Grain grain, const Body& body) {
  parallel_ranges(context, n, static_cast<Index>(grain), body);
}

}  // namespace neumf::cpu
