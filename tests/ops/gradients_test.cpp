// The backward operations, chained as the model chains them, against finite differences of the loss of a
// small NeuMF in double precision.
#include "device_fixture.hpp"
#include "neumf/ops/embedding.hpp"
#include "neumf/ops/gmf.hpp"
#include "neumf/ops/head.hpp"
#include "neumf/ops/linear.hpp"
#include "neumf/ops/memory.hpp"
#include "neumf/ops/pair.hpp"
#include "ops/reference/whole_step.hpp"

namespace neumf::test {
namespace {

constexpr Index users = 3, items = 5, factors = 4, embedding = 3, hidden1 = 10, hidden2 = 6;

using reference::Model;

template <class T>
Model random_model(std::uint64_t seed) {
  const std::uint64_t s = seed * 100;
  return {{random_array<float>(factors, 1, s + 9),
           random_array<float>(hidden2, 1, s + 10),
           random_array<float>(1, 1, s + 11),
           {random_array<T>(hidden2, hidden1, s + 7, 0.5)},
           {random_array<float>(hidden2, 1, s + 8)},
           random_array<T>(hidden1, embedding, s + 4),
           random_array<T>(hidden1, embedding, s + 5),
           random_array<float>(hidden1, 1, s + 6)},
          {random_array<T>(items, factors, s + 1), random_array<T>(items, embedding, s + 3),
           random_array<T>(users, factors, s), random_array<T>(users, embedding, s + 2)}};
}

// `margin` receives the smallest distance of a unit from the kink of its ReLU.
double mean_loss(const Model& p, const reference::Batch& batch, const Dropout& dropout,
                 double* margin = nullptr) {
  return reference::loss(p, batch, dropout, margin) / static_cast<double>(batch.samples());
}

template <class C>
struct Gradients : OpTest<C> {
  using typename OpTest<C>::Device, typename OpTest<C>::T;

  // The gradients of the mean loss, and the loss, from the device's operations.
  std::pair<Model, double> chain(const Model& p, const reference::Batch& host_batch, const Dropout& first,
                                 const Dropout& second, bool per_item, float loss_scale) {
    auto& context = this->context();
    const auto device_batch = this->send_batch(host_batch);
    const BatchView batch = device_batch.view();
    const Index groups = host_batch.groups, n = host_batch.samples();
    const auto user_gmf = this->template send<T>(p.user_gmf), item_gmf = this->template send<T>(p.item_gmf);
    const auto user_mlp = this->template send<T>(p.user_mlp), item_mlp = this->template send<T>(p.item_mlp);
    const auto pair_user = this->template send<T>(p.pair_user),
               pair_item = this->template send<T>(p.pair_item);
    const auto hidden = this->template send<T>(p.hidden_weight[0]);
    const auto pair_bias = this->template send<float>(p.pair_bias),
               hidden_bias = this->template send<float>(p.hidden_bias[0]);
    const auto head_gmf = this->template send<float>(p.head_gmf),
               head_mlp = this->template send<float>(p.head_mlp);
    const auto head_bias = this->template send<float>(p.head_bias);
    const auto zero = [&](const Array& like) {
      return this->template send<float>(Array(like.rows, like.cols));
    };
    auto g_user_gmf = zero(p.user_gmf), g_item_gmf = zero(p.item_gmf), g_user_mlp = zero(p.user_mlp),
         g_item_mlp = zero(p.item_mlp), g_pair_user = zero(p.pair_user), g_pair_item = zero(p.pair_item),
         g_pair_bias = zero(p.pair_bias), g_hidden = zero(p.hidden_weight[0]),
         g_hidden_bias = zero(p.hidden_bias[0]), g_head_gmf = zero(p.head_gmf), g_head_mlp = zero(p.head_mlp),
         g_head_bias = zero(p.head_bias);
    ScatterPlan<Device> user_plan(groups), item_plan(n);
    plan_scatter(context, batch.users, groups, users, user_plan);
    plan_scatter(context, batch.items, n, items, item_plan);

    // Forward.
    Tensor<T, Device> user_rows(groups, embedding), user_half(groups, hidden1), x(n, hidden1), y(n, hidden2);
    Tensor<T, Device> item_rows(per_item ? items : n, embedding), item_half(item_rows.rows(), hidden1);
    gather_rows(context, view(user_mlp), batch.users, user_rows.matrix());
    matmul_nt(context, view(user_rows), view(pair_user), Write::overwrite, user_half.matrix());
    if (!per_item) gather_rows(context, view(item_mlp), batch.items, item_rows.matrix());
    matmul_nt(context, per_item ? view(item_mlp) : view(item_rows), view(pair_item), Write::overwrite,
              item_half.matrix());
    pair_forward(context, batch, view(user_half), view(item_half), per_item ? batch.items : nullptr,
                 pair_bias.data(), first, x.matrix());
    linear_forward(context, batch, view(x), view(hidden), hidden_bias.data(), second, y.matrix());
    Tensor<float, Device> logits(n), dlogits(n);
    gmf_forward(context, batch, view(user_gmf), view(item_gmf), head_gmf.data(), head_bias.data(),
                logits.data());

    // Backward.
    auto loss = this->to_device(std::vector<double>{0.0});
    const auto scale = this->to_device(std::vector<float>{loss_scale});
    Tensor<T, Device> dy(n, hidden2), dx(n, hidden1), sums(groups, hidden1), user_row_grad(groups, embedding);
    head_loss(context, view(y), head_mlp.data(), batch.labels, 1.0f / static_cast<float>(n), scale.data(),
              second.keep_scale, logits.data(), dlogits.data(), dy.matrix(), g_head_mlp.data(),
              g_head_bias.data(), loss.data());
    linear_backward_weights(context, view(dy), view(x), g_hidden.matrix(), g_hidden_bias.data());
    linear_backward_input(context, view(dy), view(hidden), view(x), first.keep_scale, dx.matrix());
    gmf_backward(context, batch, user_plan, item_plan, view(user_gmf), view(item_gmf), head_gmf.data(),
                 dlogits.data(), g_user_gmf.matrix(), g_item_gmf.matrix(), g_head_gmf.data());
    pair_backward(context, batch.group_size, view(dx), sums.matrix(), g_pair_bias.data());
    matmul_tn(context, view(sums), view(user_rows), Write::accumulate, g_pair_user.matrix());
    matmul_nn(context, view(sums), view(pair_user), Write::overwrite, user_row_grad.matrix());
    scatter_add_rows(context, user_plan, view(user_row_grad), g_user_mlp.matrix());
    if (per_item) {
      auto projected = this->template send<float>(Array(items, hidden1));
      scatter_add_rows(context, item_plan, view(dx), projected.matrix());
      matmul_tn(context, view(projected), view(this->template send<float>(p.item_mlp)), Write::accumulate,
                g_pair_item.matrix());
      matmul_nn(context, view(projected), view(this->template send<float>(p.pair_item)), Write::accumulate,
                g_item_mlp.matrix());
    } else {
      Tensor<T, Device> item_row_grad(n, embedding);
      matmul_tn(context, view(dx), view(item_rows), Write::accumulate, g_pair_item.matrix());
      matmul_nn(context, view(dx), view(pair_item), Write::overwrite, item_row_grad.matrix());
      scatter_add_rows(context, item_plan, view(item_row_grad), g_item_mlp.matrix());
    }
    Model gradients{
        {this->fetch(g_head_gmf),
         this->fetch(g_head_mlp),
         this->fetch(g_head_bias),
         {this->fetch(g_hidden)},
         {this->fetch(g_hidden_bias)},
         this->fetch(g_pair_user),
         this->fetch(g_pair_item),
         this->fetch(g_pair_bias)},
        {this->fetch(g_item_gmf), this->fetch(g_item_mlp), this->fetch(g_user_gmf), this->fetch(g_user_mlp)}};
    for (Array* array : gradients.arrays())
      for (double& g : array->values) g /= loss_scale;
    return {std::move(gradients), this->fetch(loss)(0) / static_cast<double>(n)};
  }

