// What can be said of the GPU build without a GPU.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "neumf/core/context.hpp"
#include "neumf/core/cuda_graph.hpp"
#include "neumf/core/error.hpp"
#include "neumf/core/tensor.hpp"
#include "shared_functions_impl.hpp"

namespace neumf::test {
namespace {

using testing::HasSubstr;

std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// Both devices draw the same samples and masks only if both compilers read these functions alike.
TEST(CudaBuild, CompilersAgreeOnSharedFunctions) {
  const SharedResults ours = compute_shared_results(), theirs = shared_results_of_nvcc();
  using R = SharedResults;
  const std::pair<const char*, std::vector<std::uint32_t> R::*> words[] = {
      {"philox", &R::philox}, {"items", &R::items}, {"kept", &R::kept}, {"widened", &R::widened}};
  for (const auto& [name, member] : words) EXPECT_EQ(ours.*member, theirs.*member) << name;
  EXPECT_EQ(ours.units, theirs.units);
  EXPECT_EQ(ours.shuffled, theirs.shuffled);
  EXPECT_EQ(ours.narrowed, theirs.narrowed);
  ASSERT_EQ(ours.steps.size(), theirs.steps.size());
  for (std::size_t i = 0; i < ours.steps.size(); ++i) EXPECT_FLOAT_EQ(ours.steps[i], theirs.steps[i]) << i;
}

TEST(CudaBuild, SaysThatThereIsNoGpu) {
  if (Context<Cuda>::device_count() > 0) GTEST_SKIP() << "this machine has a GPU";
  const std::string message = error_of([] { const Context<Cuda> context(0); });
  EXPECT_THAT(message, HasSubstr("GPU"));
  EXPECT_THAT(message, HasSubstr("--device cpu"));
}

TEST(CudaBuild, RefusesAGpuThatDoesNotExist) {
  const int count = Context<Cuda>::device_count();
  if (count == 0) GTEST_SKIP() << "this machine has no GPU";
  EXPECT_THAT(error_of([&] { const Context<Cuda> context(count); }),
              HasSubstr("there is no GPU " + std::to_string(count)));
}

TEST(CudaBuild, RefusesToReplayNothing) {
  if (Context<Cuda>::device_count() == 0) GTEST_SKIP() << "this machine has no GPU";
  Context<Cuda> context(0);
  CudaGraph graph;
  EXPECT_THAT(error_of([&] { graph.replay(context); }), HasSubstr("before anything was recorded"));
}

// A step that is recorded does the same again at every replay.
TEST(CudaBuild, ReplaysWhatWasRecorded) {
  if (Context<Cuda>::device_count() == 0) GTEST_SKIP() << "this machine has no GPU";
  Context<Cuda> context(0);
  Tensor<ops::StepState, Cuda> state(1);
  const ops::StepState initial;
  upload(context, std::span<const ops::StepState>(&initial, 1), state.data());
  const auto work = [&] { ops::prepare_update(context, {}, {}, 3, state.data()); };
  work();
  CudaGraph graph;
  graph.record(context, work);
  for (int i = 0; i < 4; ++i) graph.replay(context);
  ops::StepState result;
  download(context, state.data(), std::span<ops::StepState>(&result, 1));
  EXPECT_EQ(result.step, 5);
  EXPECT_EQ(result.position, 15u);
}

}  // namespace
}  // namespace neumf::test
