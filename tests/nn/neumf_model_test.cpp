// The whole model against a double-precision model written from the paper's formulas, its gradients against
// finite differences of that model.
#include "neumf/nn/neumf_model.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <span>
#include <vector>

#include "neumf/core/error.hpp"
#include "test_device.hpp"

namespace neumf {
namespace {

using test::Device;

// Values in double precision of each unit of a layer, for a block of samples: [units].
constexpr std::int64_t lanes = 64;
using Lanes = std::array<double, lanes>;
using Units = std::vector<Lanes>;

// All weights in double precision, addressed like Parameters' flat memory, and a batch that they score. Each
// unit is computed for a block of samples at once: finite differences need thousands of passes.
class ReferenceModel {
 public:
  ReferenceModel(const ModelShape& shape, const ParameterLayout& layout, std::span<const float> weights,
                 const BatchView& batch, Dropout dropout)
      : w(weights.begin(), weights.end()), shape_(shape), layout_(layout), batch_(batch) {
    for (std::int64_t first = 0; first < batch.samples(); first += lanes)
      for (std::size_t layer = 1; layer < shape.layers.size(); ++layer) {
        dropout.layer = static_cast<std::uint32_t>(layer - 1);
        Units& scale = scales_.emplace_back(shape.layers[layer]);
        for (std::size_t k = 0; k < scale.size(); ++k)
          for (std::int64_t s = 0; s < lanes; ++s)
            scale[k][static_cast<std::size_t>(s)] = unit_scale(dropout, sample(first, s), k);
      }
  }

  std::vector<double> logits() const {
    std::vector<double> all;
    for (std::int64_t first = 0; first < batch_.samples(); first += lanes) {
      const Lanes z = block_logits(first);
      all.insert(all.end(), z.begin(), z.begin() + std::min(lanes, batch_.samples() - first));
    }
    return all;
  }

  // Sum of the samples' binary cross-entropies.
  double loss() const {
    const auto z = logits();
    double sum = 0;
    for (std::size_t s = 0; s < z.size(); ++s)
      sum += std::log1p(std::exp(batch_.labels[s] != 0 ? -z[s] : z[s]));
    return sum;
  }

  // What training minimises over its weight, see Objective; binary cross-entropy is loss().
  double objective(const Objective& objective) const {
    double sum = 0;
    if (objective.loss == Loss::bce) {
      sum = loss();
    } else {
      const auto z = logits();
      for (std::int64_t first = 0; first < batch_.samples(); first += batch_.group_size)
        sum += batch_.group_size *
               group_loss(objective, batch_.items + first, &z[static_cast<std::size_t>(first)]);
    }
    if (objective.embedding_l2 == 0) return sum;
    double squares = 0;
    for (std::int64_t s = 0; s < batch_.samples(); ++s) {
      const std::uint32_t user = batch_.users[s / batch_.group_size], item = batch_.items[s];
      for (const Segment* table : {&layout_.user_gmf, &layout_.user_mlp}) squares += square_of(*table, user);
      for (const Segment* table : {&layout_.item_gmf, &layout_.item_mlp}) squares += square_of(*table, item);
    }
    return sum + objective.embedding_l2 / 2.0 * squares;
  }

  std::vector<double> w;

 private:
  double group_loss(const Objective& objective, const std::uint32_t* items, const double* z) const {
    double sum = 0;
    const auto s = [&](std::int64_t j) { return z[j] - objective.log_q[items[j]]; };
    for (std::int64_t j = 1; j < batch_.group_size; ++j)
      if (items[j] != items[0])
        sum += objective.loss == Loss::bpr ? std::log1p(std::exp(z[j] - z[0])) / (batch_.group_size - 1)
                                           : std::exp(s(j) - s(0));
    return objective.loss == Loss::bpr ? sum : std::log1p(sum);
  }
  double square_of(const Segment& table, std::int64_t row) const {
    double sum = 0;
    for (std::int64_t k = 0; k < table.cols; ++k) sum += at(table, row, k) * at(table, row, k);
    return sum;
  }

