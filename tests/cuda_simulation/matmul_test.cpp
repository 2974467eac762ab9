// What the program makes of the matrix library's answers.
#include "ops/cuda/matmul.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "fault.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/tensor.hpp"

namespace neumf::cuda {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class SimulatedMatmul : public testing::Test {
 protected:
  SimulatedMatmul() { setenv("NEUMF_SIM_FUSED", "1", 1); }
  ~SimulatedMatmul() override {
    unsetenv("NEUMF_SIM_FUSED");
    EXPECT_TRUE(simulation::take_faults().empty());
  }

  // c [8, 8] = a b.
  Product product() {
    Product p{};
    p.in = p.out = CUDA_R_32F;
    p.m = p.n = p.k = 8;
    p.a = data_.data();
    p.b = data_.data() + 64;
    p.c = data_.data() + 128;
    return p;
  }

  Context<Cuda> context_{0};
  Tensor<float, Cuda> data_{256 + 512};
};

// A mistake of ours is not one of the ways in which the library cannot do something.
TEST_F(SimulatedMatmul, ReportsAnInvalidValue) {
  Product p = product();
  p.epilogue = Epilogue::mask;
  p.mask = data_.data() + 256;
  p.mask_stride = 128;
  EXPECT_TRUE(multiply(context_, p));
  p.mask_stride = 64;  // the library wants multiples of 128
  EXPECT_THAT([&] { multiply(context_, p); }, ThrowsMessage<Error>(HasSubstr("EPILOGUE_AUX_LD 64")));
  p.m = 16;  // where no algorithm has been chosen yet
  EXPECT_THAT([&] { multiply(context_, p); }, ThrowsMessage<Error>(HasSubstr("EPILOGUE_AUX_LD 64")));
  context_.synchronize();
}

// An algorithm that was chosen for an aligned bias is not used for another.
TEST_F(SimulatedMatmul, KeepsBiasesOfOtherAlignmentApart) {
  Product p = product();
  p.epilogue = Epilogue::bias_relu;
  p.bias = data_.data() + 256;
  EXPECT_TRUE(multiply(context_, p));
  p.bias = data_.data() + 257;
  EXPECT_TRUE(multiply(context_, p));
  p.epilogue = Epilogue::mask;
  p.bias = nullptr;
  p.mask_stride = 128;
  for (const int offset : {0, 1, 2}) {
    p.mask = reinterpret_cast<const char*>(data_.data() + 256) + offset;
    EXPECT_TRUE(multiply(context_, p)) << offset;
  }
  context_.synchronize();
}

}  // namespace
}  // namespace neumf::cuda
