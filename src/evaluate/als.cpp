#include "neumf/evaluate/als.hpp"

#include <algorithm>
#include <vector>

#include "neumf/random/philox.hpp"
#include "users_of_items.hpp"

namespace neumf {
namespace {

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

// y^T y + regularisation.
Tensor<float, Cpu> gram(Context<Cpu>& context, Matrix<const float> y, float regularisation) {
  Tensor<float, Cpu> out(y.cols, y.cols);
#pragma omp parallel for num_threads(context.threads()) schedule(static)
  for (std::int64_t k = 0; k < y.cols; ++k) {
    float* row = out.matrix().row(k);
    std::fill(row, row + y.cols, 0.0f);
    for (std::int64_t i = 0; i < y.rows; ++i) axpy(row, y.row(i)[k], y.row(i), y.cols);
    row[k] += regularisation;
  }
  return out;
}

// Steps from x towards the solution of
//   (gram + alpha sum_i y_i y_i^T) x = (1 + alpha) sum_i y_i,   i over `ids`.
class RowSolver {
 public:
  RowSolver(Matrix<const float> y, Matrix<const float> gram, const AlsSpec& spec)
      : y_(y), gram_(gram), alpha_(spec.alpha), steps_(spec.steps) {
    for (auto* vector : {&residual_, &direction_, &product_})
      vector->resize(static_cast<std::size_t>(y.cols));
  }

  void solve(std::span<const std::uint32_t> ids, float* x) {
    const std::int64_t n = y_.cols;
    float *r = residual_.data(), *p = direction_.data(), *ap = product_.data();
    multiply(ids, x, ap);
    for (std::int64_t k = 0; k < n; ++k) r[k] = -ap[k];
    for (const std::uint32_t id : ids) axpy(r, 1 + alpha_, y_.row(id), n);
    std::copy(r, r + n, p);
    float squares = dot(r, r, n);
    for (int step = 0; step < steps_ && squares > 1e-20f; ++step) {
      multiply(ids, p, ap);
      const float length = squares / dot(p, ap, n);
      axpy(x, length, p, n);
      axpy(r, -length, ap, n);
      const float next = dot(r, r, n), share = next / squares;
      for (std::int64_t k = 0; k < n; ++k) p[k] = r[k] + share * p[k];
      squares = next;
    }
  }

 private:
  void multiply(std::span<const std::uint32_t> ids, const float* x, float* out) const {
    const std::int64_t n = y_.cols;
    std::fill(out, out + n, 0.0f);
    for (std::int64_t k = 0; k < n; ++k) axpy(out, x[k], gram_.row(k), n);
    for (const std::uint32_t id : ids) axpy(out, alpha_ * dot(y_.row(id), x, n), y_.row(id), n);
  }

  Matrix<const float> y_, gram_;
  float alpha_;
  int steps_;
  std::vector<float> residual_, direction_, product_;
};

// Moves every row of x, given y; `ids(row)` are those of y that belong to it.
template <class Ids>
void move_rows(Context<Cpu>& context, const Communicator& communicator, const AlsSpec& spec,
               const Tensor<float, Cpu>& y, const Ids& ids, Tensor<float, Cpu>& x) {
  const Tensor<float, Cpu> squares = gram(context, y.matrix(), spec.regularisation);
  const std::int64_t ranks = communicator.size();
#pragma omp parallel num_threads(context.threads())
  {
    RowSolver solver(y.matrix(), squares.matrix(), spec);
    // Rows in turn: those with many ids are spread over ranks and threads.
#pragma omp for schedule(dynamic, 16)
    for (std::int64_t row = 0; row < x.rows(); ++row) {
      float* weights = x.matrix().row(row);
      if (row % ranks == communicator.rank())
        solver.solve(ids(row), weights);
      else
        std::fill(weights, weights + x.cols(), 0.0f);
    }
  }
  communicator.allreduce_sum(x.span());
}

Tensor<float, Cpu> initial(std::int64_t rows, const AlsSpec& spec, std::uint32_t which) {
  Tensor<float, Cpu> x(rows, spec.factors);
  const Philox philox(spec.seed, RandomStream::initialisation, which);
  for (std::int64_t i = 0; i < x.size(); ++i)
    x.data()[i] = 0.01f * open_unit(word_of(philox(static_cast<std::uint64_t>(i) / 4),
                                            static_cast<std::uint32_t>(i % 4)));
  return x;
}

}  // namespace

Als::Als(Context<Cpu>& context, const Communicator& communicator, const Shard& all, std::uint32_t items,
         const AlsSpec& spec) {
  communicator.together([&] {
    users_ = initial(static_cast<std::int64_t>(all.users.size()), spec, 0);
    items_ = initial(items, spec, 1);
  });
  const UsersOfItems transposed(all, items);
  const auto items_of = [&](std::int64_t user) {
    const std::uint64_t begin = all.offsets[static_cast<std::size_t>(user)];
    return std::span(all.items).subspan(begin, all.offsets[static_cast<std::size_t>(user) + 1] - begin);
  };
  const auto users_of = [&](std::int64_t item) { return transposed.of(static_cast<std::uint32_t>(item)); };
  for (int iteration = 0; iteration < spec.iterations; ++iteration) {
    move_rows(context, communicator, spec, items_, items_of, users_);
    move_rows(context, communicator, spec, users_, users_of, items_);
  }
}

void Als::score(std::uint64_t user, std::span<float> scores) const {
  const float* x = users_.matrix().row(static_cast<std::int64_t>(user));
  for (std::size_t i = 0; i < scores.size(); ++i)
    scores[i] = dot(x, items_.matrix().row(static_cast<std::int64_t>(i)), items_.cols());
}

}  // namespace neumf
