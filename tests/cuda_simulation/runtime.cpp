// The CUDA runtime's functions that the library calls. A function that is missing here is reported by the
// linker.
#include "runtime.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "access.hpp"
#include "fault.hpp"
#include "graph.hpp"
#include "memory.hpp"
#include "pinned.hpp"
#include "queue.hpp"

namespace neumf::simulation {
namespace {

cudaError_t last_error = cudaSuccess;
int device = 0;

// Held during a call. Nothing may be asked of a device that is lost.
class Call {
 public:
  Call() : lock_(queue().mutex()) { queue().called(); }
  ~Call() { queue().called(); }

 private:
  std::lock_guard<std::recursive_mutex> lock_;
};

// The calls that CUDA forbids to the thread that captures.
cudaError_t forbidden_in_capture(const char* call) {
  if (Capture* capture = current_capture(); capture != nullptr)
    return capture->invalidate(cudaErrorStreamCaptureUnsupported,
                               fmt::format("{} is not allowed while a graph is captured", call));
  return queue().lost();
}

cudaError_t waiting_for(cudaStream_t stream, const char* call) {
  if (!queue().owns(stream))
    return refuse(cudaErrorInvalidResourceHandle, "{}: the stream does not exist", call);
  if (stream->capture != nullptr)
    return stream->capture->invalidate(
        cudaErrorStreamCaptureUnsupported,
        fmt::format("{}: the stream is being captured, and what it captures does not run", call));
  return queue().lost();
}

cudaError_t invalid_copy(const std::string& why) {
  return refuse(cudaErrorInvalidValue, "cudaMemcpyAsync: {}", why);
}

}  // namespace

void set_last_error(cudaError_t status) {
  if (status != cudaSuccess) last_error = status;
}

int gpus() {
  static const int count = static_cast<int>(setting("NEUMF_SIM_GPUS", 8));
  return count;
}

int current_gpu() {
  return device;
}

}  // namespace neumf::simulation

using namespace neumf::simulation;
using neumf::simulation::device;

