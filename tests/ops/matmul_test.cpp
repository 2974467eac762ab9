#include "device_fixture.hpp"
#include "neumf/core/error.hpp"
#include "neumf/ops/linear.hpp"
#include "ops/reference/linear.hpp"

namespace neumf::test {
namespace {

template <class C>
struct Matmul : OpTest<C> {
  using typename OpTest<C>::Device, typename OpTest<C>::T;

  enum class Form { nt, nn, tn };

  template <class Out>
  void check(Form form, Index m, Index n, Index k, Write write) {
    SCOPED_TRACE(testing::Message() << (form == Form::nt   ? "nt"
                                        : form == Form::nn ? "nn"
                                                           : "tn")
                                    << " m " << m << " n " << n << " k " << k
                                    << (write == Write::accumulate ? " accumulate" : " overwrite") << " to "
                                    << TypeName<Out>::value);
    const bool a_transposed = form == Form::tn, b_transposed = form == Form::nt;
    const Array a = a_transposed ? random_array<T>(k, m, 1) : random_array<T>(m, k, 1);
    const Array b = b_transposed ? random_array<T>(n, k, 2) : random_array<T>(k, n, 2);
    // Overwriting must not even read what is there.
    const bool accumulate = write == Write::accumulate;
    const Array old = accumulate ? random_array<Out>(m, n, 3, 10.0) : Array(m, n, NAN);
    const auto device_a = this->template send<T>(a), device_b = this->template send<T>(b);
    auto c = this->template send<Out>(old);
    if (form == Form::nt) matmul_nt(this->context(), view(device_a), view(device_b), write, c.matrix());
    if (form == Form::nn) matmul_nn(this->context(), view(device_a), view(device_b), write, c.matrix());
    if (form == Form::tn) matmul_tn(this->context(), view(device_a), view(device_b), write, c.matrix());
    expect_close<Out>(this->fetch(c),
                      reference::matmul(a, a_transposed, b, b_transposed, accumulate ? old : Array(m, n)),
                      "c");
  }

  void check_all(Index m, Index n, Index k) {
    for (const auto form : {Form::nt, Form::nn, Form::tn})
      for (const auto write : {Write::overwrite, Write::accumulate}) {
        this->template check<float>(form, m, n, k, write);
        if constexpr (!std::is_same_v<T, float>) this->template check<T>(form, m, n, k, write);
      }
  }
};
TYPED_TEST_SUITE(Matmul, AllCases, CaseNames);

TYPED_TEST(Matmul, MatchesTheReference) {
  constexpr Index shapes[][3] = {{1, 1, 1},    {1, 8, 13},     {13, 1, 8},    {7, 5, 1},      {64, 64, 64},
                                 {257, 13, 8}, {13, 200, 129}, {8, 256, 501}, {301, 128, 256}};
  for (const auto& shape : shapes) this->check_all(shape[0], shape[1], shape[2]);
}

// Sums over nothing are zero; a result without elements is left alone.
TYPED_TEST(Matmul, TakesEmptyMatrices) {
  this->check_all(3, 5, 0);
  this->check_all(0, 5, 4);
  this->check_all(5, 0, 4);
}

// The same context serves the same shape again with other matrices.
TYPED_TEST(Matmul, DoesNotRememberOperands) {
  using Real = typename TypeParam::T;
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    const Array a = random_array<Real>(33, 17, seed), b = random_array<Real>(9, 17, seed + 10);
    const auto device_a = this->template send<Real>(a), device_b = this->template send<Real>(b);
    Tensor<float, typename TypeParam::Device> c(33, 9);
    matmul_nt(this->context(), view(device_a), view(device_b), Write::overwrite, c.matrix());
    expect_close<float>(this->fetch(c), reference::matmul(a, false, b, true, Array(33, 9)), "c");
  }
}

TYPED_TEST(Matmul, RefusesMismatchedShapes) {
  using Real = typename TypeParam::T;
  using Where = typename TypeParam::Device;
  Tensor<Real, Where> a(4, 6), b(5, 6), wrong(5, 7);
  Tensor<float, Where> c(4, 5), wide(4, 6), tall(5, 5);
  auto& context = this->context();
  EXPECT_THROW(matmul_nt(context, view(a), view(wrong), Write::overwrite, c.matrix()), Error);
  EXPECT_THROW(matmul_nt(context, view(a), view(b), Write::overwrite, wide.matrix()), Error);
  EXPECT_THROW(matmul_nt(context, view(a), view(b), Write::overwrite, tall.matrix()), Error);
  EXPECT_THROW(matmul_nn(context, view(a), view(b), Write::overwrite, c.matrix()), Error);
  EXPECT_THROW(matmul_tn(context, view(a), view(b), Write::overwrite, c.matrix()), Error);
  EXPECT_NO_THROW(matmul_nt(context, view(this->template send<Real>(Array(4, 6))),
                            view(this->template send<Real>(Array(5, 6))), Write::overwrite, c.matrix()));
}

}  // namespace
}  // namespace neumf::test
