// Rows by conjugate gradients and by Cholesky's decomposition, against the equations in double precision.
#include "neumf/nn/least_squares.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "neumf/random/philox.hpp"
#include "toy_data.hpp"

namespace neumf {
namespace {

float noise(std::uint64_t i, std::uint64_t stream) {
  return open_unit(Philox(stream, RandomStream::synthetic)(i).v[0]) - 0.4f;
}

// Rows of which some have nothing, and the vectors of `items`.
struct Problem {
  std::int64_t cols;
  std::uint32_t items = 30;
  Shard data;
  std::vector<float> y, x;
  LeastSquaresSpec spec{
      .unobserved_weight = 0.3f, .l2 = 0.2f, .l2_power = 0.7f, .target = 1.25f, .steps = 40};

  Problem(std::uint32_t rows, std::int64_t width)
      : cols(width), data(test::toy_data(rows, items, 5, 1)), y(size(items)), x(size(rows)) {
    // The last row loses what it has.
    data.offsets.back() = data.offsets[rows - 1];
    data.items.resize(data.offsets.back());
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = noise(i, 1);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = noise(i, 2);
  }
  std::size_t size(std::uint32_t rows) const { return rows * static_cast<std::size_t>(cols); }
  std::int64_t rows() const { return static_cast<std::int64_t>(data.offsets.size()) - 1; }
  Matrix<const float> vectors() const { return {y.data(), items, cols}; }
  Matrix<float> moving() { return {x.data(), rows(), cols}; }
  RowIds ids() const { return {data.offsets, data.items}; }
  double product(const float* row, std::uint32_t item) const {
    double sum = 0;
    for (std::int64_t k = 0; k < cols; ++k)
      sum += static_cast<double>(row[k]) *
             y[item * static_cast<std::size_t>(cols) + static_cast<std::size_t>(k)];
    return sum;
  }
  // What a row minimises, but for the L2.
  double errors(std::int64_t row) const {
    const float* own = x.data() + row * cols;
    double sum = 0;
    for (std::uint32_t i = 0; i < items; ++i)
      sum += static_cast<double>(spec.unobserved_weight) * std::pow(product(own, i), 2);
    const RowIds all = ids();
    for (const std::uint32_t i : all.of(row)) sum += std::pow(spec.target - product(own, i), 2);
    return sum;
  }
  // The gradient of all that a row minimises, at `own`, as a share of its largest
  // term, or of 1.
  double residual(std::int64_t row, const float* own) const {
    const auto has = ids().of(row);
    const double l2 = spec.l2 * std::pow(static_cast<double>(has.size()) +
                                             static_cast<double>(spec.unobserved_weight) * items,
                                         static_cast<double>(spec.l2_power));
    std::vector<double> scores;
    for (std::uint32_t i = 0; i < items; ++i) scores.push_back(product(own, i));
    double worst = 0, largest = 1;
    for (std::int64_t k = 0; k < cols; ++k) {
      const auto at = [&](std::uint32_t i) { return static_cast<double>(vectors().row(i)[k]); };
      double left = l2 * own[k], right = 0;
      for (std::uint32_t i = 0; i < items; ++i)
        left += static_cast<double>(spec.unobserved_weight) * scores[i] * at(i);
      for (const std::uint32_t i : has) {
        left += scores[i] * at(i);
        right += static_cast<double>(spec.target) * at(i);
      }
      worst = std::max(worst, std::fabs(left - right));
      largest = std::max(largest, std::fabs(right));
    }
    return worst / largest;
  }
};

// The last has more rows than are moved at once.
TEST(LeastSquares, MovesEveryRowToItsSolution) {
  Context<Cpu> context(2);
  for (const auto& [rows, cols] : {std::pair(43u, 1), std::pair(43u, 7), std::pair(4100u, 64)}) {
    Problem p(rows, cols);
    double expected = 0;
    for (std::int64_t row = 0; row < p.rows(); ++row) expected += p.errors(row);
    const double errors = move_rows(context, p.spec, p.vectors(), p.ids(), p.moving());
    EXPECT_NEAR(errors / expected, 1, 1e-5) << cols << " columns";
    for (std::int64_t row = 0; row < p.rows(); ++row)
      ASSERT_LT(p.residual(row, p.moving().row(row)), 1e-4) << cols << " columns, row " << row;
  }
}

TEST(LeastSquares, SolvesRowsExactly) {
  Context<Cpu> context(2);
  for (const float power : {0.0f, 1.0f}) {
    Problem p(43, 7);
    p.spec.l2_power = power;
    const ExactRows exact(context, p.spec, p.vectors());
    std::vector<float> x(7);
    for (std::int64_t row = 0; row < p.rows(); ++row) {
      ASSERT_TRUE(exact.solve(p.ids().of(row), x));
      ASSERT_LT(p.residual(row, x.data()), 1e-5) << "row " << row;
    }
  }
}

TEST(LeastSquares, SaysThatThereIsNoSolution) {
  Context<Cpu> context(1);
  Problem p(3, 40);  // more columns than vectors
  p.spec.l2 = 0;
  std::fill(p.y.begin(), p.y.end(), 0.0f);
  const ExactRows exact(context, p.spec, p.vectors());
  std::vector<float> x(40);
  EXPECT_FALSE(exact.solve(p.ids().of(0), x));
}

TEST(LeastSquares, HasTheSameBitsOnAnyThreadsAndBesideAnyRows) {
  Context<Cpu> one(1), three(3);
  Problem all(43, 20), again = all, some = all;
  all.spec.steps = again.spec.steps = some.spec.steps = 2;
  move_rows(one, all.spec, all.vectors(), all.ids(), all.moving());
  move_rows(three, again.spec, again.vectors(), again.ids(), again.moving());
  EXPECT_EQ(all.x, again.x);
  const RowIds from_seven{some.ids().offsets.subspan(7), some.ids().ids};
  move_rows(one, some.spec, some.vectors(), from_seven, some.moving().slice(7, some.rows() - 7));
  EXPECT_TRUE(std::equal(some.x.begin() + 7 * 20, some.x.end(), all.x.begin() + 7 * 20));
}

}  // namespace
}  // namespace neumf
