#include "device_fixture.hpp"
#include "neumf/ops/memory.hpp"

namespace neumf::test {
namespace {

template <class C>
struct Convert : OpTest<C> {};
TYPED_TEST_SUITE(Convert, AllCases, CaseNames);

// The scalar conversion is tested by itself; this is about whole arrays and their ends.
TYPED_TEST(Convert, RoundsEveryElement) {
  using Real = typename TypeParam::T;
  std::mt19937_64 generator(3);
  for (const Index n : {0, 1, 7, 8, 9, 31, 1000, 65537, 300007}) {
    std::vector<float> in(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < in.size(); ++i) {
      if (i % 2 == 0) {  // any bit pattern: infinite, subnormal, not a number
        in[i] = std::bit_cast<float>(static_cast<std::uint32_t>(generator()));
      } else {  // the range where fp16 has numbers, subnormal ones included, ties among them
        const auto mantissa = static_cast<std::int32_t>(generator() % 8192) - 4096;
        in[i] = std::ldexp(static_cast<float>(mantissa), static_cast<int>(generator() % 32) - 28);
      }
    }
    const auto device_in = this->to_device(in);
    Tensor<Real, typename TypeParam::Device> out(n);
    convert(this->context(), device_in.span(), out.span());
    const auto got = this->to_host(out);
    for (std::size_t i = 0; i < in.size(); ++i) {
      const float want = to_float(from_float<Real>(in[i]));
      if (std::isnan(in[i])) {
        ASSERT_TRUE(std::isnan(to_float(got[i]))) << i;
      } else {
        ASSERT_EQ(std::bit_cast<std::uint32_t>(to_float(got[i])), std::bit_cast<std::uint32_t>(want))
            << in[i] << " at " << i << " of " << n;
      }
    }
  }
}

}  // namespace
}  // namespace neumf::test
