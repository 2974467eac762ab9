// Each rule of the simulated GPU: a program that breaks it is reported, and one that keeps it is not.
#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cub/device/device_radix_sort.cuh>
#include <string>
#include <vector>

#include "access.hpp"
#include "fault.hpp"
#include "faulty.hpp"
#include "memory.hpp"
#include "neumf/core/cuda/handles.hpp"
#include "queue.hpp"

namespace neumf::simulation {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class CudaSimulation : public testing::Test {
 protected:
  void SetUp() override {
    queue().reset(1);
    take_faults();
  }
  void TearDown() override {
    take_faults();
    queue().reset(1);
  }

  template <class T = float>
  static T* device(std::size_t count) {
    void* data = nullptr;
    NEUMF_CUDA(cudaMalloc(&data, count * sizeof(T)));
    return static_cast<T*>(data);
  }
  static float* pinned_memory(std::size_t count) {
    void* data = nullptr;
    NEUMF_CUDA(cudaMallocHost(&data, count * sizeof(float)));
    return static_cast<float*>(data);
  }
  // What is reported when everything has run.
  std::string found() {
    static_cast<void>(queue().finish_all());
    const auto all = take_faults();
    return all.empty() ? "nothing" : all.front();
  }
  // Why the call was refused.
  static std::string refusal(cudaError_t status) { return status == cudaSuccess ? "success" : last_reason(); }
  static std::string refusal(cublasStatus_t status) {
    return status == CUBLAS_STATUS_SUCCESS ? "success" : last_reason();
  }

