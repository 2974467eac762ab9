// A layer of a narrow model, for one thread and a tile of samples.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "narrow_products.hpp"
#include "neumf/core/tensor.hpp"

namespace neumf::cpu {

// Rows of floats, padded to whole vectors and to whole blocks of rows, at first all zero.
class Rows {
 public:
  Rows(std::int64_t rows, std::int64_t width)
      : vectors_(padded(width) / lanes), data_(padded(rows, row_block), vectors_ * lanes) {
    std::ranges::fill(data_.span(), 0.0f);
  }

  std::int64_t vectors() const { return vectors_; }
  std::int64_t stride() const { return vectors_ * lanes; }
  float* row(std::int64_t r) { return data_.data() + r * stride(); }
  // The row as vectors; the next rows follow.
  Lanes* lanes_of(std::int64_t r) { return reinterpret_cast<Lanes*>(row(r)); }

 private:
  std::int64_t vectors_;
  Tensor<float, Cpu> data_;
};

// sum += the sum of `count` rows of `vectors` vectors
inline void add_rows(const Lanes* rows, std::int64_t count, std::int64_t vectors, Lanes* sum) {
  for (std::int64_t v = 0; v < vectors; ++v) {
    Lanes total = sum[v];
    for (std::int64_t r = 0; r < count; ++r) total += rows[r * vectors + v];
    sum[v] = total;
  }
}

// y = W x, W [out, in] in two layouts that products read row by row.
class NarrowLayer {
 public:
  NarrowLayer(std::int64_t out, std::int64_t in)
      : out_(out), in_(in), weight_(out, in), transposed_(in, out) {}

  void load(Matrix<const float> weight) {
    for (std::int64_t n = 0; n < out_; ++n) {
      std::copy(weight.row(n), weight.row(n) + in_, weight_.row(n));
      for (std::int64_t k = 0; k < in_; ++k) transposed_.row(k)[n] = weight.row(n)[k];
    }
  }
  // y += W x for `rows` rows. Rows up to the next block are computed as well.
  void forward(Rows& x, std::int64_t rows, Rows& y) {
    with_vectors(y.vectors(), [&](auto vectors) {
      multiply<true, vectors()>(x.row(0), x.stride(), in_, transposed_.lanes_of(0), padded(rows, row_block),
                                y.lanes_of(0));
    });
  }
  // dx = W^T dy, and dw += the sum of dy x^T over the rows; dw has the layout of Rows(out, in).
  void backward(Rows& dy, Rows& x, std::int64_t rows, Rows& dx, Lanes* dw) {
    with_vectors(x.vectors(), [&](auto vectors) {
      add_outer_products<vectors()>(dy.row(0), dy.stride(), out_, x.lanes_of(0), rows, dw);
      multiply<false, vectors()>(dy.row(0), dy.stride(), out_, weight_.lanes_of(0), padded(rows, row_block),
                                 dx.lanes_of(0));
    });
  }

 private:
  std::int64_t out_, in_;
  Rows weight_, transposed_;
};

}  // namespace neumf::cpu
