#include "neumf/ops/row_penalty.hpp"

#include "device_fixture.hpp"
#include "ops/reference/row_penalty.hpp"

namespace neumf::test {
namespace {

template <class C>
struct RowPenalty : OpTest<C> {};
TYPED_TEST_SUITE(RowPenalty, DeviceCases, CaseNames);

TYPED_TEST(RowPenalty, MatchesTheReference) {
  using Where = typename TypeParam::Device;
  for (const Index width : {1, 8, 13, 64, 200})
    for (const Index n : {0, 1, 7, 5000}) {
      SCOPED_TRACE(testing::Message() << n << " ids, width " << width);
      const Array table = random_array<float>(37, width, 1), gradient = random_array<float>(37, width, 2);
      const auto ids = random_ids(n, 37, 3);
      const auto device_ids = this->to_device(ids);
      const auto device_table = this->template send<float>(table);
      auto device_gradient = this->template send<float>(gradient);
      const auto loss_scale = this->template send<float>(Array(1, 1, 512.0));
      ScatterPlan<Where> plan(std::max<Index>(n, 1));
      plan_scatter(this->context(), device_ids.data(), n, 37, plan);
      add_row_penalty(this->context(), plan, view(device_table), 0x1p-10f, loss_scale.data(),
                      device_gradient.matrix());
      expect_close<float>(this->fetch(device_gradient), reference::row_penalty(ids, table, 0.5, gradient),
                          "gradient");
    }
}

}  // namespace
}  // namespace neumf::test