cudaError_t cudaGetLastError() {
  const Call call;
  return std::exchange(last_error, cudaSuccess);
}
const char* cudaGetErrorString(cudaError_t status) {
  return status == cudaSuccess ? "no error" : last_reason().c_str();
}
const char* cudaGetErrorName(cudaError_t status) {
  switch (status) {
#define NEUMF_NAME(X) \
  case X:             \
    return #X;
    NEUMF_NAME(cudaSuccess)
    NEUMF_NAME(cudaErrorMemoryAllocation)
    NEUMF_NAME(cudaErrorInvalidValue)
    NEUMF_NAME(cudaErrorInvalidConfiguration)
    NEUMF_NAME(cudaErrorInvalidDevice)
    NEUMF_NAME(cudaErrorInvalidResourceHandle)
    NEUMF_NAME(cudaErrorLaunchFailure)
    NEUMF_NAME(cudaErrorNotReady)
    NEUMF_NAME(cudaErrorIllegalState)
    NEUMF_NAME(cudaErrorNoDevice)
    NEUMF_NAME(cudaErrorNotSupported)
    NEUMF_NAME(cudaErrorCapturedEvent)
    NEUMF_NAME(cudaErrorGraphExecUpdateFailure)
    NEUMF_NAME(cudaErrorStreamCaptureUnsupported)
    NEUMF_NAME(cudaErrorStreamCaptureInvalidated)
    NEUMF_NAME(cudaErrorStreamCaptureUnmatched)
    NEUMF_NAME(cudaErrorStreamCaptureUnjoined)
    NEUMF_NAME(cudaErrorStreamCaptureIsolation)
#undef NEUMF_NAME
    default:
      return "cudaError";
  }
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = gpus();
  return *count > 0 ? cudaSuccess : refuse(cudaErrorNoDevice, "NEUMF_SIM_GPUS is 0");
}
cudaError_t cudaGetDevice(int* current) {
  *current = device;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int number) {
  if (number < 0 || number >= gpus()) return refuse(cudaErrorInvalidDevice, "there is no GPU {}", number);
  device = number;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int number) {
  *properties = {};
  std::strcpy(properties->name, "simulated GPU");
  properties->major = 9;
  properties->multiProcessorCount = 4;
  properties->totalGlobalMem = memory().capacity();
  properties->pciBusID = number + 1;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** data, std::size_t bytes) {
  const Call call;
  if (const auto status = forbidden_in_capture("cudaMalloc"); status != cudaSuccess) return status;
  *data = memory().allocate(bytes);
  if (*data != nullptr) return cudaSuccess;
  set_last_error(cudaErrorMemoryAllocation);
  return refuse(cudaErrorMemoryAllocation, "{} bytes do not fit into the GPU's memory", bytes);
}
cudaError_t cudaFree(void* data) {
  const Call call;
  if (data == nullptr) return cudaSuccess;
  if (const auto status = forbidden_in_capture("cudaFree"); status != cudaSuccess) return status;
  // It waits for the device, as CUDA does.
  const auto status = queue().finish_all();
  if (!memory().release(data)) {
    const auto address = reinterpret_cast<std::uintptr_t>(data);
    fault("cudaFree of {}, which is no live allocation", memory().describe(address));
    return refuse(cudaErrorInvalidValue, "{}", faults().back());
  }
  return status;
}
cudaError_t cudaMemGetInfo(std::size_t* available, std::size_t* total) {
  const Call call;
  *total = memory().capacity();
  *available = *total - memory().used();
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void** data, std::size_t bytes) {
  const Call call;
  if (const auto status = forbidden_in_capture("cudaMallocHost"); status != cudaSuccess) return status;
  *data = pinned().allocate(bytes);
  return *data != nullptr ? cudaSuccess
                          : refuse(cudaErrorMemoryAllocation, "{} bytes of pinned memory", bytes);
}
cudaError_t cudaFreeHost(void* data) {
  const Call call;
  if (data == nullptr) return cudaSuccess;
  const auto status = queue().finish_all();
  if (!pinned().release(data))
    return refuse(cudaErrorInvalidValue, "cudaFreeHost of memory that is not pinned");
  return status;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const Call call;
  if (bytes == 0) return cudaSuccess;
  if (!queue().owns(stream))
    return refuse(cudaErrorInvalidResourceHandle, "cudaMemcpyAsync: the stream does not exist");
  const bool to_device = kind != cudaMemcpyDeviceToHost, from_device = kind != cudaMemcpyHostToDevice;
  if (memory().contains(to) != to_device || memory().contains(from) != from_device)
    return invalid_copy("where the memory lies is not what the direction says");
  for (const void* data : {static_cast<const void*>(to), from})
    if (memory().contains(data))
      if (const auto why = memory().fault_of(data, bytes); !why.empty()) return invalid_copy(why);

  Work work;
  work.name = kind == cudaMemcpyHostToDevice   ? "copy to the device"
              : kind == cudaMemcpyDeviceToHost ? "copy to the host"
                                               : "copy on the device";
  if (to_device) work.pointers.push_back(to);
  if (from_device) work.pointers.push_back(from);
  if (to_device && from_device) {
    work.run = [=](Run& /*run*/) {
      access(from, bytes, false);
      access(to, bytes, true);
      std::memmove(to, from, bytes);
      return true;
    };
    return queue().submit(stream, std::move(work));
  }
  const void* host = to_device ? from : to;
  if (const std::size_t room = pinned().room(host); room != 0) {
    if (room < bytes) return invalid_copy("it goes beyond the end of pinned memory");
    work.pinned = host;
    work.writes_pinned = !to_device;
    work.run = [=](Run& /*run*/) {
      access(to_device ? to : from, bytes, to_device);
      const Pinned::Open open(host);
      std::memcpy(to, from, bytes);
      return true;
    };
    return queue().submit(stream, std::move(work));
  }
  if (stream->capture != nullptr)
    return stream->capture->invalidate(cudaErrorStreamCaptureUnsupported,
                                       "cudaMemcpyAsync of pageable host memory is not allowed in a capture");
  if (to_device) {
    // Read before the call returns.
    auto staged = std::make_shared<std::vector<char>>(static_cast<const char*>(from),
                                                      static_cast<const char*>(from) + bytes);
    work.run = [=](Run& /*run*/) {
      access(to, bytes, true);
      std::memcpy(to, staged->data(), bytes);
      return true;
    };
    return queue().submit(stream, std::move(work));
  }
  // Returns when the copy is there.
  work.run = [=](Run& /*run*/) {
    access(from, bytes, false);
    std::memcpy(to, from, bytes);
    return true;
  };
  const auto status = queue().submit(stream, std::move(work));
  return status != cudaSuccess ? status : queue().finish(stream);
}