  double at(const Segment& s, std::int64_t row, std::int64_t col) const {
    return w[static_cast<std::size_t>(s.offset + row * s.cols + col)];
  }
  // The last block repeats the last sample.
  std::int64_t sample(std::int64_t first, std::int64_t lane) const {
    return std::min(first + lane, batch_.samples() - 1);
  }
  // What dropout makes of an active unit: nothing, or its value times this.
  double unit_scale(const Dropout& dropout, std::int64_t s, std::size_t unit) const {
    if (!dropout.active()) return 1;
    const auto id = batch_.ids[s / batch_.group_size] + static_cast<std::uint64_t>(s % batch_.group_size);
    return dropout.keep(id, static_cast<std::uint32_t>(unit)) ? static_cast<double>(dropout.keep_scale) : 0;
  }

  Lanes block_logits(std::int64_t first) const {
    Lanes z;
    z.fill(at(layout_.head_bias, 0, 0));
    if (shape_.has_gmf()) {
      Units product = rows(layout_.user_gmf, first, true);
      const Units item = rows(layout_.item_gmf, first, false);
      for (std::size_t k = 0; k < product.size(); ++k)
#pragma omp simd
        for (std::size_t s = 0; s < lanes; ++s) product[k][s] *= item[k][s];
      add_products(z, layout_.head_gmf, 0, product);
    }
    if (!shape_.has_mlp()) return z;
    const Units* scale = &scales_[static_cast<std::size_t>(first / lanes) * (shape_.layers.size() - 1)];
    const Units user = rows(layout_.user_mlp, first, true), item = rows(layout_.item_mlp, first, false);
    Units h = layer(layout_.pair_bias, *scale, [&](Lanes& sum, std::int64_t unit) {
      add_products(sum, layout_.pair_user, unit, user);
      add_products(sum, layout_.pair_item, unit, item);
    });
    for (std::size_t l = 0; l < layout_.hidden_weight.size(); ++l)
      h = layer(layout_.hidden_bias[l], *++scale,
                [&](Lanes& sum, std::int64_t unit) { add_products(sum, layout_.hidden_weight[l], unit, h); });
    add_products(z, layout_.head_mlp, 0, h);
    return z;
  }
  // The samples' rows of a table.
  Units rows(const Segment& table, std::int64_t first, bool of_users) const {
    Units units(static_cast<std::size_t>(table.cols));
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const std::int64_t s = sample(first, lane);
      const std::uint32_t row = of_users ? batch_.users[s / batch_.group_size] : batch_.items[s];
      for (std::size_t k = 0; k < units.size(); ++k)
        units[k][static_cast<std::size_t>(lane)] = at(table, row, static_cast<std::int64_t>(k));
    }
    return units;
  }
  // sum += row `row` of the weights times x
  void add_products(Lanes& sum, const Segment& weight, std::int64_t row, const Units& x) const {
    Lanes total = sum;
    for (std::size_t k = 0; k < x.size(); ++k) {
      const double factor = at(weight, row, static_cast<std::int64_t>(k));
#pragma omp simd
      for (std::size_t s = 0; s < lanes; ++s) total[s] += factor * x[k][s];
    }
    sum = total;
  }
  // Bias, products, ReLU and dropout.
  template <class AddProducts>
  Units layer(const Segment& bias, const Units& scale, const AddProducts& add) const {
    Units units(scale.size());
    for (std::size_t j = 0; j < units.size(); ++j) {
      units[j].fill(at(bias, 0, static_cast<std::int64_t>(j)));
      add(units[j], static_cast<std::int64_t>(j));
#pragma omp simd
      for (std::size_t s = 0; s < lanes; ++s) units[j][s] = std::max(units[j][s], 0.0) * scale[j][s];
    }
    return units;
  }

  ModelShape shape_;
  ParameterLayout layout_;
  BatchView batch_;
  std::vector<Units> scales_;  // of each layer's units, block after block of samples
};

enum class Way { per_sample, per_item, narrow };

struct Case {
  std::int32_t group_size;
  float dropout;
  Way way;
  std::int64_t factors;              // 0: the MLP alone
  std::vector<std::int64_t> layers;  // empty: GMF alone
  Objective objective = {};
};

constexpr std::array<float, 9> log_q{-1, -2, -3, -1.5f, -2.5f, -0.5f, -4, -2, -3};

class NeuMFModel : public testing::TestWithParam<Case> {
 protected:
  static constexpr std::int64_t groups = 40;

