// The Philox of random/philox.hpp over arrays, so that the compiler keeps 16 counters in a vector register.
#pragma once

#include <cstdint>

#include "neumf/random/philox.hpp"

namespace neumf::cpu {

// The 128 bits at each of n positions; position i is (index_low[i], index_high[i], word[i]). Eight 16-bit
// pieces for each, the lowest first.
inline void philox_lanes(const Philox& philox, std::int64_t n, const std::uint32_t* __restrict index_low,
                         const std::uint32_t* __restrict index_high, const std::uint32_t* __restrict word,
                         std::uint16_t* __restrict out) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    std::uint32_t x0 = index_low[i], x1 = index_high[i], x2 = word[i], x3 = philox.counter3;
    std::uint32_t k0 = philox.key0, k1 = philox.key1;
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * x0;
      const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * x2;
      x0 = static_cast<std::uint32_t>(p1 >> 32) ^ x1 ^ k0;
      x1 = static_cast<std::uint32_t>(p1);
      x2 = static_cast<std::uint32_t>(p0 >> 32) ^ x3 ^ k1;
      x3 = static_cast<std::uint32_t>(p0);
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    out[8 * i + 0] = static_cast<std::uint16_t>(x0);
    out[8 * i + 1] = static_cast<std::uint16_t>(x0 >> 16);
    out[8 * i + 2] = static_cast<std::uint16_t>(x1);
    out[8 * i + 3] = static_cast<std::uint16_t>(x1 >> 16);
    out[8 * i + 4] = static_cast<std::uint16_t>(x2);
    out[8 * i + 5] = static_cast<std::uint16_t>(x2 >> 16);
    out[8 * i + 6] = static_cast<std::uint16_t>(x3);
    out[8 * i + 7] = static_cast<std::uint16_t>(x3 >> 16);
  }
}

}  // namespace neumf::cpu
