#include "neumf/nn/least_squares.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "neumf/core/error.hpp"

namespace neumf {
namespace {

constexpr int together = 4;  // vectors that share a load
using Four = std::array<float, together>;

float dot(const float* a, const float* b, std::int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t k = 0; k < n; ++k) sum += a[k] * b[k];
  return sum;
}

void axpy(float* sum, float factor, const float* x, std::int64_t n) {
#pragma omp simd
  for (std::int64_t k = 0; k < n; ++k) sum[k] += factor * x[k];
}

Four dots(const std::array<const float*, together>& a, const float* b, std::int64_t n) {
  float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
  for (std::int64_t k = 0; k < n; ++k) {
    s0 += a[0][k] * b[k];
    s1 += a[1][k] * b[k];
    s2 += a[2][k] * b[k];
    s3 += a[3][k] * b[k];
  }
  return {s0, s1, s2, s3};
}

// sum += factors . x
void axpys(float* sum, const Four& factors, const std::array<const float*, together>& x, std::int64_t n) {
#pragma omp simd
  for (std::int64_t k = 0; k < n; ++k)
    sum[k] += (factors[0] * x[0][k] + factors[1] * x[1][k]) + (factors[2] * x[2][k] + factors[3] * x[3][k]);
}

// sums[j] += factors[j] x
void spread(const std::array<float*, together>& sums, const Four& factors, const float* x, std::int64_t n) {
#pragma omp simd
  for (std::int64_t k = 0; k < n; ++k) {
    sums[0][k] += factors[0] * x[k];
    sums[1][k] += factors[1] * x[k];
    sums[2][k] += factors[2] * x[k];
    sums[3][k] += factors[3] * x[k];
  }
}

// weight y^T y
Tensor<float, Cpu> gram_of(Context<Cpu>& context, Matrix<const float> y, float weight) {
  Tensor<float, Cpu> gram(y.cols, y.cols);
  const std::int64_t whole = y.cols / together * together;
#pragma omp parallel num_threads(context.threads())
  {
#pragma omp for schedule(static) nowait
    for (std::int64_t k = 0; k < whole; k += together) {
      float* first = gram.matrix().row(k);
      std::fill_n(first, together * y.cols, 0.0f);
      const std::array rows{first, first + y.cols, first + 2 * y.cols, first + 3 * y.cols};
      for (std::int64_t i = 0; i < y.rows; ++i) {
        const float* v = y.row(i);
        spread(rows, {weight * v[k], weight * v[k + 1], weight * v[k + 2], weight * v[k + 3]}, v, y.cols);
      }
    }
#pragma omp for schedule(static)
    for (std::int64_t k = whole; k < y.cols; ++k) {
      float* row = gram.matrix().row(k);
      std::fill_n(row, y.cols, 0.0f);
      for (std::int64_t i = 0; i < y.rows; ++i) axpy(row, weight * y.row(i)[k], y.row(i), y.cols);
    }
  }
  return gram;
}

// out[r] = factor gram x[r], for up to `together` rows that follow each other.
void times_gram(Matrix<const float> gram, float factor, Matrix<const float> x, Matrix<float> out) {
  std::fill_n(out.data, out.size(), 0.0f);
  const std::int64_t n = gram.cols;
  if (x.rows == together) {
    const std::array rows{out.row(0), out.row(1), out.row(2), out.row(3)};
    for (std::int64_t k = 0; k < n; ++k)
      spread(rows, {factor * x.row(0)[k], factor * x.row(1)[k], factor * x.row(2)[k], factor * x.row(3)[k]},
             gram.row(k), n);
    return;
  }
  for (std::int64_t r = 0; r < x.rows; ++r)
    for (std::int64_t k = 0; k < n; ++k) axpy(out.row(r), factor * x.row(r)[k], gram.row(k), n);
}

// out += sum over ids of e_i y_i, with e_i = target + sign x . y_i; returns the sum of their squares.
double add_interactions(Matrix<const float> y, std::span<const std::uint32_t> ids, const float* x, float sign,
                        float target, float* out) {
  double squares = 0;
  const auto error = [&](float product) {
    const float e = target + sign * product;
    squares += static_cast<double>(e) * e;
    return e;
  };
  std::size_t at = 0;
  for (; at + together <= ids.size(); at += together) {
    const std::array rows{y.row(ids[at]), y.row(ids[at + 1]), y.row(ids[at + 2]), y.row(ids[at + 3])};
    Four factors = dots(rows, x, y.cols);
    for (float& each : factors) each = error(each);
    axpys(out, factors, rows, y.cols);
  }
  for (; at < ids.size(); ++at) axpy(out, error(dot(y.row(ids[at]), x, y.cols)), y.row(ids[at]), y.cols);
  return squares;
}

float row_l2(const LeastSquaresSpec& spec, float interactions, float vectors) {
  return spec.l2 * std::pow(interactions + spec.unobserved_weight * vectors, spec.l2_power);
}

// Rows whose vectors stay in the caches near the cores from step to step, all at once for the ranks to sum.
class RowBlock {
 public:
  static std::int64_t rows_of(std::int64_t cols) {
    return std::max<std::int64_t>((std::int64_t{1} << 18) / cols / together, 16) * together;
  }

