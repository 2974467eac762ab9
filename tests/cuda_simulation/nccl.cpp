// NCCL between processes of one machine, over shared memory, with the rules that it does not check itself:
// every rank must call the same collectives in the same order with the same count and type, and a collective
// that is recorded into a graph on one rank must be so on all of them, in the same capture.
#include <nccl.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "access.hpp"
#include "fault.hpp"
#include "graph.hpp"
#include "memory.hpp"
#include "neumf/core/types.hpp"
#include "queue.hpp"
#include "runtime.hpp"

namespace neumf::simulation {
namespace {

constexpr int max_ranks = 16;
constexpr std::size_t room_bytes = std::size_t{64} << 20;  // for one rank's part of a collective

// What a rank says that it does.
struct Call {
  std::uint64_t count = 0;
  std::int32_t type = 0, operation = 0;
  std::uint64_t capture = 0, within = 0;  // number of the capture, from 1, and place in it; 0 if not captured

  bool operator==(const Call&) const = default;
  std::string text() const {
    const std::string what = fmt::format("an allreduce of {} elements of type {}", count, type);
    if (capture == 0) return what + ", not captured";
    return what + fmt::format(", number {} of capture {}", within, capture);
  }
};

struct Seat {
  std::atomic<std::uint64_t> posted{0}, finished{0};  // collectives
  std::atomic<int> joined{0}, gone{0};
  int gpu = 0;
  Call calls[2];
};

struct Table {
  Seat seats[max_ranks];
};

std::size_t offset_of(int rank, std::uint64_t number) {
  return sizeof(Table) + (static_cast<std::size_t>(rank) * 2 + number % 2) * room_bytes;
}

struct Identity {
  char path[100];
};

}  // namespace
}  // namespace neumf::simulation

using namespace neumf::simulation;

struct ncclComm {
  int rank = 0, ranks = 0;
  Table* table = nullptr;
  std::size_t bytes = 0;
  std::uint64_t next = 0;  // collectives begun by the device
  std::uint64_t captures = 0, last_capture = 0, within = 0;
  std::shared_ptr<int> graphs = std::make_shared<int>(0);  // shared with every recorded collective
  bool destroyed = false, aborted = false;

  ~ncclComm() {
    if (table != nullptr) munmap(table, bytes);
  }
  std::byte* room(int of_rank, std::uint64_t number) const {
    return reinterpret_cast<std::byte*>(table) + offset_of(of_rank, number);
  }
};