cudaError_t cudaMemsetAsync(void* data, int value, std::size_t bytes, cudaStream_t stream) {
  const Call call;
  if (bytes == 0) return cudaSuccess;
  if (!queue().owns(stream))
    return refuse(cudaErrorInvalidResourceHandle, "cudaMemsetAsync: the stream does not exist");
  if (const auto why = memory().fault_of(data, bytes); !why.empty())
    return refuse(cudaErrorInvalidValue, "cudaMemsetAsync: {}", why);
  Work work;
  work.name = "cudaMemsetAsync";
  work.pointers = {data};
  work.run = [=](Run& /*run*/) {
    access(data, bytes, true);
    std::memset(data, value, bytes);
    return true;
  };
  return queue().submit(stream, std::move(work));
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const Call call;
  if (flags != cudaStreamNonBlocking)
    return refuse(cudaErrorNotSupported, "streams that wait for the default stream are not simulated");
  *stream = queue().make_stream();
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Call call;
  if (!queue().owns(stream)) return refuse(cudaErrorInvalidResourceHandle, "the stream does not exist");
  queue().destroy_stream(stream);
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Call call;
  const auto status = waiting_for(stream, "cudaStreamSynchronize");
  return status != cudaSuccess ? status : queue().finish(stream);
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  const Call call;
  const auto status = waiting_for(stream, "cudaStreamQuery");
  return status != cudaSuccess ? status : queue().query(stream);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned /*flags*/) {
  const Call call;
  if (!queue().owns(stream))
    return refuse(cudaErrorInvalidResourceHandle, "cudaStreamWaitEvent: the stream does not exist");
  if (event->capture != nullptr) {
    if (event->capture != current_capture())
      return refuse(cudaErrorCapturedEvent,
                    "cudaStreamWaitEvent: the event was recorded in a capture that is over");
    event->capture->join(*stream, event->captured_after);
    return cudaSuccess;
  }
  if (stream->capture != nullptr)
    return stream->capture->invalidate(cudaErrorStreamCaptureIsolation,
                                       "cudaStreamWaitEvent: a stream that is being captured waits for an "
                                       "event from outside of the capture");
  if (event->record == nullptr) return cudaSuccess;  // never recorded: nothing to wait for
  queue().wait(stream, event->record);
  return queue().lost();
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  const Call call;
  *event = new CUevent_st;
  (*event)->timed = (flags & cudaEventDisableTiming) == 0;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const Call call;
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Call call;
  if (!queue().owns(stream))
    return refuse(cudaErrorInvalidResourceHandle, "cudaEventRecord: the stream does not exist");
  event->capture = stream->capture;
  if (stream->capture != nullptr) {
    event->captured_after = stream->captured_after;
    return stream->capture->valid() ? cudaSuccess : cudaErrorStreamCaptureInvalidated;
  }
  queue().record(stream, *event);
  return queue().lost();
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Call call;
  if (event->capture != nullptr)
    return refuse(cudaErrorCapturedEvent, "cudaEventSynchronize: the event was recorded in a capture");
  return event->record == nullptr ? cudaSuccess : queue().finish(event->record);
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  const Call call;
  if (event->capture != nullptr)
    return refuse(cudaErrorCapturedEvent, "cudaEventQuery: the event was recorded in a capture");
  return event->record == nullptr ? cudaSuccess : queue().query(event->record);
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  const Call call;
  for (const cudaEvent_t event : {begin, end}) {
    if (event->record == nullptr || event->capture != nullptr || !event->timed)
      return refuse(cudaErrorInvalidResourceHandle, "cudaEventElapsedTime: an event has no time");
    if (!event->record->done)
      return refuse(cudaErrorNotReady, "cudaEventElapsedTime: an event has not happened");
  }
  *milliseconds = static_cast<float>(end->record->time - begin->record->time);
  return cudaSuccess;
}
