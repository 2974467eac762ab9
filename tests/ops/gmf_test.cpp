#include "neumf/ops/gmf.hpp"

#include "device_fixture.hpp"
#include "ops/reference/gmf.hpp"

namespace neumf::test {
namespace {

template <class C>
struct Gmf : OpTest<C> {
  using typename OpTest<C>::Device, typename OpTest<C>::T;

  struct Inputs {
    reference::Batch batch;
    Array users, items, weight, bias, dlogits, user_grad, item_grad, weight_grad;
  };
  struct Gradients {
    Array users, items, weight;
  };

  static Inputs inputs(Index groups, Index group_size, Index width) {
    const Index users = 37, items = 53;
    return {random_batch(groups, group_size, users, items, 1),
            random_array<T>(users, width, 2),
            random_array<T>(items, width, 3),
            random_array<float>(width, 1, 4),
            random_array<float>(1, 1, 5),
            random_array<float>(groups * group_size, 1, 6),
            random_array<float>(users, width, 7),
            random_array<float>(items, width, 8),
            random_array<float>(width, 1, 9)};
  }

  Array forward(const Inputs& in) {
    const auto batch = this->send_batch(in.batch);
    const auto users = this->template send<T>(in.users), items = this->template send<T>(in.items);
    const auto weight = this->template send<float>(in.weight), bias = this->template send<float>(in.bias);
    // Starts from not a number: the operation must overwrite.
    auto logits = this->template send<float>(Array(in.batch.samples(), 1, NAN));
    gmf_forward(this->context(), batch.view(), view(users), view(items), weight.data(), bias.data(),
                logits.data());
    return this->fetch(logits);
  }

  Gradients backward(const Inputs& in) {
    const auto batch = this->send_batch(in.batch);
    const auto users = this->template send<T>(in.users), items = this->template send<T>(in.items);
    const auto weight = this->template send<float>(in.weight);
    const auto dlogits = this->template send<float>(in.dlogits);
    auto user_grad = this->template send<float>(in.user_grad);
    auto item_grad = this->template send<float>(in.item_grad);
    auto weight_grad = this->template send<float>(in.weight_grad);
    ScatterPlan<Device> user_plan(std::max<Index>(1, in.batch.groups));
    ScatterPlan<Device> item_plan(std::max<Index>(1, in.batch.samples()));
    plan_scatter(this->context(), batch.users.data(), in.batch.groups, in.users.rows, user_plan);
    plan_scatter(this->context(), batch.items.data(), in.batch.samples(), in.items.rows, item_plan);
    gmf_backward(this->context(), batch.view(), user_plan, item_plan, view(users), view(items), weight.data(),
                 dlogits.data(), user_grad.matrix(), item_grad.matrix(), weight_grad.data());
    return {this->fetch(user_grad), this->fetch(item_grad), this->fetch(weight_grad)};
  }

  void check(const Inputs& in) {
    expect_close<float>(forward(in),
                        reference::gmf_forward(in.batch, in.users, in.items, in.weight, in.bias(0)), "logit");
    const auto want = reference::gmf_backward(in.batch, in.users, in.items, in.weight, in.dlogits,
                                              in.user_grad, in.item_grad, in.weight_grad);
    const Gradients got = backward(in);
    expect_close<float>(got.users, want.users, "user gradient");
    expect_close<float>(got.items, want.items, "item gradient");
    expect_close<float>(got.weight, want.weight, "weight gradient");
  }
};
TYPED_TEST_SUITE(Gmf, AllCases, CaseNames);

TYPED_TEST(Gmf, MatchesTheReference) {
  for (const Index width : {1, 8, 13, 64, 200, 256})
    for (const auto& [groups, group_size] :
         {std::pair<Index, Index>{1, 1}, {3, 1}, {700, 1}, {1, 5}, {203, 5}, {1, 101}, {9, 101}}) {
      SCOPED_TRACE(testing::Message() << groups << " groups of " << group_size << ", width " << width);
      this->check(this->inputs(groups, group_size, width));
    }
}

TYPED_TEST(Gmf, AddsUpOneUserAndOneItem) {
  auto in = this->inputs(801, 5, 13);
  std::fill(in.batch.users.begin(), in.batch.users.end(), 36u);
  std::fill(in.batch.items.begin(), in.batch.items.end(), 52u);
  this->check(in);
}

TYPED_TEST(Gmf, TakesAnEmptyBatch) {
  const auto in = this->inputs(0, 5, 8);
  EXPECT_EQ(this->forward(in).size(), 0);
  const auto got = this->backward(in);
  expect_equal(got.users, in.user_grad, "user gradient");
  expect_equal(got.items, in.item_grad, "item gradient");
  expect_equal(got.weight, in.weight_grad, "weight gradient");
}

TYPED_TEST(Gmf, RepeatsBitForBit) {
  const auto in = this->inputs(600, 5, 64);
  const Array logits = this->forward(in);
  const auto first = this->backward(in);
  for (int run = 0; run < 3; ++run) {
    expect_equal(this->forward(in), logits, "logit");
    const auto again = this->backward(in);
    expect_equal(again.users, first.users, "user gradient");
    expect_equal(again.items, first.items, "item gradient");
    expect_equal(again.weight, first.weight, "weight gradient");
  }
}

// On a CPU the rows' gradients are added up in the order of the samples, so the number of threads does not
// show.
TEST(GmfCpu, RowGradientsDoNotDependOnThreads) {
  const auto batch = random_batch(400, 5, 7, 11, 1);
  const Array users = random_array<float>(7, 24, 2), items = random_array<float>(11, 24, 3);
  const Array weights = random_array<float>(24, 1, 4), gradients = random_array<float>(2000, 1, 5);
  const std::vector<float> user_values(users.values.begin(), users.values.end());
  const std::vector<float> item_values(items.values.begin(), items.values.end());
  const std::vector<float> weight(weights.values.begin(), weights.values.end());
  const std::vector<float> dlogits(gradients.values.begin(), gradients.values.end());
  const BatchView view{400, 5, batch.users.data(), batch.items.data(), batch.ids.data(), batch.labels.data()};
  std::vector<float> first_users, first_items;
  for (const int threads : {1, 2, 3, 4}) {
    Context<Cpu> context(threads);
    ScatterPlan<Cpu> user_plan(400), item_plan(2000);
    plan_scatter(context, batch.users.data(), 400, 7, user_plan);
    plan_scatter(context, batch.items.data(), 2000, 11, item_plan);
    std::vector<float> user_grad(7 * 24, 0.0f), item_grad(11 * 24, 0.0f), weight_grad(24, 0.0f);
    gmf_backward(context, view, user_plan, item_plan, Matrix<const float>{user_values.data(), 7, 24},
                 Matrix<const float>{item_values.data(), 11, 24}, weight.data(), dlogits.data(),
                 Matrix<float>{user_grad.data(), 7, 24}, Matrix<float>{item_grad.data(), 11, 24},
                 weight_grad.data());
    if (threads == 1) first_users = user_grad, first_items = item_grad;
    EXPECT_EQ(user_grad, first_users) << threads << " threads";
    EXPECT_EQ(item_grad, first_items) << threads << " threads";
  }
}

}  // namespace
}  // namespace neumf::test
