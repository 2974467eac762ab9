// Products of a tile of samples with a small matrix, in fp32. Everything lies in rows of whole vectors that
// are padded with zeros, so that no loop has a remainder, and sums stay in registers.
#pragma once

#include <cstdint>

#include "lanes.hpp"

namespace neumf::cpu {

// Rows of a tile come in multiples of so many.
constexpr std::int64_t row_block = 8;

inline void copy(const Lanes* from, std::int64_t vectors, Lanes* to) {
  for (std::int64_t v = 0; v < vectors; ++v) to[v] = from[v];
}

constexpr std::int64_t padded(std::int64_t n, std::int64_t multiple = lanes) {
  return (n + multiple - 1) / multiple * multiple;
}

// Accumulators that fit into the registers, in rows: enough of them to hide what an addition takes.
template <int vectors>
#ifdef __AVX512F__
constexpr int block_of = vectors <= 2 ? 8 : 4;  // of 32 registers
#else
constexpr int block_of = vectors == 1   ? 4
                         : vectors <= 3 ? 2
                                        : 1;  // of 16 that are half as wide
#endif

// c[r, :] (+)= sum over k < depth of a[r, k] p[k, :] for `rows` (a multiple of row_block) rows. p and c have
// rows of `vectors` Lanes, a has rows of `a_stride` floats.
template <bool accumulate, int vectors>
void multiply(const float* a, std::int64_t a_stride, std::int64_t depth, const Lanes* p, std::int64_t rows,
              Lanes* c) {
  constexpr int block = block_of<vectors>;
  for (std::int64_t first = 0; first < rows; first += block) {
    const float* row = a + first * a_stride;
    Lanes* out = c + first * vectors;
    Lanes sum[block][vectors];
    for (int r = 0; r < block; ++r)
      for (int v = 0; v < vectors; ++v) sum[r][v] = accumulate ? out[r * vectors + v] : Lanes{};
    for (std::int64_t k = 0; k < depth; ++k) {
      for (int r = 0; r < block; ++r) {
        const float x = row[r * a_stride + k];
        for (int v = 0; v < vectors; ++v) sum[r][v] += x * p[k * vectors + v];
      }
    }
    for (int r = 0; r < block; ++r)
      for (int v = 0; v < vectors; ++v) out[r * vectors + v] = sum[r][v];
  }
}

// c[i, :] += sum over s < rows of a[s, i] b[s, :] for i < n, rounded up to a multiple of row_block. b and c
// have rows of `vectors` Lanes, a has rows of `a_stride` floats.
template <int vectors>
void add_outer_products(const float* a, std::int64_t a_stride, std::int64_t n, const Lanes* b,
                        std::int64_t rows, Lanes* c) {
  constexpr int block = block_of<vectors>;
  for (std::int64_t first = 0; first < n; first += block) {
    Lanes* out = c + first * vectors;
    Lanes sum[block][vectors];
    for (int i = 0; i < block; ++i)
      for (int v = 0; v < vectors; ++v) sum[i][v] = out[i * vectors + v];
    for (std::int64_t s = 0; s < rows; ++s) {
      for (int i = 0; i < block; ++i) {
        const float x = a[s * a_stride + first + i];
        for (int v = 0; v < vectors; ++v) sum[i][v] += x * b[s * vectors + v];
      }
    }
    for (int i = 0; i < block; ++i)
      for (int v = 0; v < vectors; ++v) out[i * vectors + v] = sum[i][v];
  }
}

}  // namespace neumf::cpu