namespace neumf::simulation {
namespace {

std::string last_error_text;

template <class... Arguments>
ncclResult_t refuse_nccl(ncclResult_t status, fmt::format_string<Arguments...> format,
                         Arguments&&... arguments) {
  last_error_text = fmt::format(format, std::forward<Arguments>(arguments)...);
  return status;
}

std::size_t size_of(ncclDataType_t type) {
  return type == ncclFloat ? 4 : 2;
}

// The rank with which sums begin, the same on all ranks: of a ring's order NCCL promises that it stays,
// otherwise the seed draws one for each collective.
int first_of_sum(const ncclComm& comm, std::uint64_t number) {
  const char* algorithm = std::getenv("NCCL_ALGO");
  if (algorithm != nullptr && std::strcmp(algorithm, "Ring") == 0) return 0;
  const auto seed = static_cast<std::uint64_t>(setting("NEUMF_SIM_SEED", 1));
  return static_cast<int>((seed * 2654435761u + number * 40503u) / 64 %
                          static_cast<std::uint64_t>(comm.ranks));
}

template <class T>
void sum(const ncclComm& comm, std::uint64_t number, std::size_t count, T* out) {
  const int first = first_of_sum(comm, number);
  for (std::size_t i = 0; i < count; ++i) {
    float total = 0;
    for (int k = 0; k < comm.ranks; ++k) {
      T value;
      std::memcpy(&value, comm.room((first + k) % comm.ranks, number) + i * sizeof(T), sizeof(T));
      // As on the wire: each addition is rounded to the type.
      total = to_float(from_float<T>(total + to_float(value)));
    }
    out[i] = from_float<T>(total);
  }
}

// One attempt: gives this rank's part, and takes the sum once all ranks have given theirs.
bool attempt(ncclComm& comm, Run& run, const Call& call, const void* send, void* receive) {
  if (comm.aborted) return true;
  const auto type = static_cast<ncclDataType_t>(call.type);
  const std::size_t bytes = call.count * size_of(type);
  if (run.ticket < 0) run.ticket = static_cast<std::int64_t>(comm.next++);
  const auto number = static_cast<std::uint64_t>(run.ticket);
  Seat& own = comm.table->seats[comm.rank];
  const auto everyone = [&](auto has) {
    return std::all_of(comm.table->seats, comm.table->seats + comm.ranks, has);
  };
  if (own.posted.load() == number) {
    // The room was used two collectives ago.
    if (number >= 2 && !everyone([&](const Seat& seat) { return seat.finished.load() >= number - 1; }))
      return false;
    access(send, bytes, false);
    std::memcpy(comm.room(comm.rank, number), send, bytes);
    own.calls[number % 2] = call;
    own.posted.store(number + 1);
  }
  if (!everyone([&](const Seat& seat) { return seat.posted.load() > number; })) return false;
  for (int rank = 0; rank < comm.ranks; ++rank) {
    const Call& other = comm.table->seats[rank].calls[number % 2];
    require(other == call,
            "collective {} is {} on rank {}, and {} on rank {}: NCCL would hang or mix them up", number,
            call.text(), comm.rank, other.text(), rank);
  }
  access(receive, bytes, true);
  if (type == ncclFloat)
    sum(comm, number, call.count, static_cast<float*>(receive));
  else if (type == ncclHalf)
    sum(comm, number, call.count, static_cast<float16*>(receive));
  else
    sum(comm, number, call.count, static_cast<bfloat16*>(receive));
  own.finished.store(number + 1);
  return true;
}

void leave(ncclComm_t comm, const char* call) {
  if (comm->graphs.use_count() > 1)
    fault("{} while graphs that hold {} of the communicator's collectives exist: NCCL waits for ever", call,
          comm->graphs.use_count() - 1);
  comm->table->seats[comm->rank].gone.store(1);
  comm->destroyed = true;
}

}  // namespace
}  // namespace neumf::simulation