  cuda::Stream stream_ = cuda::make_stream(), other_ = cuda::make_stream();
  cuda::Event event_ = cuda::make_event();
  float *a_ = device(64), *b_ = device(64);
};

TEST_F(CudaSimulation, ReportsAStreamThatDoesNotWaitForAnother) {
  for (const bool waits : {true, false}) {
    NEUMF_CUDA(cudaMemsetAsync(a_, 0, 256, stream_.get()));
    NEUMF_CUDA(cudaEventRecord(event_.get(), stream_.get()));
    if (waits) NEUMF_CUDA(cudaStreamWaitEvent(other_.get(), event_.get()));
    static_cast<void>(cudaGetLastError());
    try {
      copy(other_.get(), a_, 64, b_);
    } catch (const Error&) {
    }
    const std::string what = found();
    if (waits)
      EXPECT_EQ(what, "nothing");
    else
      EXPECT_THAT(what, AllOf(HasSubstr("copy_kernel"), HasSubstr("cudaMemsetAsync"),
                              HasSubstr("neither a stream nor an event orders")));
  }
}

TEST_F(CudaSimulation, RunsStreamsInDifferentOrders) {
  // Unchecked, the two orders of a missing wait give two results.
  std::vector<float> seen;
  const auto result = [&](unsigned seed) {
    queue().reset(seed);
    float* out = device(1);
    NEUMF_CUDA(cudaMemsetAsync(out, 0, 4, stream_.get()));
    std::vector<int> order;
    for (const int number : {1, 2}) {
      Work work;
      work.name = "mark";
      work.run = [&order, number](auto& /*run*/) {
        order.push_back(number);
        return true;
      };
      NEUMF_CUDA(queue().submit(number == 1 ? stream_.get() : other_.get(), std::move(work)));
    }
    NEUMF_CUDA(queue().finish_all());
    return order.front();
  };
  int first = 0;
  for (unsigned seed = 1; seed <= 20; ++seed) first += result(seed) == 1;
  EXPECT_GT(first, 0);
  EXPECT_LT(first, 20);
}

TEST_F(CudaSimulation, ReportsAMissingBarrier) {
  NEUMF_CUDA(cudaMemsetAsync(a_, 0, 256, stream_.get()));
  rotate(stream_.get(), a_, true, b_);
  EXPECT_EQ(found(), "nothing");
  rotate(stream_.get(), a_, false, b_);
  EXPECT_THAT(found(), AllOf(HasSubstr("rotate_kernel"), HasSubstr("no barrier is between them")));
}

TEST_F(CudaSimulation, ReportsBlocksThatReadEachOther) {
  chain(stream_.get(), false, a_);
  EXPECT_EQ(found(), "nothing");
  chain(stream_.get(), true, a_);
  EXPECT_THAT(found(), AllOf(HasSubstr("chain_kernel"), HasSubstr("of block")));
}

TEST_F(CudaSimulation, ReportsAddingWithoutAtomics) {
  auto* counter = device<unsigned>(1);
  NEUMF_CUDA(cudaMemsetAsync(counter, 0, 4, stream_.get()));
  count(stream_.get(), true, counter);
  EXPECT_EQ(found(), "nothing");
  count(stream_.get(), false, counter);
  EXPECT_THAT(found(), HasSubstr("count_kernel"));
}

TEST_F(CudaSimulation, ReportsOneElementOutOfBounds) {
  float* few = device(63);
  NEUMF_CUDA(cudaMemsetAsync(a_, 0, 256, stream_.get()));
  copy(stream_.get(), a_, 63, few);
  EXPECT_EQ(found(), "nothing");
  copy(stream_.get(), a_, 64, few);
  EXPECT_THAT(found(), AllOf(HasSubstr("copy_kernel: thread 63 of block 0 writes 4 bytes"),
                             HasSubstr("of 252 bytes")));
}

TEST_F(CudaSimulation, RefusesAByteOutOfBoundsInCopies) {
  EXPECT_EQ(cudaMemsetAsync(a_, 0, 256, stream_.get()), cudaSuccess);
  EXPECT_THAT(refusal(cudaMemsetAsync(a_, 0, 257, stream_.get())), HasSubstr("byte 256, beyond the end"));
  char host[257] = {};
  EXPECT_THAT(refusal(cudaMemcpyAsync(a_, host, 257, cudaMemcpyHostToDevice, stream_.get())),
              HasSubstr("byte 256"));
  EXPECT_THAT(refusal(cudaMemcpyAsync(a_, host, 256, cudaMemcpyDeviceToHost, stream_.get())),
              HasSubstr("direction"));
}

TEST_F(CudaSimulation, ReportsUseAfterFree) {
  float* gone = device(64);
  NEUMF_CUDA(cudaMemsetAsync(gone, 0, 256, stream_.get()));
  copy(stream_.get(), gone, 64, b_);
  NEUMF_CUDA(cudaFree(gone));  // waits for the device
  EXPECT_EQ(found(), "nothing");
  copy(stream_.get(), gone, 64, b_);
  EXPECT_THAT(found(), AllOf(HasSubstr("copy_kernel"), HasSubstr("which was freed")));
}

TEST_F(CudaSimulation, ReportsADoubleFree) {
  float* gone = device(64);
  NEUMF_CUDA(cudaFree(gone));
  EXPECT_NE(cudaFree(gone), cudaSuccess);
  EXPECT_THAT(found(), HasSubstr("no live allocation"));
}

TEST_F(CudaSimulation, ReportsMisalignedVectors) {
  NEUMF_CUDA(cudaMemsetAsync(a_, 0, 256, stream_.get()));
  copy_four(stream_.get(), a_ + 4, b_);
  EXPECT_EQ(found(), "nothing");
  copy_four(stream_.get(), a_ + 1, b_);
  EXPECT_THAT(found(),
              AllOf(HasSubstr("wide_kernel"), HasSubstr("16 bytes at an address that is no multiple of 16")));
}

TEST_F(CudaSimulation, ReportsStaleArgumentsOfGraphs) {
  float* gone = device(64);
  NEUMF_CUDA(cudaMemsetAsync(gone, 0, 256, stream_.get()));
  NEUMF_CUDA(cudaStreamBeginCapture(stream_.get(), cudaStreamCaptureModeThreadLocal));
  copy(stream_.get(), gone, 64, b_);
  cudaGraph_t graph = nullptr;
  NEUMF_CUDA(cudaStreamEndCapture(stream_.get(), &graph));
  cudaGraphExec_t executable = nullptr;
  NEUMF_CUDA(cudaGraphInstantiate(&executable, graph, 0));
  NEUMF_CUDA(cudaGraphLaunch(executable, stream_.get()));
  EXPECT_EQ(found(), "nothing");
  NEUMF_CUDA(cudaFree(gone));
  EXPECT_NE(cudaGraphLaunch(executable, stream_.get()), cudaSuccess);
  EXPECT_THAT(found(), AllOf(HasSubstr("copy_kernel was recorded"), HasSubstr("which was freed")));
  NEUMF_CUDA(cudaGraphExecDestroy(executable));
  NEUMF_CUDA(cudaGraphDestroy(graph));
}

TEST_F(CudaSimulation, UpdatesGraphsThatDifferInArguments) {
  const auto recorded = [&](const float* in, bool twice) {
    NEUMF_CUDA(cudaStreamBeginCapture(stream_.get(), cudaStreamCaptureModeThreadLocal));
    copy(stream_.get(), in, 64, b_);
    if (twice) copy(stream_.get(), in, 64, b_);
    cudaGraph_t graph = nullptr;
    NEUMF_CUDA(cudaStreamEndCapture(stream_.get(), &graph));
    return cuda::Graph(graph);
  };
  std::vector<float> ones(64, 1.0f), got(64);
  float* c = device(64);
  NEUMF_CUDA(cudaMemsetAsync(a_, 0, 256, stream_.get()));
  NEUMF_CUDA(cudaMemcpyAsync(c, ones.data(), 256, cudaMemcpyHostToDevice, stream_.get()));
  cudaGraphExec_t handle = nullptr;
  NEUMF_CUDA(cudaGraphInstantiate(&handle, recorded(a_, false).get(), 0));
  const cuda::GraphExec executable(handle);
  cudaGraphExecUpdateResultInfo result{};
  EXPECT_EQ(cudaGraphExecUpdate(handle, recorded(a_, true).get(), &result), cudaErrorGraphExecUpdateFailure);
  EXPECT_EQ(cudaGraphExecUpdate(handle, recorded(c, false).get(), &result), cudaSuccess);
  NEUMF_CUDA(cudaGraphLaunch(handle, stream_.get()));
  NEUMF_CUDA(cudaMemcpyAsync(got.data(), b_, 256, cudaMemcpyDeviceToHost, stream_.get()));
  EXPECT_EQ(got, ones);
}

TEST_F(CudaSimulation, RefusesWaitingInACapture) {
  const auto refused = [&](auto call) {
    NEUMF_CUDA(cudaStreamBeginCapture(stream_.get(), cudaStreamCaptureModeThreadLocal));
    const std::string why = refusal(call());
    cudaGraph_t graph = nullptr;
    EXPECT_EQ(cudaStreamEndCapture(stream_.get(), &graph), cudaErrorStreamCaptureInvalidated);
    EXPECT_EQ(graph, nullptr);
    return why;
  };
  void* data = nullptr;
  EXPECT_THAT(refused([&] { return cudaStreamSynchronize(stream_.get()); }),
              HasSubstr("cudaStreamSynchronize"));
  EXPECT_THAT(refused([&] { return cudaStreamQuery(stream_.get()); }), HasSubstr("cudaStreamQuery"));
  EXPECT_THAT(refused([&] { return cudaMalloc(&data, 4); }), HasSubstr("cudaMalloc is not allowed"));
  EXPECT_THAT(refused([&] { return cudaFree(a_); }), HasSubstr("cudaFree is not allowed"));
  char host[4] = {};
  EXPECT_THAT(refused([&] { return cudaMemcpyAsync(a_, host, 4, cudaMemcpyHostToDevice, stream_.get()); }),
              HasSubstr("pageable"));
  NEUMF_CUDA(cudaEventRecord(event_.get(), other_.get()));
  EXPECT_THAT(refused([&] { return cudaStreamWaitEvent(stream_.get(), event_.get()); }),
              HasSubstr("from outside of the capture"));
}

TEST_F(CudaSimulation, RefusesACaptureThatIsNotJoined) {
  for (const bool joins : {true, false}) {
    NEUMF_CUDA(cudaStreamBeginCapture(stream_.get(), cudaStreamCaptureModeThreadLocal));
    NEUMF_CUDA(cudaEventRecord(event_.get(), stream_.get()));
    NEUMF_CUDA(cudaStreamWaitEvent(other_.get(), event_.get()));
    copy(other_.get(), a_, 64, b_);
    if (joins) {
      NEUMF_CUDA(cudaEventRecord(event_.get(), other_.get()));
      NEUMF_CUDA(cudaStreamWaitEvent(stream_.get(), event_.get()));
    }
    cudaGraph_t graph = nullptr;
    EXPECT_EQ(cudaStreamEndCapture(stream_.get(), &graph),
              joins ? cudaSuccess : cudaErrorStreamCaptureUnjoined);
    cuda::Graph{graph};
  }
}

TEST_F(CudaSimulation, KeepsTheHostFromMemoryThatACopyIsWriting) {
  float* host = pinned_memory(64);
  NEUMF_CUDA(cudaMemsetAsync(a_, 0, 256, stream_.get()));
  NEUMF_CUDA(cudaMemcpyAsync(host, a_, 256, cudaMemcpyDeviceToHost, stream_.get()));
  EXPECT_EXIT(static_cast<void>(static_cast<volatile float*>(host)[3]), testing::ExitedWithCode(fault_status),
              "before it has waited for copy to the host");
  NEUMF_CUDA(cudaStreamSynchronize(stream_.get()));
  EXPECT_EQ(host[3], 0.0f);
  NEUMF_CUDA(cudaMemcpyAsync(a_, host, 256, cudaMemcpyHostToDevice, stream_.get()));
  EXPECT_EQ(host[3], 0.0f);  // may be read
  EXPECT_EXIT(host[3] = 1.0f, testing::ExitedWithCode(fault_status),
              "the host writes byte 12 of pinned memory");
  NEUMF_CUDA(cudaStreamSynchronize(stream_.get()));
  host[3] = 1.0f;
  NEUMF_CUDA(cudaFreeHost(host));
}

TEST_F(CudaSimulation, KeepsTheHostFromDeviceMemory) {
  if (!host_is_kept_out()) GTEST_SKIP() << "this processor has no protection keys";
  EXPECT_EXIT(static_cast<void>(static_cast<volatile float*>(a_)[1]), testing::ExitedWithCode(fault_status),
              "the host reads or writes device memory: byte 4 of allocation");
}

TEST_F(CudaSimulation, RefusesTooLittleTemporaryStorage) {
  auto* keys = device<std::uint32_t>(1000);
  NEUMF_CUDA(cudaMemsetAsync(keys, 0, 4000, stream_.get()));
  auto* values = device<std::uint32_t>(4000);
  NEUMF_CUDA(cudaMemsetAsync(values, 0, 16000, stream_.get()));
  const auto sort = [&](void* memory, std::size_t& bytes, int count) {
    return cub::DeviceRadixSort::SortPairs(memory, bytes, keys, values + 1000, values, values + 2000, count,
                                           0, 10, stream_.get());
  };
  std::size_t bytes = 0;
  NEUMF_CUDA(sort(nullptr, bytes, 1000));
  void* memory = device<char>(bytes);
  EXPECT_EQ(sort(memory, bytes, 1000), cudaSuccess);
  EXPECT_EQ(found(), "nothing");
  --bytes;
  EXPECT_THAT(refusal(sort(memory, bytes, 1000)), HasSubstr("temporary storage"));
}

// A product of cuBLASLt with what each case changes.
struct Product {
  std::int64_t ld = 8, aux_ld = 128;
  std::uint32_t alignment = 16;
  std::size_t workspace = 4096;
  bool mask = false, sets_mask = true;
  int offset = 0, algorithm = 0;
};

std::string outcome(const Product& p, float* data, void* workspace, cudaStream_t stream) {
  cublasLtHandle_t blas = nullptr;
  NEUMF_CUDA(cublasLtCreate(&blas));
  const cuda::LtHandle own_blas(blas);
  cublasLtMatmulDesc_t description = nullptr;
  NEUMF_CUDA(cublasLtMatmulDescCreate(&description, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  const cuda::LtProduct own_description(description);
  const auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
    NEUMF_CUDA(cublasLtMatmulDescSetAttribute(description, attribute, &value, sizeof(value)));
  };
  const void* bits = data + 512;
  if (p.mask) {
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_DRELU);
    set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, p.aux_ld);
    if (p.sets_mask) set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, bits);
  }
  cublasLtMatrixLayout_t layout = nullptr;
  NEUMF_CUDA(cublasLtMatrixLayoutCreate(&layout, CUDA_R_32F, 8, 8, p.ld));
  const cuda::LtLayout own_layout(layout);
  cublasLtMatmulPreference_t preference = nullptr;
  NEUMF_CUDA(cublasLtMatmulPreferenceCreate(&preference));
  const cuda::LtPreference own_preference(preference);
  const std::size_t promised = 4096;
  NEUMF_CUDA(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                  &promised, sizeof(promised)));
  for (const auto which :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    NEUMF_CUDA(cublasLtMatmulPreferenceSetAttribute(preference, which, &p.alignment, sizeof(p.alignment)));
  cublasLtMatmulHeuristicResult_t results[4];
  int found = 0;
  if (cublasLtMatmulAlgoGetHeuristic(blas, description, layout, layout, layout, layout, preference, 4,
                                     results, &found) != CUBLAS_STATUS_SUCCESS)
    return last_reason();
  const float one = 1, zero = 0;
  const auto status =
      cublasLtMatmul(blas, description, &one, data + p.offset, layout, data + 64, layout, &zero, data + 128,
                     layout, data + 128, layout, &results[p.algorithm].algo, workspace, p.workspace, stream);
  return status == CUBLAS_STATUS_SUCCESS ? "success" : last_reason();
}

