// The least squares that factorise implicit feedback by turns (Hu, Koren and Volinsky, "Collaborative
// Filtering for Implicit Feedback Datasets", ICDM 2008; in the terms of Rendle, Krichene, Zhang and Koren,
// "Revisiting the Performance of iALS on Item Recommendation Benchmarks", RecSys 2022). Given the vectors y_i
// of one side, each row x of the other minimises
//   sum over i in S of (target - x . y_i)^2 + unobserved_weight sum over all i of (x . y_i)^2 + l2_x |x|^2,
//   l2_x = l2 (|S| + unobserved_weight N)^l2_power,
// where S are the row's interactions and N is the number of vectors. So x solves
//   (unobserved_weight Y^T Y + sum over S of y_i y_i^T + l2_x I) x = target sum over S of y_i.
// Hu's form, with the weight 1 + alpha of an interaction and 1 of its absence, is this one divided by alpha:
//   unobserved_weight = 1 / alpha,   target = 1 + 1 / alpha,   l2 = regularisation / alpha,   l2_power = 0.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "neumf/core/context.hpp"
#include "neumf/core/tensor.hpp"

namespace neumf {

struct LeastSquaresSpec {
  float unobserved_weight = 0.1f;
  float l2 = 0.003f;
  float l2_power = 1;  // 0: all rows alike; 1: as the weight of what a row is fitted to
  float target = 1;
  int steps = 3;  // of conjugate gradients
};

// The interactions of rows: of row r, ids[offsets[r]] to ids[offsets[r + 1] - 1].
struct RowIds {
  std::span<const std::uint64_t> offsets;
  std::span<const std::uint32_t> ids;

  std::span<const std::uint32_t> of(std::int64_t row) const {
    const auto r = static_cast<std::size_t>(row);
    return ids.subspan(offsets[r], offsets[r + 1] - offsets[r]);
  }
};

// Where ranks hold parts of y, and of each row's interactions those with their part.
struct RankSums {
  std::function<void(std::span<float>)> sum;  // in place, over all ranks; empty: this rank has everything
  int rank = 0, ranks = 1;
};

// Moves every row of x towards its solution, from where it stands, by conjugate gradients (Takacs, Pilaszy
// and Tikk, "Applications of the Conjugate Gradient Method for Implicit Feedback Collaborative Filtering",
// RecSys 2011): a step costs O(cols) for each interaction, and O(cols^2) for the row. `y`, `ids`: this
// rank's. With `sums` all ranks have the same x, call this together, and have the same x afterwards. A row
// does not depend on threads, nor on the rows beside it. Returns this rank's part of the sum, over the rows
// as they stood, of what they minimise but for the last term.
double move_rows(Context<Cpu>& context, const LeastSquaresSpec& spec, Matrix<const float> y,
                 const RowIds& ids, Matrix<float> x, const RankSums& sums = {});

// One row's solution by Cholesky's decomposition in double precision: O(cols^2) for each interaction and
// O(cols^3) for the row. Not LAPACK's, which has threads of its own: rows are solved side by side, and their
// bits must not depend on how many at once.
class ExactRows {
 public:
  // `y` must outlive this.
  ExactRows(Context<Cpu>& context, const LeastSquaresSpec& spec, Matrix<const float> y);

  // x [cols] of a row that has `ids`. False where rounding leaves no solution: the L2 is too small.
  bool solve(std::span<const std::uint32_t> ids, std::span<float> x) const;

 private:
  LeastSquaresSpec spec_;
  Matrix<const float> y_;
  std::vector<double> gram_;  // [cols, cols], times unobserved_weight
};

}  // namespace neumf
