#include "neumf/ops/pair.hpp"

#include "device_fixture.hpp"
#include "ops/reference/pair.hpp"

namespace neumf::test {
namespace {

template <class C>
struct Pair : OpTest<C> {
  using typename OpTest<C>::Device, typename OpTest<C>::T;

  // Against the reference, whose item halves are those of `members`, or one per sample where that is null.
  // The operation takes them by the batch's items (`catalogue`) or as they come.
  void expect_forward(const reference::Batch& batch, const Array& user_half, const Array& item_half,
                      const Array& bias, const Dropout& dropout, bool catalogue,
                      const std::vector<std::uint32_t>* members) {
    const auto device_batch = this->send_batch(batch);
    const auto user = this->template send<T>(user_half), item = this->template send<T>(item_half);
    const auto device_bias = this->template send<float>(bias);
    auto out = this->template send<T>(Array(batch.samples(), user_half.cols, NAN));
    pair_forward(this->context(), device_batch.view(), view(user), view(item),
                 catalogue ? device_batch.items.data() : nullptr, device_bias.data(), dropout, out.matrix());
    const auto want = reference::pair_forward(batch, user_half, item_half, members, bias, dropout);
    expect_close<T>(this->fetch(out), want, "activation");
  }

  // Item halves one per sample, or from a catalogue by the batch's items.
  void check_forward(Index groups, Index group_size, Index width, bool catalogue, float rate) {
    const Index items = 41;
    const auto batch = random_batch(groups, group_size, 10, items, 1);
    const Array user_half = random_array<T>(groups, width, 2);
    const Array item_half = random_array<T>(catalogue ? items : batch.samples(), width, 3);
    const Array bias = random_array<float>(width, 1, 4);
    expect_forward(batch, user_half, item_half, bias, Dropout::at_rate(rate, 77, 5, 0), catalogue,
                   catalogue ? &batch.items : nullptr);
  }

  void check_backward(Index groups, Index group_size, Index width) {
    const Array dz = random_array<T>(groups * group_size, width, 5);
    const Array bias_grad = random_array<float>(width, 1, 6);
    const auto device_dz = this->template send<T>(dz);
    auto group_sum = this->template send<T>(Array(groups, width, NAN));
    auto device_bias_grad = this->template send<float>(bias_grad);
    pair_backward(this->context(), static_cast<std::int32_t>(group_size), view(device_dz), group_sum.matrix(),
                  device_bias_grad.data());
    const auto want = reference::pair_backward(group_size, dz, bias_grad);
    expect_close<T>(this->fetch(group_sum), want.group_sum, "group sum");
    expect_close<float>(this->fetch(device_bias_grad), want.bias, "bias gradient");
  }
};
TYPED_TEST_SUITE(Pair, AllCases, CaseNames);

constexpr std::pair<Index, Index> batches[] = {{1, 1},   {5, 1},   {700, 1}, {1, 5},
                                               {203, 5}, {1, 101}, {9, 101}};

TYPED_TEST(Pair, ForwardMatchesTheReference) {
  for (const Index width : {1, 8, 13, 64, 200, 256})
    for (const auto& [groups, group_size] : batches)
      for (const bool catalogue : {false, true})
        for (const float rate : {0.0f, 0.5f}) {
          SCOPED_TRACE(testing::Message() << groups << " groups of " << group_size << ", width " << width
                                          << (catalogue ? ", catalogue" : "") << ", dropout " << rate);
          this->check_forward(groups, group_size, width, catalogue, rate);
        }
}

// The model writes the activations over the item halves that they come from.
TYPED_TEST(Pair, ForwardWorksInPlace) {
  using Real = typename TypeParam::T;
  const auto batch = random_batch(203, 5, 10, 20, 1);
  const Array user_half = random_array<Real>(203, 64, 2), item_half = random_array<Real>(1015, 64, 3);
  const Array bias = random_array<float>(64, 1, 4);
  const Dropout dropout = Dropout::at_rate(0.25f, 3, 2, 0);
  const auto device_batch = this->send_batch(batch);
  const auto user = this->template send<Real>(user_half);
  const auto device_bias = this->template send<float>(bias);
  auto out = this->template send<Real>(item_half);
  pair_forward(this->context(), device_batch.view(), view(user), Matrix<const Real>(out.matrix()), nullptr,
               device_bias.data(), dropout, out.matrix());
  expect_close<Real>(this->fetch(out),
                     reference::pair_forward(batch, user_half, item_half, nullptr, bias, dropout),
                     "activation");
}

// Scoring a catalogue: the item halves repeat for each user.
TYPED_TEST(Pair, ForwardPairsEveryUserWithEveryItem) {
  using Real = typename TypeParam::T;
  for (const auto& [groups, group_size] : batches) {
    const auto batch = random_batch(groups, group_size, 10, 20, 1);
    const Array user_half = random_array<Real>(groups, 32, 2),
                item_half = random_array<Real>(group_size, 32, 3);
    const Array bias = random_array<float>(32, 1, 4);
    std::vector<std::uint32_t> members;
    for (Index s = 0; s < batch.samples(); ++s) members.push_back(static_cast<std::uint32_t>(s % group_size));
    this->expect_forward(batch, user_half, item_half, bias, Dropout{}, false, &members);
  }
}

TYPED_TEST(Pair, BackwardMatchesTheReference) {
  for (const Index width : {1, 8, 13, 64, 200, 256})
    for (const auto& [groups, group_size] : batches) {
      SCOPED_TRACE(testing::Message() << groups << " groups of " << group_size << ", width " << width);
      this->check_backward(groups, group_size, width);
    }
}

TYPED_TEST(Pair, TakesAnEmptyBatch) {
  this->check_forward(0, 5, 8, false, 0.5f);
  this->check_forward(0, 5, 8, true, 0.0f);
  this->check_backward(0, 5, 8);
}

// Large enough that threads which share a sum get into each other's way.
TYPED_TEST(Pair, BackwardRepeatsBitForBit) {
  using Real = typename TypeParam::T;
  const Array dz = random_array<Real>(60000, 64, 7);
  const auto device_dz = this->template send<Real>(dz);
  const auto want = reference::pair_backward(2, dz, Array(64));
  Array first_sum, first_bias;
  for (int run = 0; run < 3; ++run) {
    Tensor<Real, typename TypeParam::Device> sum(30000, 64);
    auto bias = this->template send<float>(Array(64));
    pair_backward(this->context(), 2, view(device_dz), sum.matrix(), bias.data());
    if (run == 0) first_sum = this->fetch(sum), first_bias = this->fetch(bias);
    expect_equal(this->fetch(sum), first_sum, "group sum");
    expect_equal(this->fetch(bias), first_bias, "bias gradient");
    expect_close<float>(first_bias, want.bias, "bias gradient");
  }
}

}  // namespace
}  // namespace neumf::test