  NeuMFModel()
      : shape_{6, 9, GetParam().factors, GetParam().layers},
        context_(2),
        parameters_(context_, shape_, 6),
        model_(parameters_, shape_, groups, GetParam().group_size, true),
        users_(groups),
        items_(groups * GetParam().group_size),
        labels_(groups * GetParam().group_size),
        ids_(groups) {
    // Larger than the usual initial values, so that the embeddings' gradients are not tiny.
    const Philox philox(3, RandomStream::synthetic);
    test::edit(context_, parameters_.weights(), [&](auto& weights) {
      for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = open_unit(philox(i).v[0]) - 0.5f;
      // Positive biases: no layer may be switched off as a whole.
      const auto& layout = parameters_.layout();
      std::vector<Segment> biases = layout.hidden_bias;
      biases.push_back(layout.pair_bias);
      for (const Segment& bias : biases)
        for (std::int64_t k = 0; k < bias.size(); ++k)
          weights[static_cast<std::size_t>(bias.offset + k)] += 0.7f;
    });
    for (std::size_t g = 0; g < users_.size(); ++g) {
      users_[g] = bounded(philox(g, 1).v[0], 6);
      ids_[g] = 1000 * g;
    }
    for (std::size_t s = 0; s < items_.size(); ++s) {
      items_[s] = bounded(philox(s, 2).v[0], 9);
      labels_[s] = s % 3 == 0;
    }
    dropout_ = Dropout::at_rate(GetParam().dropout, 11, 2, 0);
    device_users_ = test::to_device(context_, users_);
    device_items_ = test::to_device(context_, items_);
    device_labels_ = test::to_device(context_, labels_);
    device_ids_ = test::to_device(context_, ids_);
    EXPECT_EQ(model_.in_one_piece(), test::on_cpu);
    if (GetParam().way != Way::narrow) model_.go_by_operation();
    device_log_q_ = test::to_device(context_, std::vector<float>(log_q.begin(), log_q.end()));
    Objective objective = GetParam().objective;
    if (objective.log_q != nullptr) objective.log_q = device_log_q_.data();
    model_.set_objective(objective);
    model_.pair_layer().force(projection());
  }

  static ItemProjection projection() {
    return GetParam().way == Way::per_item ? ItemProjection::per_item : ItemProjection::per_sample;
  }

  // On the host and on the device.
  BatchView batch() const {
    return {groups, GetParam().group_size, users_.data(), items_.data(), ids_.data(), labels_.data()};
  }
  BatchView device_batch() const {
    return {groups,
            GetParam().group_size,
            device_users_.data(),
            device_items_.data(),
            device_ids_.data(),
            device_labels_.data()};
  }
  ReferenceModel reference(const Dropout& dropout) {
    return {shape_, parameters_.layout(), test::fetch(context_, parameters_.weights()), batch(), dropout};
  }

