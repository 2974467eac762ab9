#include "graph.hpp"

#include <algorithm>

#include "count.hpp"
#include "memory.hpp"

struct CUgraph_st {
  neumf::simulation::Nodes nodes;
};
struct CUgraphExec_st {
  neumf::simulation::Nodes nodes;
};

namespace neumf::simulation {
namespace {

std::unique_ptr<Capture> current;
std::uint64_t captures = 0;

bool same_shape(const std::vector<Node>& a, const std::vector<Node>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Node& x, const Node& y) {
    return x.work->name == y.work->name && x.after == y.after;
  });
}

}  // namespace

Capture* current_capture() {
  return current.get();
}

Capture::~Capture() {
  for (CUstream_st* stream : streams_) {
    stream->capture = nullptr;
    stream->captured_after.clear();
  }
}

void Capture::join(CUstream_st& stream, const std::set<std::size_t>& after) {
  stream.capture = this;
  stream.captured_after.insert(after.begin(), after.end());
  streams_.insert(&stream);
}

cudaError_t Capture::add(CUstream_st& stream, WorkPtr work) {
  if (!valid_)
    return refuse(cudaErrorStreamCaptureInvalidated, "{} in a capture that an earlier call has made invalid",
                  work->name);
  Node node{std::move(work), {stream.captured_after.begin(), stream.captured_after.end()}, 0};
  const std::size_t index = nodes_.size();
  // It continues the chain of a node before it, if nothing else does.
  const auto end = std::find_if(ends_.begin(), ends_.end(), [&](std::size_t k) {
    return std::find(node.after.begin(), node.after.end(), k) != node.after.end();
  });
  node.chain = static_cast<std::uint32_t>(end - ends_.begin());
  if (end == ends_.end())
    ends_.push_back(index);
  else
    *end = index;
  nodes_.push_back(std::move(node));
  stream.captured_after = {index};
  return cudaSuccess;
}

cudaError_t Capture::invalidate(cudaError_t status, const std::string& why) {
  valid_ = false;
  return refuse(status, "{}", why);
}

std::uint64_t Capture::unjoined() const {
  std::vector<char> reached(nodes_.size());
  for (const std::size_t node : origin_.captured_after) reached[node] = 1;
  for (std::size_t i = nodes_.size(); i-- > 0;)
    if (reached[i] != 0)
      for (const std::size_t before : nodes_[i].after) reached[before] = 1;
  for (const CUstream_st* stream : streams_)
    for (const std::size_t node : stream->captured_after)
      if (reached[node] == 0) return stream->number;
  return 0;
}

}  // namespace neumf::simulation

using namespace neumf::simulation;

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode /*mode*/) {
  const std::lock_guard lock(queue().mutex());
  if (current != nullptr || stream->capture != nullptr)
    return refuse(cudaErrorIllegalState, "a capture was begun while another one is going on");
  counts().captured();
  current = std::make_unique<Capture>(*stream, ++captures);
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const std::lock_guard lock(queue().mutex());
  *graph = nullptr;
  if (current == nullptr || stream->capture != current.get())
    return refuse(cudaErrorIllegalState, "the end of a capture that has not begun");
  const auto capture = std::move(current);
  if (&capture->origin() != stream)
    return refuse(cudaErrorStreamCaptureUnmatched, "a capture must end in the stream in which it has begun");
  if (!capture->valid())
    return refuse(cudaErrorStreamCaptureInvalidated, "the capture was made invalid by an earlier call: {}",
                  last_reason());
  if (const auto number = capture->unjoined(); number != 0)
    return refuse(cudaErrorStreamCaptureUnjoined,
                  "stream {} has captured work that the capture's first stream does not wait for", number);
  *graph = new CUgraph_st{capture->nodes()};
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const std::lock_guard lock(queue().mutex());
  *status = stream->capture == nullptr ? cudaStreamCaptureStatusNone
            : stream->capture->valid() ? cudaStreamCaptureStatusActive
                                       : cudaStreamCaptureStatusInvalidated;
  return cudaSuccess;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
  if (nodes != nullptr) return refuse(cudaErrorNotSupported, "the simulation only counts nodes");
  *count = graph->nodes->size();
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long /*flags*/) {
  *executable = new CUgraphExec_st{graph->nodes};
  return cudaSuccess;
}

cudaError_t cudaGraphExecUpdate(cudaGraphExec_t executable, cudaGraph_t graph,
                                cudaGraphExecUpdateResultInfo* result) {
  const std::lock_guard lock(queue().mutex());
  *result = {};
  if (!same_shape(*executable->nodes, *graph->nodes)) {
    result->result = cudaGraphExecUpdateErrorTopologyChanged;
    return refuse(cudaErrorGraphExecUpdateFailure, "the graphs differ in more than arguments");
  }
  executable->nodes = graph->nodes;
  return cudaSuccess;
}

cudaError_t cudaGraphUpload(cudaGraphExec_t /*executable*/, cudaStream_t /*stream*/) {
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const std::lock_guard lock(queue().mutex());
  queue().called();
  if (stream->capture != nullptr)
    return stream->capture->invalidate(cudaErrorStreamCaptureUnsupported,
                                       "cudaGraphLaunch in a capture is not simulated");
  for (const Node& node : *executable->nodes)
    for (const void* pointer : node.work->pointers) {
      const Allocation* found = memory().find(reinterpret_cast<std::uintptr_t>(pointer));
      if (found != nullptr && found->freed) {
        fault("cudaGraphLaunch: {} was recorded with a pointer into memory that is gone ({})",
              node.work->name, memory().describe(reinterpret_cast<std::uintptr_t>(pointer)));
        return refuse(cudaErrorInvalidValue, "{}", faults().back());
      }
    }
  return queue().submit_graph(stream, executable->nodes);
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  const std::lock_guard lock(queue().mutex());
  delete executable;
  return cudaSuccess;
}
