#include "device_fixture.hpp"
#include "neumf/ops/embedding.hpp"
#include "ops/reference/embedding.hpp"

namespace neumf::test {
namespace {

template <class C>
struct GatherScatter : OpTest<C> {
  using typename OpTest<C>::Device, typename OpTest<C>::T;

  Array scattered(const Array& table, const std::vector<std::uint32_t>& ids, const Array& values) {
    auto device_table = this->template send<float>(table);
    const auto device_values = this->template send<T>(values);
    const auto device_ids = this->to_device(ids);
    ScatterPlan<Device> plan(std::max<Index>(1, values.rows));
    plan_scatter(this->context(), device_ids.data(), values.rows, table.rows, plan);
    scatter_add_rows(this->context(), plan, view(device_values), device_table.matrix());
    return this->fetch(device_table);
  }
};
TYPED_TEST_SUITE(GatherScatter, AllCases, CaseNames);

struct Shape {
  Index rows, width, n;
};
constexpr Shape shapes[] = {{1, 1, 1},    {1, 64, 300},   {7, 1, 33},       {50, 8, 257},  {50, 13, 1000},
                            {300, 64, 5}, {97, 200, 700}, {1000, 64, 3001}, {33, 256, 900}};

TYPED_TEST(GatherScatter, GathersRows) {
  using Real = typename TypeParam::T;
  for (const auto& [rows, width, n] : shapes) {
    SCOPED_TRACE(testing::Message() << rows << " x " << width << ", " << n << " ids");
    const Array table = random_array<Real>(rows, width, 1);
    auto ids = random_ids(n, rows, 2);
    ids.front() = static_cast<std::uint32_t>(rows - 1);
    ids.back() = 0;
    const auto device_table = this->template send<Real>(table);
    const auto device_ids = this->to_device(ids);
    Tensor<Real, typename TypeParam::Device> out(n, width);
    gather_rows(this->context(), view(device_table), device_ids.data(), out.matrix());
    expect_equal(this->fetch(out), reference::gather(table, ids), "row");
  }
}

TYPED_TEST(GatherScatter, AddsToWhatIsThere) {
  using Real = typename TypeParam::T;
  for (const auto& [rows, width, n] : shapes) {
    SCOPED_TRACE(testing::Message() << rows << " x " << width << ", " << n << " ids");
    const Array table = random_array<float>(rows, width, 3), values = random_array<Real>(n, width, 4);
    auto ids = random_ids(n, rows, 5);
    ids.front() = static_cast<std::uint32_t>(rows - 1);
    ids.back() = 0;
    expect_close<float>(this->scattered(table, ids, values), reference::scatter_add(table, ids, values),
                        "table");
  }
}

TYPED_TEST(GatherScatter, AddsManyRowsToOne) {
  using Real = typename TypeParam::T;
  for (const Index width : {1, 13, 64}) {
    const Array table = random_array<float>(9, width, 6), values = random_array<Real>(5000, width, 7);
    for (const std::uint32_t id : {0u, 4u, 8u}) {
      const std::vector<std::uint32_t> ids(5000, id);
      expect_close<float>(this->scattered(table, ids, values), reference::scatter_add(table, ids, values),
                          "table");
    }
  }
}

// The number that a bit pattern stands for: not by to_float, which is under test.
template <class T>
double exact_value(std::uint32_t bits) {
  constexpr int mantissa_bits = std::is_same_v<T, bfloat16> ? 7 : 10;
  constexpr int most = (1 << (15 - mantissa_bits)) - 1, bias = most / 2;
  const int exponent = static_cast<int>(bits >> mantissa_bits) & most;
  const int mantissa = static_cast<int>(bits) & ((1 << mantissa_bits) - 1);
  if (exponent == most) return INFINITY;
  const double magnitude = exponent == 0
                               ? std::ldexp(mantissa, 1 - bias - mantissa_bits)
                               : std::ldexp((1 << mantissa_bits) + mantissa, exponent - bias - mantissa_bits);
  return (bits & 0x8000u) != 0 ? -magnitude : magnitude;
}

// Every finite number of the type survives widening and adding to zero, subnormal ones of fp16 included: they
// are what small gradients look like.
TYPED_TEST(GatherScatter, AddsEveryFiniteNumberExactly) {
  using Real = typename TypeParam::T;
  if constexpr (!std::is_same_v<Real, float>) {
    for (const Index width : {1, 8, 13}) {
      const Index n = (65536 + width - 1) / width;
      Array values(n, width);
      for (std::uint32_t bits = 0; bits < 65536; ++bits) {
        const double value = exact_value<Real>(bits);
        const bool subnormal_float = std::fabs(value) < FLT_MIN;  // may be flushed
        values.values[bits] = std::isfinite(value) && !subnormal_float ? value : 0.0;
      }
      std::vector<std::uint32_t> ids(static_cast<std::size_t>(n));
      for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::uint32_t>(i);
      expect_equal(this->scattered(Array(n, width), ids, values), values, "value");
    }
  }
}

TYPED_TEST(GatherScatter, LeavesTheTableAloneWithoutIds) {
  using Real = typename TypeParam::T;
  const Array table = random_array<float>(5, 8, 8);
  expect_equal(this->scattered(table, {}, Array(0, 8)), table, "table");
  const auto device_table = this->template send<Real>(table);
  Tensor<Real, typename TypeParam::Device> out(0, 8);
  gather_rows(this->context(), view(device_table), nullptr, out.matrix());
}

// A plan may be made again with other ids, fewer or more, and serve several tables.
TYPED_TEST(GatherScatter, ReusesAPlan) {
  using Real = typename TypeParam::T;
  ScatterPlan<typename TypeParam::Device> plan(2000);
  for (const Index n : {2000, 3, 1500}) {
    const auto ids = random_ids(n, 40, static_cast<std::uint64_t>(n));
    const auto device_ids = this->to_device(ids);
    plan_scatter(this->context(), device_ids.data(), n, 40, plan);
    for (const Index width : {8, 24}) {
      const Array table = random_array<float>(40, width, 9), values = random_array<Real>(n, width, 10);
      auto device_table = this->template send<float>(table);
      const auto device_values = this->template send<Real>(values);
      scatter_add_rows(this->context(), plan, view(device_values), device_table.matrix());
      expect_close<float>(this->fetch(device_table), reference::scatter_add(table, ids, values), "table");
    }
  }
}

TYPED_TEST(GatherScatter, RepeatsBitForBit) {
  using Real = typename TypeParam::T;
  const Array table = random_array<float>(11, 64, 11), values = random_array<Real>(4000, 64, 12);
  const auto ids = random_ids(4000, 11, 13);
  const Array once = this->scattered(table, ids, values);
  for (int run = 0; run < 3; ++run) expect_equal(this->scattered(table, ids, values), once, "table");
}

// On a CPU a row's sum follows the order of the samples, so the number of threads does not show.
TEST(GatherScatterCpu, DoesNotDependOnThreads) {
  const Array table = random_array<float>(11, 24, 14), values = random_array<float>(4000, 24, 15);
  const auto ids = random_ids(4000, 11, 16);
  std::vector<float> first;
  for (const int threads : {1, 2, 3, 4}) {
    Context<Cpu> context(threads);
    Tensor<float, Cpu> device_table(11, 24), device_values(4000, 24);
    std::copy(table.values.begin(), table.values.end(), device_table.data());
    std::copy(values.values.begin(), values.values.end(), device_values.data());
    ScatterPlan<Cpu> plan(4000);
    plan_scatter(context, ids.data(), 4000, 11, plan);
    scatter_add_rows(context, plan, view(device_values), device_table.matrix());
    const std::vector<float> sums(device_table.span().begin(), device_table.span().end());
    if (first.empty()) first = sums;
    EXPECT_EQ(sums, first) << threads << " threads";
  }
}

}  // namespace
}  // namespace neumf::test