  void check(Index groups, Index group_size, float rate, bool per_item) {
    SCOPED_TRACE(testing::Message() << groups << " groups of " << group_size << ", dropout " << rate
                                    << (per_item ? ", item halves per item" : ""));
    const auto batch = random_batch(groups, group_size, users, items, 21);
    const Dropout first = Dropout::at_rate(rate, 8, 2, 0), second = Dropout::at_rate(rate, 8, 2, 1);
    // A model whose units all keep clear of their kinks, so that neither rounding nor the differences switch
    // one.
    Model p;
    double loss = 0;
    for (std::uint64_t seed = 1;; ++seed) {
      ASSERT_LT(seed, 50000u) << "no model with the margin";
      p = random_model<T>(seed);
      double margin = 1e9;
      loss = mean_loss(p, batch, first, &margin);
      if (margin > 8 * unit_roundoff<bfloat16>) break;
    }
    auto [got, got_loss] = chain(p, batch, first, second, per_item, 64.0f);
    // A handful of roundings to T, each of a term of about the size of the result.
    EXPECT_NEAR(got_loss, loss, 8 * unit_roundoff<T> * (1 + loss));
    const auto parameters = p.arrays(), gradients = got.arrays();
    for (std::size_t which = 0; which < parameters.size(); ++which) {
      Array& parameter = *parameters[which];
      double error = 0, norm = 0;
      for (std::size_t i = 0; i < parameter.values.size(); ++i) {
        const double at = parameter.values[i], h = 1e-5;
        parameter.values[i] = at + h;
        const double above = mean_loss(p, batch, first);
        parameter.values[i] = at - h;
        const double below = mean_loss(p, batch, first);
        parameter.values[i] = at;
        const double want = (above - below) / (2 * h), difference = gradients[which]->values[i] - want;
        error += difference * difference;
        norm += want * want;
      }
      ASSERT_GT(norm, 0.0) << "weight " << which;
      // Central differences are good to h^2, 1e-10, and 1e-16 / h, 1e-11. The rest is rounding to T: of both
      // activations, of their gradients, and of the logit's exponent.
      EXPECT_LT(std::sqrt(error), 8 * unit_roundoff<T> * std::sqrt(norm) + 1e-9) << "weight " << which;
    }
  }
};
TYPED_TEST_SUITE(Gradients, AllCases, CaseNames);

TYPED_TEST(Gradients, MatchFiniteDifferencesUngrouped) {
  for (const bool per_item : {false, true}) this->check(12, 1, 0.0f, per_item);
}

TYPED_TEST(Gradients, MatchFiniteDifferencesGrouped) {
  for (const bool per_item : {false, true}) this->check(4, 3, 0.0f, per_item);
}

TYPED_TEST(Gradients, MatchFiniteDifferencesWithDropout) {
  for (const bool per_item : {false, true}) {
    this->check(12, 1, 0.3f, per_item);
    this->check(4, 3, 0.3f, per_item);
  }
}

}  // namespace
}  // namespace neumf::test
