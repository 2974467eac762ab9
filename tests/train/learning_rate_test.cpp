#include "neumf/train/learning_rate.hpp"

#include <gmock/gmock.h>

namespace neumf {
namespace {

using testing::DoubleNear;
using testing::Pointwise;

std::vector<double> rates(const LearningRate& rate) {
  std::vector<double> out;
  for (int epoch = 1; epoch <= rate.epochs; ++epoch) out.push_back(rate.at(epoch));
  return out;
}

void expect_rates(const LearningRate& rate, const std::vector<double>& want) {
  EXPECT_THAT(rates(rate), Pointwise(DoubleNear(1e-12), want));
}

TEST(LearningRate, FollowsItsSchedule) {
  using S = LearningRateSchedule;
  expect_rates({1.0, S::constant, 3}, {1, 1, 1});
  expect_rates({1.0, S::linear, 4}, {1, 0.75, 0.5, 0.25});
  expect_rates({2.0, S::cosine, 4}, {2, 1 + std::sqrt(0.5), 1, 1 - std::sqrt(0.5)});
  expect_rates({1.0, S::exponential, 4, 0, 0.5}, {1, 0.5, 0.25, 0.125});
  expect_rates({1.0, S::step, 5, 0, 0.1, 2}, {1, 1, 0.1, 0.1, 0.01});
}

TEST(LearningRate, WarmsUp) {
  using S = LearningRateSchedule;
  expect_rates({1.0, S::constant, 5, 3}, {0.25, 0.5, 0.75, 1, 1});
  expect_rates({1.0, S::linear, 4, 2}, {1.0 / 3, 2.0 / 3, 1, 0.5});
  // A warm-up longer than the run.
  expect_rates({1.0, S::cosine, 2, 9}, {0.1, 0.2});
}

}  // namespace
}  // namespace neumf