const char* ncclGetErrorString(ncclResult_t status) {
  return status == ncclSuccess ? "no error" : status == ncclRemoteError ? "remote error" : "invalid usage";
}
const char* ncclGetLastError(ncclComm_t /*comm*/) {
  return last_error_text.c_str();
}
ncclResult_t ncclGetVersion(int* version) {
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  Identity identity{};
  const auto path = fmt::format("/tmp/neumf_sim_nccl_{}_{}", getpid(),
                                std::chrono::steady_clock::now().time_since_epoch().count());
  std::memcpy(identity.path, path.c_str(), std::min(path.size(), sizeof(identity.path) - 1));
  const int file = open(identity.path, O_CREAT | O_EXCL | O_RDWR, 0600);
  // Sparse: what is not used takes no space.
  const bool made = file >= 0 && ftruncate(file, static_cast<off_t>(offset_of(max_ranks, 0))) == 0;
  if (file >= 0) close(file);
  if (!made) return refuse_nccl(ncclSystemError, "{} cannot be made", path);
  *id = {};
  std::memcpy(id, &identity, sizeof(identity));
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank) {
  Identity identity{};
  std::memcpy(&identity, &id, sizeof(identity));
  if (ranks > max_ranks)
    return refuse_nccl(ncclInvalidArgument, "the simulation has {} ranks at most", max_ranks);
  auto fresh = std::make_unique<ncclComm>();
  fresh->rank = rank;
  fresh->ranks = ranks;
  fresh->bytes = offset_of(max_ranks, 0);
  const int file = open(identity.path, O_RDWR);
  if (file < 0) return refuse_nccl(ncclSystemError, "{} cannot be opened", identity.path);
  void* data = mmap(nullptr, fresh->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (data == MAP_FAILED) return refuse_nccl(ncclSystemError, "{} cannot be mapped", identity.path);
  fresh->table = static_cast<Table*>(data);
  Seat* seats = fresh->table->seats;
  seats[rank].gpu = current_gpu();
  seats[rank].joined.store(1);
  while (!std::all_of(seats, seats + ranks, [](const Seat& seat) { return seat.joined.load() != 0; }))
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  if (rank == 0) unlink(identity.path);
  for (int other = 0; other < ranks; ++other)
    if (other != rank && seats[other].gpu == seats[rank].gpu)
      return refuse_nccl(ncclInvalidUsage, "ranks {} and {} use one GPU", rank, other);
  // Others wait for what this device does, even while its host is busy.
  queue().progress_beside_host();
  *comm = fresh.release();
  return ncclSuccess;
}

ncclResult_t ncclAllReduce(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                           ncclRedOp_t operation, ncclComm_t comm, cudaStream_t stream) {
  const std::lock_guard lock(queue().mutex());
  queue().called();
  if (comm->destroyed) return refuse_nccl(ncclInvalidArgument, "the communicator was destroyed");
  if (operation != ncclSum || (type != ncclFloat && type != ncclHalf && type != ncclBfloat16))
    return refuse_nccl(ncclInvalidArgument, "only sums of floating-point numbers are simulated");
  if (count * size_of(type) > room_bytes)
    return refuse_nccl(ncclInvalidArgument, "{} elements are more than the simulation holds", count);
  if (!queue().owns(stream)) return refuse_nccl(ncclInvalidArgument, "the stream does not exist");
  for (const void* data : {send, static_cast<const void*>(receive)})
    if (const auto why = memory().fault_of(data, count * size_of(type)); !why.empty())
      return refuse_nccl(ncclInvalidArgument, "{}", why);
  Call call;
  call.count = count;
  call.type = type;
  call.operation = operation;
  std::shared_ptr<int> recorded;
  if (stream->capture != nullptr) {
    if (comm->last_capture != stream->capture->number()) {
      comm->last_capture = stream->capture->number();
      ++comm->captures;
      comm->within = 0;
    }
    call.capture = comm->captures;
    call.within = ++comm->within;
    recorded = comm->graphs;
  }
  Work work;
  work.name = "ncclAllReduce";
  work.pointers = {send, receive};
  work.run = [comm, call, send, receive, recorded](Run& run) {
    return attempt(*comm, run, call, send, receive);
  };
  const auto status = queue().submit(stream, std::move(work));
  return status == cudaSuccess ? ncclSuccess : refuse_nccl(ncclUnhandledCudaError, "{}", last_reason());
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* status) {
  // NCCL need not notice that a rank of its own machine has ended, so nothing is noticed here.
  // NEUMF_SIM_NCCL_ERROR=N: an error comes up after N collectives.
  const auto after = setting("NEUMF_SIM_NCCL_ERROR", -1);
  *status = after >= 0 && comm->next >= static_cast<std::uint64_t>(after)
                ? refuse_nccl(ncclRemoteError, "a rank has gone, says NEUMF_SIM_NCCL_ERROR")
                : ncclSuccess;
  return ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  const std::lock_guard lock(queue().mutex());
  if (queue().finish_all() != cudaSuccess) return refuse_nccl(ncclUnhandledCudaError, "{}", last_reason());
  leave(comm, "ncclCommDestroy");
  if (comm->graphs.use_count() == 1) delete comm;
  return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  const std::lock_guard lock(queue().mutex());
  leave(comm, "ncclCommAbort");
  comm->aborted = true;  // what it still has in the streams ends without a result
  return ncclSuccess;
}
