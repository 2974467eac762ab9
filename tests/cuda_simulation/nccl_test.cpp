// The rules of collectives, on two processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nccl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <vector>

#include "fault.hpp"
#include "neumf/core/cuda/handles.hpp"
#include "queue.hpp"

namespace neumf::simulation {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// One rank: its communicator, a stream, and memory that holds 1 + rank.
struct Rank {
  int rank;
  ncclComm_t comm;
  cudaStream_t stream;
  float* data;

  void reduce(std::size_t count) const {
    const auto status = ncclAllReduce(data, data, count, ncclFloat, ncclSum, comm, stream);
    require(status == ncclSuccess, "ncclAllReduce: {}", ncclGetLastError(comm));
  }
  cuda::GraphExec recorded(std::size_t count) const {
    NEUMF_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    reduce(count);
    cudaGraph_t graph = nullptr;
    NEUMF_CUDA(cudaStreamEndCapture(stream, &graph));
    const cuda::Graph own(graph);
    cudaGraphExec_t executable = nullptr;
    NEUMF_CUDA(cudaGraphInstantiate(&executable, graph, 0));
    return cuda::GraphExec(executable);
  }
  void launch(const cuda::GraphExec& graph) const { NEUMF_CUDA(cudaGraphLaunch(graph.get(), stream)); }
  float value() const {
    float host = 0;
    NEUMF_CUDA(cudaMemcpyAsync(&host, data, sizeof(host), cudaMemcpyDeviceToHost, stream));
    return host;
  }
};

std::string as_rank(int rank, const ncclUniqueId& id, const std::function<std::string(const Rank&)>& work) {
  try {
    NEUMF_CUDA(cudaSetDevice(rank));
    const cuda::Stream stream = cuda::make_stream();
    void* data = nullptr;
    NEUMF_CUDA(cudaMalloc(&data, 4096));
    const std::vector<float> host(1024, 1.0f + static_cast<float>(rank));
    NEUMF_CUDA(cudaMemcpyAsync(data, host.data(), 4096, cudaMemcpyHostToDevice, stream.get()));
    ncclComm_t comm = nullptr;
    require(ncclCommInitRank(&comm, 2, id, rank) == ncclSuccess, "ncclCommInitRank: {}",
            ncclGetLastError(nullptr));
    return work({rank, comm, stream.get(), static_cast<float*>(data)});
  } catch (const std::exception& error) {
    return error.what();
  }
}

// What `work` returns on each of two processes, or the first thing that is reported there.
std::vector<std::string> on_two_ranks(const std::function<std::string(const Rank&)>& work) {
  ncclUniqueId id;
  EXPECT_EQ(ncclGetUniqueId(&id), ncclSuccess);
  std::vector<std::string> answers;
  std::vector<std::pair<pid_t, int>> ranks;
  for (int rank = 0; rank < 2; ++rank) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const pid_t process = fork();
    if (process == 0) {
      alarm(30);  // a rank that waits for ever
      const std::string result = as_rank(rank, id, work);
      const std::string answer = faults().empty() ? result : faults().front();
      _exit(write(ends[1], answer.data(), answer.size()) == static_cast<ssize_t>(answer.size()) ? 0 : 1);
    }
    close(ends[1]);
    ranks.emplace_back(process, ends[0]);
  }
  for (const auto& [process, end] : ranks) {
    std::string answer;
    char part[512];
    for (ssize_t bytes; (bytes = read(end, part, sizeof(part))) > 0;)
      answer.append(part, static_cast<std::size_t>(bytes));
    close(end);
    int status = 0;
    waitpid(process, &status, 0);
    answers.push_back(answer);
  }
  return answers;
}

TEST(NcclSimulation, SumsOverRanks) {
  const auto answers = on_two_ranks([](const Rank& r) {
    r.reduce(1024);
    r.reduce(1024);
    const auto graph = r.recorded(1024);
    r.launch(graph);
    return fmt::format("{}", r.value());
  });
  EXPECT_THAT(answers, testing::Each("12"));
}

TEST(NcclSimulation, ReportsCountsThatDiffer) {
  const auto answers = on_two_ranks([](const Rank& r) {
    r.reduce(r.rank == 0 ? 1024 : 1000);
    return fmt::format("{}", r.value());
  });
  EXPECT_THAT(answers, testing::Contains(AllOf(HasSubstr("1024 elements"), HasSubstr("1000 elements"))));
}

TEST(NcclSimulation, ReportsACaptureOnOneRankOnly) {
  const auto answers = on_two_ranks([](const Rank& r) {
    if (r.rank == 0) {
      r.reduce(1024);
      return fmt::format("{}", r.value());
    }
    const auto graph = r.recorded(1024);
    r.launch(graph);
    return fmt::format("{}", r.value());
  });
  EXPECT_THAT(answers,
              testing::Contains(AllOf(HasSubstr("not captured"), HasSubstr("number 1 of capture 1"))));
}

TEST(NcclSimulation, ReportsReplaysOfDifferentCaptures) {
  const auto answers = on_two_ranks([](const Rank& r) {
    const auto first = r.recorded(1024), second = r.recorded(1024);
    r.launch(r.rank == 0 ? first : second);
    return fmt::format("{}", r.value());
  });
  EXPECT_THAT(answers, testing::Contains(AllOf(HasSubstr("of capture 1"), HasSubstr("of capture 2"))));
}

TEST(NcclSimulation, ReportsGraphsThatOutliveTheCommunicator) {
  for (const bool abort : {false, true}) {
    const auto answers = on_two_ranks([abort](const Rank& r) {
      const auto graph = r.recorded(1024);
      r.launch(graph);
      static_cast<void>(r.value());
      return std::to_string(abort ? ncclCommAbort(r.comm) : ncclCommDestroy(r.comm));
    });
    EXPECT_THAT(answers, testing::Each(HasSubstr("NCCL waits for ever")));
  }
  const auto answers = on_two_ranks([](const Rank& r) {
    {
      const auto graph = r.recorded(1024);
      r.launch(graph);
      static_cast<void>(r.value());
    }
    return std::to_string(ncclCommDestroy(r.comm));
  });
  EXPECT_THAT(answers, testing::Each("0"));
}

}  // namespace
}  // namespace neumf::simulation
