#include "neumf/ops/catalogue.hpp"

#include <numeric>

#include "device_fixture.hpp"
#include "ops/reference/catalogue.hpp"

namespace neumf::test {
namespace {

constexpr Index table_rows = 37;
constexpr std::uint32_t first_row = 5;  // of the users of the set

// Some of the rows, each once.
std::vector<std::uint32_t> distinct_rows(Index count) {
  std::vector<std::uint32_t> rows(static_cast<std::size_t>(table_rows - first_row));
  std::iota(rows.begin(), rows.end(), first_row);
  std::shuffle(rows.begin(), rows.end(), std::mt19937_64(3));
  rows.resize(static_cast<std::size_t>(count));
  return rows;
}

template <class C>
struct Weighted : OpTest<C> {};
TYPED_TEST_SUITE(Weighted, AllCases, CaseNames);

TYPED_TEST(Weighted, RowsAndGradientsMatchTheReference) {
  using Real = typename TypeParam::T;
  for (const Index width : {1, 8, 13, 64, 300})
    for (const Index n : {0, 1, 32}) {
      SCOPED_TRACE(testing::Message() << n << " rows, width " << width);
      const auto rows = distinct_rows(n);
      const Array table = random_array<Real>(table_rows, width, 1), weight = random_array<float>(width, 1, 2);
      const Array gradient = random_array<float>(n, width, 3), weight_grad = random_array<float>(width, 1, 4);
      const Array table_grad = random_array<float>(table_rows, width, 5);
      const auto device_table = this->template send<Real>(table);
      const auto device_rows = this->to_device(rows);
      const auto device_weight = this->template send<float>(weight);
      const auto device_gradient = this->template send<float>(gradient);
      auto out = this->template send<Real>(Array(n, width, NAN));
      auto device_table_grad = this->template send<float>(table_grad);
      auto device_weight_grad = this->template send<float>(weight_grad);
      gather_weighted(this->context(), view(device_table), device_rows.data(), device_weight.data(),
                      out.matrix());
      scatter_weighted(this->context(), view(device_table), device_rows.data(), device_weight.data(),
                       view(device_gradient), device_table_grad.matrix(), device_weight_grad.data());
      expect_close<Real>(this->fetch(out), reference::gather_weighted(table, rows, weight), "row");
      const auto want = reference::scatter_weighted(table, rows, weight, gradient, table_grad, weight_grad);
      expect_close<float>(this->fetch(device_table_grad), want.table, "table gradient");
      expect_close<float>(this->fetch(device_weight_grad), want.weight, "weight gradient");
    }
}

template <class C>
struct Catalogue : OpTest<C> {
  // Users with 0 to 6 of the items.
  static void fill(Index items, std::vector<std::uint32_t>& owned, std::vector<std::uint64_t>& offsets) {
    offsets = {0};
    for (std::uint32_t user = 0; user < table_rows - first_row; ++user) {
      for (std::uint32_t k = 0; k < std::min<std::uint32_t>(user % 7, static_cast<std::uint32_t>(items)); ++k)
        owned.push_back((k * static_cast<std::uint32_t>(items) / 7 + user) %
                        static_cast<std::uint32_t>(items));
      std::sort(owned.begin() + static_cast<std::ptrdiff_t>(offsets.back()), owned.end());
      owned.erase(std::unique(owned.begin() + static_cast<std::ptrdiff_t>(offsets.back()), owned.end()),
                  owned.end());
      offsets.push_back(owned.size());
    }
  }
};
TYPED_TEST_SUITE(Catalogue, DeviceCases, CaseNames);

TYPED_TEST(Catalogue, SoftmaxMatchesTheReference) {
  for (const Index items : {1, 7, 33, 5000})
    for (const Index n : {0, 1, 32})
      for (const double deviation : {1.0, 8.0}) {
        SCOPED_TRACE(testing::Message() << n << " users, " << items << " items");
        std::vector<std::uint32_t> owned;
        std::vector<std::uint64_t> offsets;
        this->fill(items, owned, offsets);
        const auto rows = distinct_rows(n);
        const Array logits = random_array<float>(n, items, 1, deviation);
        const auto device_items = this->to_device(owned), device_rows = this->to_device(rows);
        const auto device_offsets = this->to_device(offsets);
        const auto loss_scale = this->template send<float>(Array(1, 1, 512.0));
        auto device_logits = this->template send<float>(logits);
        auto loss = this->to_device(std::vector<double>{3.5});
        const TrainingSetView device_set{nullptr, device_items.data(), device_offsets.data(), owned.size(),
                                         0};
        const TrainingSetView set{nullptr, owned.data(), offsets.data(), owned.size(), 0};
        catalogue_softmax(this->context(), device_set, device_rows.data(), first_row, 0x1p-8f,
                          loss_scale.data(), device_logits.matrix(), loss.data());
        const auto want = reference::catalogue_softmax(set, rows, first_row, 2.0, logits, 3.5);
        expect_close<float>(this->fetch(device_logits), want.dlogits, "logit gradient");
        expect_close<float>(this->fetch(loss), want.loss, "loss");
      }
}

// The reference itself.
TYPED_TEST(Catalogue, ReferenceEqualsFiniteDifferences) {
  std::vector<std::uint32_t> owned;
  std::vector<std::uint64_t> offsets;
  this->fill(12, owned, offsets);
  const TrainingSetView set{nullptr, owned.data(), offsets.data(), owned.size(), 0};
  const auto rows = distinct_rows(9);
  Array logits = random_array<float>(9, 12, 1);
  const auto result = [&] { return reference::catalogue_softmax(set, rows, first_row, 1.0, logits, 0); };
  const Array got = result().dlogits.value;
  for (std::size_t i = 0; i < logits.values.size(); ++i) {
    const double at = logits.values[i], h = 1e-5;
    logits.values[i] = at + h;
    const double above = result().loss.value(0);
    logits.values[i] = at - h;
    const double below = result().loss.value(0);
    logits.values[i] = at;
    ASSERT_NEAR(got.values[i], (above - below) / (2 * h), 1e-8) << i;
  }
}

}  // namespace
}  // namespace neumf::test
