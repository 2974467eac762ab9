// That the simulation notices what would hang a GPU.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string>

#include "language.hpp"
#include "neumf/core/error.hpp"

namespace neumf::simulation {
namespace {

using testing::Each;
using testing::HasSubstr;

std::string error_of(dim3 grid, dim3 block, const std::function<void()>& kernel) {
  try {
    run_kernel(grid, block, 0, kernel);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(SimulatedBlock, ThreadsMeetAtBarriers) {
  std::array<unsigned, 96> written{}, read{};
  run_kernel(1, 96, 0, [&] {
    written[threadIdx.x] = threadIdx.x;
    __syncthreads();
    read[threadIdx.x] = written[95 - threadIdx.x] + threadIdx.x;
  });
  EXPECT_THAT(read, Each(95u));
}

TEST(SimulatedBlock, LanesExchangeWithinTheirMask) {
  std::array<float, 32> sums{};
  run_kernel(1, 32, 0, [&] {
    const unsigned mask = threadIdx.x < 16 ? 0xFFFFu : 0xFFFF0000u;
    float value = threadIdx.x < 16 ? 1.0f : 2.0f;
    for (int lanes = 8; lanes > 0; lanes /= 2) value += __shfl_xor_sync(mask, value, lanes);
    sums[threadIdx.x] = threadIdx.x < 16 ? value : value / 2;
  });
  EXPECT_THAT(sums, Each(16.0f));
}

TEST(SimulatedBlock, ReportsAShuffleThatALaneMisses) {
  EXPECT_THAT(error_of(1, 32,
                       [] {
                         if (threadIdx.x != 7) __shfl_xor_sync(0xFFFFFFFFu, 1.0f, 1);
                       }),
              HasSubstr("31 in shuffles"));
}

TEST(SimulatedBlock, ReportsALaneOutsideItsMask) {
  EXPECT_THAT(error_of(1, 32, [] { __shfl_xor_sync(0xFFFFu, 1.0f, 1); }), HasSubstr("lane 16"));
}

TEST(SimulatedBlock, ReportsABarrierThatAThreadMisses) {
  EXPECT_THAT(error_of(1, 64,
                       [] {
                         if (threadIdx.x == 1) __shfl_xor_sync(3u, 1.0f, 1);  // lane 0 is at the barrier
                         __syncthreads();
                       }),
              HasSubstr("63 wait at __syncthreads() and 1 in shuffles"));
}

TEST(SimulatedBlock, RefusesBlocksThatAreTooLarge) {
  EXPECT_THAT(error_of(1, dim3(32, 33), [] {}), HasSubstr("32 x 33 x 1"));
  EXPECT_THAT(error_of(0, 32, [] {}), HasSubstr("0 x 1 x 1"));
}

}  // namespace
}  // namespace neumf::simulation
