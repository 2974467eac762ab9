#include "neumf/nn/model_shape.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <iterator>

#include "neumf/core/error.hpp"
#include "neumf/nn/parameters.hpp"

namespace neumf {
namespace {

TEST(ModelShape, CountsTheReferenceModel) {
  // 31.8 M parameters on ML-20m, of which 26.6 M user and 5.1 M item embeddings; 640 kFLOP per sample.
  const ModelShape shape{138493, 26744, 64, {256, 256, 128, 64}};
  EXPECT_EQ(shape.parameters(), 138493 * 192 + 26744 * 192 + (256 * 256 + 256) + (256 * 128 + 128) +
                                    (128 * 64 + 64) + (64 + 64 + 1));
  EXPECT_NEAR(shape.flops_per_sample(), 640e3, 1e3);
}

TEST(ModelShape, CountsTheOtherModels) {
  const auto gmf = ModelShape::of(ModelKind::gmf, 10, 20, 8, {256, 64});
  EXPECT_EQ(gmf.kind(), ModelKind::gmf);
  EXPECT_EQ(gmf.parameters(), 30 * 8 + 8 + 1);
  EXPECT_EQ(gmf.flops_per_sample(), 6 * 8);
  const auto mlp = ModelShape::of(ModelKind::mlp, 10, 20, 8, {6, 4});
  EXPECT_EQ(mlp.kind(), ModelKind::mlp);
  EXPECT_EQ(mlp.parameters(), 30 * 3 + (6 * 4 + 4) + 4 + 1);
  EXPECT_EQ(mlp.flops_per_sample(), 6 * (6 * 4 + 4));
  EXPECT_EQ(ModelShape::of(ModelKind::neumf, 10, 20, 8, {6, 4}).kind(), ModelKind::neumf);
  for (const auto& shape : {gmf, mlp}) EXPECT_NO_THROW(shape.validate());
}

TEST(ModelShape, RefusesSizesThatDoNotFit) {
  EXPECT_THROW((ModelShape{1, 1, 64, {256}}.validate()), Error);
  EXPECT_THROW((ModelShape{1, 1, 64, {255, 64}}.validate()), Error);
  EXPECT_THROW((ModelShape{1, 1, -1, {256, 64}}.validate()), Error);
  EXPECT_THROW((ModelShape{1, 1, 0, {}}.validate()), Error);  // no branch at all
  EXPECT_THROW((ModelShape{1, 1, 64, {256, 0}}.validate()), Error);
  EXPECT_NO_THROW((ModelShape{1, 1, 1, {2, 1}}.validate()));
}

class ParameterLayoutOf : public testing::TestWithParam<ModelKind> {};
INSTANTIATE_TEST_SUITE_P(Models, ParameterLayoutOf,
                         testing::Values(ModelKind::neumf, ModelKind::gmf, ModelKind::mlp),
                         [](const auto& model) { return name_of(model.param); });

TEST_P(ParameterLayoutOf, PlacesEveryWeightOnceAndAligned) {
  const auto shape = ModelShape::of(GetParam(), 10, 20, 3, {8, 5, 4});
  const ParameterLayout layout(shape, 10);
  std::vector<const Segment*> all = layout.shared_segments();
  std::int64_t weights = 0;
  for (const Segment* s : all) EXPECT_LE(s->offset + s->size(), layout.shared) << s->name;
  std::ranges::copy(layout.user_segments(), std::back_inserter(all));
  for (const Segment* s : all) EXPECT_GT(s->size(), 0) << s->name;
  all.push_back(&layout.overflow_slot);
  std::sort(all.begin(), all.end(), [](auto* a, auto* b) { return a->offset < b->offset; });
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i]->offset % 16, 0) << all[i]->name;
    if (i > 0) {
      EXPECT_GE(all[i]->offset, all[i - 1]->offset + all[i - 1]->size()) << all[i]->name;
    }
    if (all[i] != &layout.overflow_slot) weights += all[i]->size();
  }
  EXPECT_EQ(weights, shape.parameters());
  // It must be among what is reduced, in the last bucket, and be written before that starts.
  EXPECT_LT(layout.overflow_slot.offset, layout.shared);
  EXPECT_GE(layout.overflow_slot.offset, layout.bucket_end[1]);
  EXPECT_GE(layout.user_gmf.offset, layout.shared);
}

TEST(Parameters, StartFromTheSameValuesOnAnyPartOfTheUsers) {
  const ModelShape shape{10, 20, 3, {8, 5, 4}};
  Context<Cpu> context(2);
  Parameters<Cpu, float> whole(context, shape, 10), part(context, shape, 4);
  whole.initialise(context, 5, 0);
  part.initialise(context, 5, 6);
  for (const Segment* s : part.layout().shared_segments())
    for (std::int64_t i = 0; i < s->size(); ++i) EXPECT_EQ(part.weight(*s).data[i], whole.weight(*s).data[i]);
  const auto& rows = part.layout().user_mlp;
  for (std::int64_t i = 0; i < rows.size(); ++i)
    EXPECT_EQ(part.weight(rows).data[i], whole.weight(whole.layout().user_mlp).row(6)[i]);
}

TEST(Parameters, FollowTheReferencesInitialisation) {
  const ModelShape shape{3000, 2000, 64, {256, 256, 128, 64}};
  Context<Cpu> context(2);
  Parameters<Cpu, float> parameters(context, shape, 3000);
  parameters.initialise(context, 1, 0);
  const auto check = [&](const Segment& s, double largest, double variance) {
    double sum = 0, squares = 0, extreme = 0;
    for (std::int64_t i = 0; i < s.size(); ++i) {
      const double x = parameters.weight(s).data[i];
      sum += x;
      squares += x * x;
      extreme = std::max(extreme, std::fabs(x));
    }
    const auto n = static_cast<double>(s.size());
    EXPECT_NEAR(sum / n, 0, 5 * std::sqrt(variance / n)) << s.name;  // five standard errors
    EXPECT_NEAR(squares / n / variance, 1, 5 * std::sqrt(2 / n)) << s.name;
    EXPECT_LE(extreme, largest) << s.name;
  };
  const auto uniform = [&](const Segment& s, double limit) { check(s, limit, limit * limit / 3); };
  const auto& layout = parameters.layout();
  uniform(layout.pair_user, std::sqrt(6.0 / (256 + 256)));
  uniform(layout.pair_item, std::sqrt(6.0 / (256 + 256)));
  uniform(layout.pair_bias, 1 / std::sqrt(256.0));
  uniform(layout.hidden_weight[0], std::sqrt(6.0 / (256 + 128)));
  uniform(layout.hidden_bias[1], 1 / std::sqrt(128.0));
  uniform(layout.head_gmf, std::sqrt(3.0 / 128));
  uniform(layout.head_mlp, std::sqrt(3.0 / 128));
  check(layout.user_mlp, 0.06, 1e-4);
  check(layout.item_gmf, 0.06, 1e-4);
}

}  // namespace
}  // namespace neumf