  RowBlock(Context<Cpu>& context, const LeastSquaresSpec& spec, Matrix<const float> y,
           Matrix<const float> gram, float vectors, const RankSums& sums)
      : context_(context), spec_(spec), y_(y), gram_(gram), vectors_(vectors), sums_(sums) {
    const std::int64_t most = rows_of(y.cols);
    for (auto* each : {&residual_, &direction_, &product_}) *each = Tensor<float, Cpu>(most, y.cols);
    l2_.resize(static_cast<std::size_t>(most));
    squares_.resize(l2_.size());
    errors_.resize(l2_.size());
  }

  // `ids` of these rows; returns the sum of this rank's part of what they minimise, but for the L2.
  double move(const RowIds& ids, Matrix<float> x) {
    const std::int64_t rows = x.rows, n = x.cols;
    for (std::int64_t r = 0; r < rows; ++r)
      l2_[static_cast<std::size_t>(r)] = static_cast<float>(ids.of(r).size());
    sum(std::span(l2_).first(static_cast<std::size_t>(rows)));
    for (std::int64_t r = 0; r < rows; ++r) {
      float& l2 = l2_[static_cast<std::size_t>(r)];
      l2 = row_l2(spec_, l2, vectors_);
    }
    const Matrix<float> r = residual_.matrix().slice(0, rows), p = direction_.matrix().slice(0, rows),
                        ap = product_.matrix().slice(0, rows);
    accumulate(ids, x, -1.0f, spec_.target, r);
    const double errors = std::accumulate(errors_.begin(), errors_.begin() + rows, 0.0);
    each_row(rows, [&](std::int64_t row) {
      axpy(r.row(row), -l2_[static_cast<std::size_t>(row)], x.row(row), n);
      std::copy_n(r.row(row), n, p.row(row));
      squares_[static_cast<std::size_t>(row)] = dot(r.row(row), r.row(row), n);
    });
    for (int step = 0; step < spec_.steps; ++step) {
      accumulate(ids, p, 1.0f, 0.0f, ap);
      each_row(rows, [&](std::int64_t row) {
        float& squares = squares_[static_cast<std::size_t>(row)];
        if (squares <= 1e-20f) return;  // solved
        axpy(ap.row(row), l2_[static_cast<std::size_t>(row)], p.row(row), n);
        const float length = squares / dot(p.row(row), ap.row(row), n);
        axpy(x.row(row), length, p.row(row), n);
        axpy(r.row(row), -length, ap.row(row), n);
        const float next = dot(r.row(row), r.row(row), n), share = next / squares;
        for (std::int64_t k = 0; k < n; ++k) p.row(row)[k] = r.row(row)[k] + share * p.row(row)[k];
        squares = next;
      });
    }
    return errors;
  }

 private:
  void sum(std::span<float> values) const {
    if (sums_.sum) sums_.sum(values);
  }

  template <class Work>
  void each_row(std::int64_t rows, const Work& work) const {
#pragma omp parallel for num_threads(context_.threads()) schedule(static)
    for (std::int64_t row = 0; row < rows; ++row) work(row);
  }

  // out[r] = sign gram x[r] + sum over r's interactions of (target + sign x[r] . y_i) y_i, over all ranks.
  // Leaves in errors_ this rank's part of what a row minimises, but for the L2, where `sign` is -1.
  void accumulate(const RowIds& ids, Matrix<const float> x, float sign, float target, Matrix<float> out) {
#pragma omp parallel for num_threads(context_.threads()) schedule(dynamic, 4)
    for (std::int64_t first = 0; first < x.rows; first += together) {
      const std::int64_t count = std::min<std::int64_t>(together, x.rows - first);
      // Every rank has the whole gram matrix, and takes it for a part of the rows.
      const bool own = first / together % sums_.ranks == sums_.rank;
      if (own)
        times_gram(gram_, sign, x.slice(first, count), out.slice(first, count));
      else
        std::fill_n(out.row(first), count * out.cols, 0.0f);
      for (std::int64_t row = first; row < first + count; ++row) {
        double& error = errors_[static_cast<std::size_t>(row)];
        error = own ? -dot(x.row(row), out.row(row), x.cols) : 0.0f;
        error += add_interactions(y_, ids.of(row), x.row(row), sign, target, out.row(row));
      }
    }
    sum({out.data, static_cast<std::size_t>(out.size())});
  }

