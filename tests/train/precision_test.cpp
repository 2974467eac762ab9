// Mixed precision: half-precision products with fp32 weights, and the collective decision to skip a step.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "neumf/train/trainer.hpp"
#include "test_device.hpp"
#include "toy_data.hpp"

namespace neumf {
namespace {

constexpr std::uint32_t users = 40, items = 30;
const ModelShape shape{users, items, 4, {16, 12, 8}};

template <class T>
struct Rank {
  Communicator world = Communicator::world();
  Shard shard = test::part_of(test::toy_data(users, items, 6, 5), world.rank(), world.size());
  test::TestContext<test::Device> context;
  Parameters<test::Device, T> parameters{context, shape, static_cast<std::int64_t>(shard.users.size())};
  std::unique_ptr<Trainer<test::Device, T>> trainer;

  explicit Rank(float loss_scale, std::int64_t batch_size = 1 << 20, int growth_interval = 3) {
    parameters.initialise(context, 1, shard.users.first);
    TrainerSpec spec;
    spec.sampler.item_count = items;
    spec.sampler.seed = 3;
    spec.batch_size = batch_size;
    spec.learning_rate = 0.01f;
    spec.adam = {0.9f, 0.999f, 1e-8f};
    spec.loss_scaling.dynamic = loss_scale != 1.0f;
    spec.loss_scaling.growth_interval = growth_interval;
    spec.loss_scale = loss_scale;
    trainer = std::make_unique<Trainer<test::Device, T>>(context, world, parameters, shape, shard, spec);
    trainer->model().go_by_operation();  // a narrow model would be computed in fp32
  }
  std::vector<float> weights() { return test::fetch(context, parameters.weights()); }
};

template <class T>
class HalfPrecision : public testing::Test {};
using HalfTypes = testing::Types<bfloat16, float16>;
TYPED_TEST_SUITE(HalfPrecision, HalfTypes);

TYPED_TEST(HalfPrecision, LearnsAsFp32Does) {
  Rank<float> full(1.0f, 200);
  Rank<TypeParam> half(std::is_same_v<TypeParam, float16> ? 1024.0f : 1.0f, 200, 1000);
  for (std::uint32_t epoch = 0; epoch < 10; ++epoch) {
    const double expected = *full.trainer->train_epoch(epoch), loss = *half.trainer->train_epoch(epoch);
    // bf16 has 8 significant bits: rounding of about half a percent in every activation.
    EXPECT_NEAR(loss, expected, 0.01 * expected) << epoch;
  }
}

TYPED_TEST(HalfPrecision, CopiesFollowTheWeights) {
  Rank<TypeParam> rank(1.0f, 200);
  rank.trainer->train_epoch(0);
  const auto& layout = rank.parameters.layout();
  for (const Segment* s : layout.shared_segments()) {
    const auto copies = test::fetch(rank.context, rank.parameters.compute(*s));
    const auto weights = test::fetch(rank.context, rank.parameters.weight(*s));
    for (std::size_t i = 0; i < weights.size(); ++i)
      EXPECT_EQ(copies[i].bits, from_float<TypeParam>(weights[i]).bits) << s->name;
  }
}

TYPED_TEST(HalfPrecision, OneRanksOverflowSkipsTheStepOnAll) {
  Rank<TypeParam> rank(1024.0f);
  const auto before = rank.weights();
  // Only the last rank's user embeddings, which are never communicated, overflow.
  if (rank.world.rank() == rank.world.size() - 1)
    test::edit(rank.context, rank.parameters.gradient(rank.parameters.layout().user_mlp),
               [](auto& gradients) { gradients[0] = std::numeric_limits<float>::infinity(); });
  rank.trainer->train_epoch(0);  // one update
  auto state = rank.trainer->state();
  EXPECT_EQ(state.skipped, 1);
  EXPECT_EQ(state.step, 0);
  EXPECT_EQ(state.loss_scale, 512.0f);
  EXPECT_EQ(rank.weights(), before);
  for (const float gradient : test::fetch(rank.context, rank.parameters.gradients()))
    ASSERT_EQ(gradient, 0.0f);

  // It goes on with the lower scale, and grows again after three good steps.
  for (std::uint32_t epoch = 1; epoch <= 3; ++epoch)
    EXPECT_TRUE(std::isfinite(*rank.trainer->train_epoch(epoch)));
  state = rank.trainer->state();
  EXPECT_EQ(state.skipped, 1);
  EXPECT_EQ(state.step, 3);
  EXPECT_EQ(state.loss_scale, 1024.0f);
  EXPECT_NE(rank.weights(), before);
}

TEST(Fp16, FindsAScaleThatFits) {
  // 2^30 / 900 samples times errors of about one half is beyond fp16 (65,504) in every product.
  Rank<float16> rank(0x1p30f);
  for (std::uint32_t epoch = 0; epoch < 30; ++epoch) rank.trainer->train_epoch(epoch);
  const auto state = rank.trainer->state();
  EXPECT_GT(state.skipped, 0);
  EXPECT_GT(state.step, 10);
  EXPECT_EQ(state.step + state.skipped, 30);
  for (const float weight : rank.weights()) ASSERT_TRUE(std::isfinite(weight));
  EXPECT_EQ(rank.world.max(static_cast<double>(state.loss_scale)), static_cast<double>(state.loss_scale));
}

}  // namespace
}  // namespace neumf
