// Deferred updates of rows against adam_step on the whole tables.
#include "neumf/ops/deferred_adam.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "neumf/core/types.hpp"
#include "neumf/ops/adam.hpp"
#include "neumf/ops/memory.hpp"
#include "neumf/ops/step_state.hpp"

namespace neumf::ops {
namespace {

template <class T>
class DeferredAdamTest : public testing::Test {
 protected:
  // A table and all that Adam keeps beside it.
  struct Table {
    Tensor<float, Cpu> weight, gradient, m, v;
    Tensor<T, Cpu> copy;

    Table(Context<Cpu>& context, std::int64_t rows, std::int64_t cols, std::uint64_t seed)
        : weight(rows, cols), gradient(rows, cols), m(rows, cols), v(rows, cols), copy(rows, cols) {
      fill_normal(context, {seed, 1, 0}, 0.01f, weight.matrix());
      for (auto* tensor : {&gradient, &m, &v}) fill_zero(context, tensor->span());
      convert(context, std::span<const float>(weight.span()), copy.span());
    }
    AdamTable<T> view() {
      return {weight.matrix(), gradient.matrix(), m.matrix(), v.matrix(), copy.matrix()};
    }
  };

  // What an update does: to rows of users and items (rows may occur twice), with what learning rate, and
  // whether an overflow has it skipped.
  struct Update {
    std::vector<std::uint32_t> users, items;
    float learning_rate = 0.0045f;
    bool skip = false;
  };

  // Rows 0 to 3 are in most updates, the others rarely or never.
  static std::vector<Update> updates(int count) {
    std::minstd_rand random(7);
    const auto rows = [&](std::uint32_t all) {
      std::vector<std::uint32_t> ids;
      for (int i = 0; i < 3; ++i) ids.push_back(static_cast<std::uint32_t>(random() % 4));
      if (random() % 4 == 0) ids.push_back(static_cast<std::uint32_t>(random() % all));
      return ids;
    };
    std::vector<Update> updates;
    for (int i = 0; i < count; ++i)
      updates.push_back({rows(user_rows), rows(item_rows), 0.0045f, i % 17 == 5});
    return updates;
  }

  // Trains both ways and compares everything where deferred rows are complete: at the end, and after update
  // `pause` if it is not 0. Gradients are divided by `loss_scale`.
  void check(const AdamSpec& spec, const std::vector<Update>& updates, int threads = 3, std::size_t pause = 0,
             float loss_scale = 1) {
    Context<Cpu> context(threads);
    // Widths of one vector, of less, of two and of more than are kept in registers at once.
    std::vector<Table> want, got;
    for (auto* tables : {&want, &got}) {
      tables->emplace_back(context, user_rows, 8, 1);
      tables->emplace_back(context, user_rows, 80, 2);
      tables->emplace_back(context, item_rows, 16, 3);
      tables->emplace_back(context, item_rows, 35, 4);
    }
    const auto deferred =
        make_deferred_adam<Cpu, T>({got[0].view(), got[1].view()}, {got[2].view(), got[3].view()});
    EXPECT_TRUE(deferred->has_tables());
    StepState state;
    state.loss_scale = loss_scale;
    std::mt19937 random(5);
    std::normal_distribution<float> normal(0.0f, 1e-3f);
    for (std::size_t u = 0; u < updates.size(); ++u) {
      const Update& update = updates[u];
      deferred->prepare(context, update.users, update.items);
      for (std::size_t t = 0; t < want.size(); ++t)
        for (const std::uint32_t row : t < 2 ? update.users : update.items)
          for (std::int64_t i = 0; i < want[t].weight.cols(); ++i) {
            const float gradient = normal(random);
            want[t].gradient.matrix().row(row)[i] += gradient;
            got[t].gradient.matrix().row(row)[i] += gradient;
          }
      state.learning_rate = update.learning_rate;
      state.overflow = update.skip ? 1 : 0;
      prepare_update(context, spec, LossScaling{}, 1, &state);
      for (auto& t : want)
        adam_step(context, spec, &state, t.weight.span(), t.gradient.span(), t.m.span(), t.v.span(),
                  t.copy.span());
      deferred->update(context, spec, &state);
      if (u + 1 == pause) {
        deferred->complete(context);
        expect_equal(want, got);
      }
    }
    deferred->complete(context);
    expect_equal(want, got);
  }

  static constexpr std::uint32_t user_rows = 23, item_rows = 37;