  Context<Cpu>& context_;
  const LeastSquaresSpec& spec_;
  Matrix<const float> y_, gram_;
  float vectors_;
  const RankSums& sums_;
  Tensor<float, Cpu> residual_, direction_, product_;
  std::vector<float> l2_, squares_;  // of each row
  std::vector<double> errors_;
};

}  // namespace

double move_rows(Context<Cpu>& context, const LeastSquaresSpec& spec, Matrix<const float> y,
                 const RowIds& ids, Matrix<float> x, const RankSums& sums) {
  Tensor<float, Cpu> gram = gram_of(context, y, spec.unobserved_weight);
  auto vectors = static_cast<float>(y.rows);
  if (sums.sum) {
    sums.sum(gram.span());
    sums.sum({&vectors, 1});
  }
  double errors = 0;
  RowBlock block(context, spec, y, gram.matrix(), vectors, sums);
  const std::int64_t at_once = RowBlock::rows_of(x.cols);
  for (std::int64_t first = 0; first < x.rows; first += at_once) {
    const std::int64_t count = std::min(at_once, x.rows - first);
    const RowIds own{
        ids.offsets.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count) + 1), ids.ids};
    errors += block.move(own, x.slice(first, count));
  }
  return errors;
}

ExactRows::ExactRows(Context<Cpu>& context, const LeastSquaresSpec& spec, Matrix<const float> y)
    : spec_(spec), y_(y), gram_(static_cast<std::size_t>(y.cols * y.cols)) {
#pragma omp parallel for num_threads(context.threads()) schedule(static)
  for (std::int64_t k = 0; k < y.cols; ++k) {
    double* row = gram_.data() + k * y.cols;
    for (std::int64_t i = 0; i < y.rows; ++i) {
      const double factor = static_cast<double>(spec.unobserved_weight) * y.row(i)[k];
      const float* v = y.row(i);
      for (std::int64_t j = 0; j < y.cols; ++j) row[j] += factor * v[j];
    }
  }
}

bool ExactRows::solve(std::span<const std::uint32_t> ids, std::span<float> x) const {
  const auto n = static_cast<std::size_t>(y_.cols);
  require(x.size() == n, "a row of {} values, not {}", n, x.size());
  std::vector<double> a = gram_, b(n, 0.0);
  for (const std::uint32_t id : ids) {
    const float* v = y_.row(id);
    for (std::size_t k = 0; k < n; ++k) {
      double* row = a.data() + k * n;
      const double factor = v[k];
#pragma omp simd
      for (std::size_t j = 0; j <= k; ++j) row[j] += factor * v[j];
      b[k] += static_cast<double>(spec_.target) * factor;
    }
  }
  const double l2 = row_l2(spec_, static_cast<float>(ids.size()), static_cast<float>(y_.rows));
  // a = l l^T in its lower triangle, and l z = b on the way.
  for (std::size_t k = 0; k < n; ++k) {
    double* row = a.data() + k * n;
    row[k] += l2;
    const auto less_products = [&](std::size_t column) {
      const double* other = a.data() + column * n;
      double sum = 0;
#pragma omp simd reduction(+ : sum)
      for (std::size_t j = 0; j < column; ++j) sum += row[j] * other[j];
      return row[column] - sum;
    };
    for (std::size_t column = 0; column < k; ++column)
      row[column] = less_products(column) / a[column * n + column];
    row[k] = less_products(k);
    if (!(row[k] > 0)) return false;
    row[k] = std::sqrt(row[k]);
    for (std::size_t j = 0; j < k; ++j) b[k] -= row[j] * b[j];
    b[k] /= row[k];
  }
  for (std::size_t k = n; k-- > 0;) {
    b[k] /= a[k * n + k];
    for (std::size_t j = 0; j < k; ++j) b[j] -= a[k * n + j] * b[k];
    x[k] = static_cast<float>(b[k]);
  }
  return true;
}

}  // namespace neumf
