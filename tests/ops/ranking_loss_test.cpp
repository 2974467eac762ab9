#include "neumf/ops/ranking_loss.hpp"

#include "device_fixture.hpp"
#include "ops/reference/ranking_loss.hpp"

namespace neumf::test {
namespace {

constexpr Index items = 40;

template <class C>
struct RankingLoss : OpTest<C> {
  struct Outputs {
    Array dlogits, loss;
  };

  // Starts from not a number, and from a loss of 3.5.
  Outputs run(Loss kind, const reference::Batch& batch, const Array& logits, const Array* log_q,
              bool gradients = true) {
    const auto device_batch = this->send_batch(batch);
    const auto device_logits = this->template send<float>(logits);
    const auto device_log_q = this->template send<float>(log_q != nullptr ? *log_q : Array(1));
    const auto loss_scale = this->template send<float>(Array(1, 1, 512.0));
    auto dlogits = this->template send<float>(Array(logits.rows, 1, NAN));
    auto loss = this->to_device(std::vector<double>{3.5});
    ranking_loss(this->context(), kind, device_batch.view(), device_logits.data(),
                 log_q != nullptr ? device_log_q.data() : nullptr, 0x1p-8f, loss_scale.data(),
                 gradients ? dlogits.data() : nullptr, loss.data());
    return {this->fetch(dlogits), this->fetch(loss)};
  }
};
TYPED_TEST_SUITE(RankingLoss, DeviceCases, CaseNames);

TYPED_TEST(RankingLoss, MatchesTheReference) {
  const Array log_q = random_array<float>(items, 1, 5);
  for (const Loss kind : {Loss::bpr, Loss::softmax})
    for (const bool corrected : {false, true})
      for (const auto& [groups, size] :
           {std::pair<Index, Index>{0, 5}, {1, 2}, {700, 5}, {9, 101}, {3, 1030}}) {
        SCOPED_TRACE(testing::Message() << name_of(kind) << ", " << groups << " groups of " << size);
        const auto batch = random_batch(groups, size, 10, items, 1);
        const Array logits = random_array<float>(groups * size, 1, 2, 3.0);
        const Array* q = corrected ? &log_q : nullptr;
        const auto want = reference::ranking_loss(kind, batch, logits, q, 2.0, 3.5);
        const auto got = this->run(kind, batch, logits, q);
        expect_close<float>(got.dlogits, want.dlogits, "logit gradient");
        expect_close<float>(got.loss, want.loss, "loss");
        expect_equal(this->run(kind, batch, logits, q, false).loss, got.loss, "loss without gradients");
      }
}

// The reference itself.
TYPED_TEST(RankingLoss, ReferenceEqualsFiniteDifferences) {
  const Array log_q = random_array<float>(items, 1, 5);
  const auto batch = random_batch(20, 7, 10, 8, 1);  // few items: some negatives repeat the positive
  Array logits = random_array<float>(20 * 7, 1, 2);
  for (const Loss kind : {Loss::bpr, Loss::softmax}) {
    const auto got = reference::ranking_loss(kind, batch, logits, &log_q, 1.0, 0).dlogits.value;
    for (Index s = 0; s < logits.rows; ++s) {
      const double at = logits(s), h = 1e-5;
      logits(s) = at + h;
      const double above = reference::ranking_loss(kind, batch, logits, &log_q, 1.0, 0).loss.value(0);
      logits(s) = at - h;
      const double below = reference::ranking_loss(kind, batch, logits, &log_q, 1.0, 0).loss.value(0);
      logits(s) = at;
      ASSERT_NEAR(got(s), (above - below) / (2 * h), 1e-8) << name_of(kind) << ", sample " << s;
    }
  }
}

// However sure the model is, and where only the positive is left.
TYPED_TEST(RankingLoss, TakesExtremeLogits) {
  for (const Loss kind : {Loss::bpr, Loss::softmax})
    for (const double positive : {-1e30, -1000.0, 0.0, 1000.0, 1e30}) {
      const reference::Batch batch{2, 3, {0, 0}, {1, 2, 3, 4, 4, 4}, {0, 3}, {1, 0, 0, 1, 0, 0}};
      Array logits(6);
      logits(0) = logits(3) = static_cast<float>(positive);
      logits(1) = 88;
      const auto got = this->run(kind, batch, logits, nullptr);
      const auto want = reference::ranking_loss(kind, batch, logits, nullptr, 2.0, 3.5);
      for (Index s = 0; s < 6; ++s)
        EXPECT_NEAR(got.dlogits(s), want.dlogits.value(s), 1e-6) << name_of(kind) << ' ' << positive;
      EXPECT_NEAR(got.loss(0), want.loss.value(0), 1e-6 * want.loss.value(0));
      for (Index s = 4; s < 6; ++s) EXPECT_EQ(got.dlogits(s), 0) << "repeats the positive";
    }
}

TYPED_TEST(RankingLoss, RepeatsBitForBit) {
  const auto batch = random_batch(3000, 5, 10, items, 1);
  const Array logits = random_array<float>(15000, 1, 2);
  for (const Loss kind : {Loss::bpr, Loss::softmax}) {
    const auto first = this->run(kind, batch, logits, nullptr),
               second = this->run(kind, batch, logits, nullptr);
    expect_equal(first.loss, second.loss, "loss");
    expect_equal(first.dlogits, second.dlogits, "logit gradient");
  }
}

}  // namespace
}  // namespace neumf::test
