// What --freeze names stays as it is, whether its rows would be deferred or not; everything else moves.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "neumf/train/weight_update.hpp"

namespace neumf {
namespace {

const ModelShape shape{50, 40, 3, {8, 5, 4}};

std::set<std::string> moved(Optimizer optimizer, const Freeze& freeze, std::uint64_t groups) {
  Context<Cpu> context(1);
  Parameters<Cpu, float> parameters(context, shape, shape.users);
  parameters.initialise(context, 3, 0);
  const std::vector<float> before(parameters.weights().begin(), parameters.weights().end());
  WeightUpdate<Cpu, float> update(parameters, optimizer, {.users = groups, .items = 2 * groups}, freeze);
  const std::vector<std::uint32_t> users{7}, items{3, 9};
  BatchView batch;
  batch.groups = 1;
  batch.group_size = 2;
  batch.users = users.data();
  batch.items = items.data();
  if (update.defers()) update.prepare(context, batch);
  std::ranges::fill(parameters.gradients(), 0.5f);
  ops::StepState state;
  const ops::AdamSpec adam;
  ops::prepare_update(context, adam, {}, 1, &state);
  update.run(context, adam, &state);
  update.complete(context);
  std::set<std::string> names;
  const auto& layout = parameters.layout();
  auto segments = layout.shared_segments();
  for (const Segment* segment : layout.user_segments()) segments.push_back(segment);
  for (const Segment* segment : segments) {
    const auto weight = parameters.weight(*segment);
    if (!std::equal(weight.data, weight.data + weight.size(), before.begin() + segment->offset))
      names.insert(segment->name);
  }
  return names;
}

TEST(Freeze, LeavesWhatItNames) {
  const std::set<std::string> users{"user_gmf", "user_mlp"}, items{"item_gmf", "item_mlp"};
  for (const auto optimizer : {Optimizer::adam, Optimizer::sgd})
    for (const std::uint64_t groups : {0, 1}) {  // 1: few rows are read, so Adam defers the others
      const auto all = moved(optimizer, {}, groups);
      EXPECT_EQ(all.size(), 12u);
      auto rest = all;
      for (const auto& name : items) rest.erase(name);
      EXPECT_EQ(moved(optimizer, {false, true, false}, groups), rest);
      for (const auto& name : users) rest.erase(name);
      EXPECT_EQ(moved(optimizer, {true, true, false}, groups), rest);
      EXPECT_EQ(moved(optimizer, {false, true, true}, groups), users);
      EXPECT_EQ(moved(optimizer, {true, false, true}, groups), items);
    }
}

// A gradient that moves nothing does not pile up.
TEST(Freeze, DropsGradients) {
  Context<Cpu> context(1);
  Parameters<Cpu, float> parameters(context, shape, shape.users);
  WeightUpdate<Cpu, float> update(parameters, Optimizer::adam, {}, {false, true, true});
  std::ranges::fill(parameters.gradients(), 0.5f);
  ops::StepState state;
  const ops::AdamSpec adam;
  ops::prepare_update(context, adam, {}, 1, &state);
  update.run(context, adam, &state);
  const auto& layout = parameters.layout();
  for (const Segment* segment : {&layout.item_gmf, &layout.head_mlp, &layout.pair_user}) {
    const auto gradient = parameters.gradient(*segment);
    EXPECT_TRUE(std::all_of(gradient.data, gradient.data + gradient.size(), [](float g) { return g == 0; }))
        << segment->name;
  }
}

}  // namespace
}  // namespace neumf