  ModelShape shape_;
  test::TestContext<Device> context_;
  Parameters<Device, float> parameters_;
  NeuMF<Device, float> model_;
  std::vector<std::uint32_t> users_, items_;
  std::vector<std::uint8_t> labels_;
  std::vector<std::uint64_t> ids_;
  Tensor<std::uint32_t, Device> device_users_, device_items_;
  Tensor<std::uint8_t, Device> device_labels_;
  Tensor<std::uint64_t, Device> device_ids_;
  Tensor<float, Device> device_log_q_;
  Dropout dropout_;
};

TEST_P(NeuMFModel, ScoresAsTheFormulasSay) {
  const auto expected = reference({}).logits();
  Tensor<float, Device> device_logits(batch().samples());
  NeuMF<Device, float> model(parameters_, shape_, groups, GetParam().group_size, false);
  model.pair_layer().force(projection());
  model.begin_step(context_, batch().samples());
  model.score(context_, device_batch(), device_logits.data());
  const auto logits = test::fetch(context_, device_logits.span());
  for (std::size_t s = 0; s < logits.size(); ++s) EXPECT_NEAR(logits[s], expected[s], 1e-5) << s;
}

TEST_P(NeuMFModel, GradientsEqualFiniteDifferences) {
  auto expected = reference(dropout_);
  ops::StepState state;
  state.loss_scale = 8;  // must multiply every gradient and no loss
  const float loss_weight = 0.25f;
  state.loss_factor = loss_weight * state.loss_scale;
  auto device_state = test::to_device(context_, std::vector<ops::StepState>{state});
  model_.begin_step(context_, 2 * batch().samples());
  // Two blocks: gradients must add up.
  for (const BatchView& block : {device_batch().part(0, 25), device_batch().part(25, groups - 25)}) {
    if (model_.in_one_piece()) {
      model_.run_in_one_piece(context_, block, dropout_, device_state.data());
    } else {
      model_.forward(context_, block, dropout_, device_state.data());
      model_.backward(context_, block, dropout_);
    }
  }
  model_.finish_step(context_);

  const Objective& objective = GetParam().objective;
  Objective loss_alone = objective;
  loss_alone.embedding_l2 = 0;
  const bool compares = objective.loss != Loss::bce;
  EXPECT_NEAR(test::fetch(context_, device_state.span())[0].loss,
              expected.objective(loss_alone) / (compares ? GetParam().group_size : 1), 1e-4);
  const auto gradients = test::fetch(context_, parameters_.gradients());
  const auto& layout = parameters_.layout();
  std::vector<const Segment*> segments = layout.shared_segments();
  std::ranges::copy(layout.user_segments(), std::back_inserter(segments));
  for (const Segment* segment : segments) {
    double largest = 0;
    // Of large ones every seventh: none has a width that is a multiple of seven.
    const std::int64_t step = segment->size() > 200 ? 7 : 1;
    for (std::int64_t i = 0; i < segment->size(); i += step) {
      double& w = expected.w[static_cast<std::size_t>(segment->offset + i)];
      const double saved = w;
      constexpr double h = 1e-6;  // truncation ~ h^2, rounding ~ 1e-14 / h: both far below the tolerance
      w = saved + h;
      const double above = expected.objective(objective);
      w = saved - h;
      const double below = expected.objective(objective);
      w = saved;
      const double gradient = (above - below) / (2 * h) * loss_weight * state.loss_scale;
      largest = std::max(largest, std::fabs(gradient));
      // fp32 sums of a few hundred terms of order one, in wide models of some thousand larger ones.
      EXPECT_NEAR(gradients[static_cast<std::size_t>(segment->offset + i)], gradient,
                  2e-4 + 2e-6 * std::fabs(gradient))
          << segment->name << "[" << i << "]";
    }
    if (compares && segment == &layout.head_bias) continue;  // the same for all of a group
    EXPECT_GT(largest, 1e-2) << segment->name << ": the test does not exercise this weight";
  }
}

#ifndef NEUMF_TEST_CUDA
// The gradients of a narrow step on weights that every type holds exactly, and its loss at the end.
template <class T>
std::vector<float> narrow_gradients(int threads) {
  const ModelShape shape{50, 30, 8, {32, 24, 8}};
  constexpr std::int64_t groups = 60;
  Context<Cpu> context(threads);
  Parameters<Cpu, T> parameters(context, shape, shape.users);
  const Philox philox(4, RandomStream::synthetic);
  for (std::size_t i = 0; i < parameters.weights().size(); ++i)
    parameters.weights()[i] = (static_cast<float>(bounded(philox(i).v[0], 64)) - 24) / 64;
  parameters.refresh_copies(context);
  NeuMF<Cpu, T> model(parameters, shape, groups, 5, true);
  EXPECT_TRUE(model.in_one_piece());
  std::vector<std::uint32_t> users(groups), items(groups * 5);
  std::vector<std::uint64_t> ids(groups);
  std::vector<std::uint8_t> labels(groups * 5);
  for (std::size_t g = 0; g < users.size(); ++g) users[g] = bounded(philox(g, 1).v[0], 50), ids[g] = 5 * g;
  for (std::size_t s = 0; s < items.size(); ++s)
    items[s] = bounded(philox(s, 2).v[0], 30), labels[s] = s % 5 == 0;
  const BatchView batch{groups, 5, users.data(), items.data(), ids.data(), labels.data()};
  ops::StepState state;
  model.begin_step(context, batch.samples());
  model.run_in_one_piece(context, batch, Dropout::at_rate(0.5f, 1, 0, 0), &state);
  model.finish_step(context);
  std::vector<float> result(parameters.gradients().begin(), parameters.gradients().end());
  result.push_back(static_cast<float>(state.loss));
  return result;
}

TEST(NarrowStep, ComputesInFp32WhateverTheTables) {
  const auto expected = narrow_gradients<float>(2);
  EXPECT_EQ(narrow_gradients<bfloat16>(2), expected);
  EXPECT_EQ(narrow_gradients<float16>(2), expected);
}

TEST(NarrowStep, IsForModelsWithoutAWideLayer) {
  Context<Cpu> context(1);
  const auto in_one_piece = [&](std::int64_t factors, const std::vector<std::int64_t>& layers,
                                bool training) {
    const ModelShape shape{5, 5, factors, layers};
    Parameters<Cpu, float> parameters(context, shape, shape.users);
    return NeuMF<Cpu, float>(parameters, shape, 4, 5, training).in_one_piece();
  };
  EXPECT_TRUE(in_one_piece(64, {128, 64, 64}, true));
  EXPECT_TRUE(in_one_piece(64, {}, true));
  EXPECT_FALSE(in_one_piece(65, {128, 64}, true));
  EXPECT_FALSE(in_one_piece(8, {130, 64}, true)) << "embeddings of 65";
  EXPECT_FALSE(in_one_piece(8, {16, 64, 65}, true));
  EXPECT_FALSE(in_one_piece(64, {128, 64, 64}, false)) << "scores only";
}

TEST(NarrowStep, HasNoForwardPass) {
  Context<Cpu> context(1);
  const ModelShape shape{5, 5, 8, {16, 8}};
  Parameters<Cpu, float> parameters(context, shape, shape.users);
  NeuMF<Cpu, float> model(parameters, shape, 4, 5, true);
  EXPECT_THAT([&] { model.forward(context, {}, {}, nullptr); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("one piece")));
}

TEST(NarrowStep, AgreesOnAnyNumberOfThreads) {
  const auto expected = narrow_gradients<float>(1);
  for (const int threads : {2, 3, 5}) {
    const auto gradients = narrow_gradients<float>(threads);
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(gradients[i], expected[i], 1e-5 * (1 + std::fabs(expected[i])))
          << threads << " threads, " << i;
    EXPECT_EQ(narrow_gradients<float>(threads), gradients) << "not reproducible on " << threads << " threads";
  }
}

#endif

std::vector<Case> cases() {
  const auto ways = test::on_cpu ? std::vector{Way::per_sample, Way::per_item, Way::narrow}
                                 : std::vector{Way::per_sample, Way::per_item};
  std::vector<Case> all;
  for (const std::int32_t group_size : {1, 5})
    for (const float dropout : {0.0f, 0.5f})
      for (const auto way : ways)
        for (const std::int64_t factors : {5, 0})
          for (const std::vector<std::int64_t>& layers : {std::vector<std::int64_t>{8, 7}, {6, 8, 5, 3}})
            all.push_back({group_size, dropout, way, factors, layers});
  for (const std::int32_t group_size : {1, 5})
    for (const auto way : ways)
      if (way != Way::per_item) all.push_back({group_size, 0.5f, way, 5, {}});
  if (!test::on_cpu) return all;
  // More than one vector, more than one tile for each thread, groups larger than a tile, another dropout.
  all.push_back({5, 0.3f, Way::narrow, 20, {40, 50, 33, 17}});
  all.push_back({70, 0.5f, Way::narrow, 64, {16, 64, 20}});
  for (const Objective& objective : {Objective{Loss::bpr, 0, log_q.data()},
                                     {Loss::softmax, 0, log_q.data()},
                                     {Loss::softmax, 0.3f, log_q.data()},
                                     {Loss::bce, 0.3f, nullptr}})
    for (const auto& [factors, layers] :
         {std::pair<std::int64_t, std::vector<std::int64_t>>{5, {8, 7}}, {0, {8, 7}}, {5, {}}})
      all.push_back({5, 0.5f, Way::per_sample, factors, layers, objective});
  return all;
}

INSTANTIATE_TEST_SUITE_P(AllWays, NeuMFModel, testing::ValuesIn(cases()));

}  // namespace
}  // namespace neumf
