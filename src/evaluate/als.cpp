#include "neumf/evaluate/als.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "neumf/data/users_of_items.hpp"
#include "neumf/nn/least_squares.hpp"
#include "neumf/random/philox.hpp"

namespace neumf {
namespace {

LeastSquaresSpec least_squares(const AlsSpec& spec) {
  return {.unobserved_weight = 1 / spec.alpha,
          .l2 = spec.regularisation * std::pow(spec.alpha, spec.regularisation_power - 1),
          .l2_power = spec.regularisation_power,
          .target = 1 + 1 / spec.alpha,
          .steps = spec.steps};
}

// This rank's share of rows: about as many interactions as every other's.
UserRange share_of(const Communicator& communicator, std::span<const std::uint64_t> offsets) {
  const std::uint64_t rows = offsets.size() - 1, all = offsets.back();
  const auto ranks = static_cast<std::uint64_t>(communicator.size());
  const auto begin_of = [&](std::uint64_t rank) {
    const auto begin = std::lower_bound(offsets.begin(), offsets.end(), all * rank / ranks);
    return rank == ranks ? rows : static_cast<std::uint64_t>(begin - offsets.begin());
  };
  const auto rank = static_cast<std::uint64_t>(communicator.rank());
  return {begin_of(rank), begin_of(rank + 1)};
}

// Moves every row of x, given y.
void move_all(Context<Cpu>& context, const Communicator& communicator, const LeastSquaresSpec& spec,
              Matrix<const float> y, const RowIds& ids, Tensor<float, Cpu>& x) {
  const UserRange own = share_of(communicator, ids.offsets);
  const auto first = static_cast<std::int64_t>(own.first), count = static_cast<std::int64_t>(own.size());
  move_rows(context, spec, y, {ids.offsets.subspan(own.first, own.size() + 1), ids.ids},
            x.matrix().slice(first, count));
  std::fill(x.data(), x.matrix().row(first), 0.0f);
  std::fill(x.matrix().row(first + count), x.matrix().row(x.rows()), 0.0f);
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
  const LeastSquaresSpec rows = least_squares(spec);
  for (int iteration = 0; iteration < spec.iterations; ++iteration) {
    move_all(context, communicator, rows, items_.matrix(), {all.offsets, all.items}, users_);
    move_all(context, communicator, rows, users_.matrix(), {transposed.offsets, transposed.users}, items_);
  }
}

void Als::score(std::uint64_t user, std::span<float> scores) const {
  const float* x = users_.matrix().row(static_cast<std::int64_t>(user));
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const float* y = items_.matrix().row(static_cast<std::int64_t>(i));
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t k = 0; k < items_.cols(); ++k) sum += x[k] * y[k];
    scores[i] = sum;
  }
}

}  // namespace neumf