TEST_F(CudaSimulation, RefusesProductsThatBreakTheLibrarysRules) {
  float* data = device(1024);
  void* workspace = device<char>(4096);
  NEUMF_CUDA(cudaMemsetAsync(data, 0, 4096, stream_.get()));
  const auto run = [&](const Product& p) { return outcome(p, data, workspace, stream_.get()); };
  EXPECT_EQ(run({}), "success");
  EXPECT_EQ(run({.mask = true}), "success");
  EXPECT_EQ(run({.algorithm = 1}), "success");
  EXPECT_EQ(found(), "nothing");
  EXPECT_THAT(run({.ld = 7}), HasSubstr("a leading dimension of 7 for 8 rows"));
  EXPECT_THAT(run({.aux_ld = 64, .mask = true}), HasSubstr("EPILOGUE_AUX_LD 64"));
  EXPECT_THAT(run({.mask = true, .sets_mask = false}), HasSubstr("mask's pointer is not set"));
  EXPECT_THAT(run({.offset = 1}), HasSubstr("is not aligned to 16 bytes"));
  EXPECT_EQ(run({.alignment = 4, .offset = 1}), "success");
  EXPECT_THAT(run({.workspace = 16, .algorithm = 1}), HasSubstr("bytes of workspace"));
  EXPECT_THAT(run({.algorithm = 2}), HasSubstr("algorithm 3 does not run"));
}

}  // namespace
}  // namespace neumf::simulation