 private:
  static void expect_equal(std::vector<Table>& want, std::vector<Table>& got) {
    for (std::size_t t = 0; t < want.size(); ++t) {
      expect_equal(want[t].weight, got[t].weight, t, "weight");
      expect_equal(want[t].gradient, got[t].gradient, t, "gradient");
      expect_equal(want[t].m, got[t].m, t, "first moment");
      expect_equal(want[t].v, got[t].v, t, "second moment");
      expect_equal(want[t].copy, got[t].copy, t, "copy");
    }
  }
  template <class U>
  static void expect_equal(Tensor<U, Cpu>& want, Tensor<U, Cpu>& got, std::size_t table, const char* what) {
    for (std::int64_t i = 0; i < want.size(); ++i)
      ASSERT_EQ(to_float(want.data()[i]), to_float(got.data()[i]))
          << what << " of table " << table << ", row " << i / want.cols() << ", column " << i % want.cols();
  }
};
using Types = testing::Types<float, bfloat16, float16>;
struct TypeNames {
  template <class T>
  static std::string GetName(int /*index*/) {
    return TypeName<T>::value;
  }
};
TYPED_TEST_SUITE(DeferredAdamTest, Types, TypeNames);

TYPED_TEST(DeferredAdamTest, IsAdamBitForBit) {
  const auto updates = this->updates(300);
  this->check(AdamSpec{}, updates);
  this->check(AdamSpec{0.9f, 0.999f, 1e-8f}, updates);
  this->check(AdamSpec{0.0f, 0.5f, 1e-3f}, updates);
  this->check(AdamSpec{0.7f, 0.3f, 1e-8f}, updates);  // moves on its own grow: beta1 > sqrt(beta2)
}

// Moments of 1e9 and 1e18 take more halvings to vanish than a float has exponents below one.
TYPED_TEST(DeferredAdamTest, FadesLargeMoments) {
  this->check(AdamSpec{}, this->updates(300), 2, 0, 1e-12f);
}

TYPED_TEST(DeferredAdamTest, DecaysRowsWithoutGradient) {
  this->check(AdamSpec{0.25f, 0.5f, 1e-8f, 0.125f}, this->updates(200));
}

TYPED_TEST(DeferredAdamTest, DoesNotDependOnThreadsOrPauses) {
  const auto updates = this->updates(120);
  for (const int threads : {1, 2, 4}) this->check(AdamSpec{}, updates, threads);
  for (const std::size_t pause : {1u, 37u, 119u}) this->check(AdamSpec{}, updates, 2, pause);
}

// A rate that jumps up makes rows move again that had come to rest.
TYPED_TEST(DeferredAdamTest, FollowsTheLearningRate) {
  auto updates = this->updates(200);
  for (std::size_t u = 0; u < updates.size(); ++u) {
    if (u < 10) updates[u].learning_rate = 0;
    if (u >= 30) updates[u].learning_rate = 0.0045f * (u % 30 == 0 ? 1e6f : 1e-6f);
  }
  this->check(AdamSpec{}, updates);
}

// Gradients of the rows that are prepared, one after the other, for tables without memory for all of them.
TYPED_TEST(DeferredAdamTest, FindsGradientsByPosition) {
  for (const int threads : {1, 3}) {
    Context<Cpu> context(threads);
    constexpr std::uint32_t rows = 300;
    typename TestFixture::Table want(context, rows, 20, 1), got(context, rows, 20, 1);
    Tensor<float, Cpu> gradients(4, 20);
    fill_zero(context, gradients.span());
    auto by_position = got.view();
    by_position.gradient = gradients.matrix();
    by_position.gradient_by_position = true;
    const auto expected = make_deferred_adam<Cpu, TypeParam>({}, {want.view()});
    const auto deferred = make_deferred_adam<Cpu, TypeParam>({}, {by_position});
    const AdamSpec spec{0.9f, 0.999f, 1e-8f};
    StepState state;
    state.learning_rate = 0.01f;
    for (std::uint32_t u = 0; u < 40; ++u) {
      const std::vector<std::uint32_t> ids{u % 7, 100 + u % 3, 200, 299 - u % 2};
      for (const auto* adam : {&expected, &deferred}) (*adam)->prepare(context, {}, ids);
      for (std::uint32_t i = 0; i < ids.size(); ++i)
        for (std::int64_t col = 0; col < 20; ++col)
          want.gradient.matrix().row(ids[i])[col] = gradients.matrix().row(i)[col] =
              1e-3f * static_cast<float>(static_cast<std::int64_t>(u * 31 + i * 7) % 11 - col);
      state.overflow = u % 9 == 4 ? 1 : 0;
      prepare_update(context, spec, LossScaling{}, 1, &state);
      for (const auto* adam : {&expected, &deferred}) (*adam)->update(context, spec, &state);
      for (const float gradient : gradients.span()) ASSERT_EQ(gradient, 0.0f);
    }
    for (const auto* adam : {&expected, &deferred}) (*adam)->complete(context);
    for (const auto& [a, b] :
         {std::pair(&want.weight, &got.weight), std::pair(&want.m, &got.m), std::pair(&want.v, &got.v)})
      for (std::int64_t i = 0; i < a->size(); ++i) ASSERT_EQ(a->data()[i], b->data()[i]) << i;
  }
}

TYPED_TEST(DeferredAdamTest, DoesNothingWithoutTables) {
  Context<Cpu> context(2);
  const auto nothing = make_deferred_adam<Cpu, TypeParam>({}, {});
  EXPECT_FALSE(nothing->has_tables());
  const std::vector<std::uint32_t> rows{3, 1 << 30};
  const StepState state;
  nothing->prepare(context, rows, rows);
  nothing->update(context, AdamSpec{}, &state);
  nothing->complete(context);
  EXPECT_EQ(nothing->bytes(), 0u);
}

TEST(DeferringPays, WhereFewRowsAreRead) {
  EXPECT_TRUE(deferring_pays<Cpu>(249, 1000));
  EXPECT_FALSE(deferring_pays<Cpu>(250, 1000));
  EXPECT_FALSE(deferring_pays<Cpu>(0, 1000)) << "nobody says how many";
}

// Longer than a history is kept.
TYPED_TEST(DeferredAdamTest, LastsForManyUpdates) {
  this->check(AdamSpec{}, this->updates(5000));
}

}  // namespace
}  // namespace neumf::ops
