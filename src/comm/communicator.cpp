#include "neumf/comm/communicator.hpp"

#include <utility>

#include "neumf/comm/launcher.hpp"
#include "neumf/comm/mpi_type.hpp"

namespace neumf {
namespace {

// Elements in one reduction: far below what MPI counts, and small enough that the library's temporary memory
// stays small.
constexpr std::size_t reduced_at_once = std::size_t{1} << 24;
// Bytes in one message.
constexpr std::size_t sent_at_once = std::size_t{1} << 30;

template <class T>
void allreduce(std::span<T> values, MPI_Op op, MPI_Comm comm) {
  in_mpi_pieces(values, reduced_at_once, [&](T* data, int count) {
    check_mpi(MPI_Allreduce(MPI_IN_PLACE, data, count, mpi_type<T>(), op, comm), "MPI_Allreduce");
  });
}

}  // namespace

void check_mpi(int status, const char* call) {
  if (status == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(status, text, &length);
  fail("{} failed: {}", call, text);
}

void require_thread_level(int provided) {
  // OpenMP threads compute and a thread writes checkpoints; only the main thread calls MPI. The levels
  // ascend.
  require(
      provided >= MPI_THREAD_FUNNELED,
      "this MPI library provides thread level {}, for programs without threads, but {} (MPI_THREAD_FUNNELED) "
      "is needed: use a build of MPI with support for threads",
      provided, int{MPI_THREAD_FUNNELED});  // an enumerator in some MPIs
}

MpiSession::MpiSession(int& argc, char**& argv) {
  int provided = 0;
  // Below the highest level, ranks of MPICH 5.0.2 that wait here hardly ever yield, whatever its variables
  // say: four on two cores took six times as long.
  const int wanted = is_crowded(LauncherKind::mpich) ? MPI_THREAD_MULTIPLE : MPI_THREAD_FUNNELED;
  check_mpi(MPI_Init_thread(&argc, &argv, wanted, &provided), "MPI_Init_thread");
  try {
    require_thread_level(provided);
  } catch (const Error&) {
    MPI_Finalize();
    throw;
  }
}

MpiSession::~MpiSession() {
  MPI_Finalize();
}

Communicator Communicator::world() {
  return Communicator(MPI_COMM_WORLD);
}

Communicator Communicator::self() {
  return Communicator(MPI_COMM_SELF);
}

Communicator::Communicator(MPI_Comm parent) {
  check_mpi(MPI_Comm_dup(parent, &comm_), "MPI_Comm_dup");
  check_mpi(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check_mpi(MPI_Comm_rank(comm_, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(comm_, &size_), "MPI_Comm_size");
  check_mpi(MPI_Comm_split_type(comm_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node_),
            "MPI_Comm_split_type");
  check_mpi(MPI_Comm_set_errhandler(node_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check_mpi(MPI_Comm_rank(node_, &node_rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(node_, &node_size_), "MPI_Comm_size");
}

Communicator::~Communicator() {
  if (node_ != MPI_COMM_NULL) MPI_Comm_free(&node_);
  if (comm_ != MPI_COMM_NULL) MPI_Comm_free(&comm_);
}

Communicator::Communicator(Communicator&& other) noexcept
    : comm_(std::exchange(other.comm_, MPI_COMM_NULL)),
      node_(std::exchange(other.node_, MPI_COMM_NULL)),
      rank_(other.rank_),
      size_(other.size_),
      node_rank_(other.node_rank_),
      node_size_(other.node_size_) {}

template <class T>
void Communicator::allreduce_sum(std::span<T> values) const {
  allreduce(values, MPI_SUM, comm_);
}

template <class T>
void Communicator::allreduce_max(std::span<T> values) const {
  allreduce(values, MPI_MAX, comm_);
}

template <class T>
void Communicator::allreduce_min(std::span<T> values) const {
  allreduce(values, MPI_MIN, comm_);
}

void Communicator::allgather_bytes(std::span<const std::byte> own, void* all, MPI_Comm comm) {
  const int count = mpi_count(own.size());
  check_mpi(MPI_Allgather(own.data(), count, MPI_BYTE, all, count, MPI_BYTE, comm), "MPI_Allgather");
}

std::string Communicator::broadcast(std::string text, int root) const {
  std::uint64_t size = text.size();
  broadcast(std::as_writable_bytes(std::span(&size, 1)), root);
  text.resize(size);
  broadcast(std::as_writable_bytes(std::span(text)), root);
  return text;
}

void Communicator::broadcast(std::span<std::byte> bytes, int root) const {
  in_mpi_pieces(bytes, sent_at_once, [&](std::byte* data, int count) {
    check_mpi(MPI_Bcast(data, count, MPI_BYTE, root, comm_), "MPI_Bcast");
  });
}

void Communicator::send(std::span<const std::byte> bytes, int to) const {
  in_mpi_pieces(bytes, sent_at_once, [&](const std::byte* data, int count) {
    check_mpi(MPI_Send(data, count, MPI_BYTE, to, 0, comm_), "MPI_Send");
  });
}

void Communicator::receive(std::span<std::byte> bytes, int from) const {
  in_mpi_pieces(bytes, sent_at_once, [&](std::byte* data, int count) {
    check_mpi(MPI_Recv(data, count, MPI_BYTE, from, 0, comm_, MPI_STATUS_IGNORE), "MPI_Recv");
  });
}

void Communicator::barrier() const {
  check_mpi(MPI_Barrier(comm_), "MPI_Barrier");
}

void Communicator::together(const std::function<void()>& work) const {
  std::string message;
  std::int32_t failed_rank = size_;  // the lowest rank that failed, or size
  try {
    work();
  } catch (const CollectiveError&) {
    throw;  // the others know already
  } catch (const std::exception& error) {
    message = error.what();
    failed_rank = rank_;
  }
  allreduce_min(std::span(&failed_rank, 1));
  if (failed_rank < size_) throw CollectiveError(broadcast(message, failed_rank));
}

#define NEUMF_INSTANTIATE(T)                                        \
  template void Communicator::allreduce_sum<T>(std::span<T>) const; \
  template void Communicator::allreduce_max<T>(std::span<T>) const; \
  template void Communicator::allreduce_min<T>(std::span<T>) const;
NEUMF_INSTANTIATE(std::int32_t)
NEUMF_INSTANTIATE(std::int64_t)
NEUMF_INSTANTIATE(std::uint64_t)
NEUMF_INSTANTIATE(float)
NEUMF_INSTANTIATE(double)
#undef NEUMF_INSTANTIATE

}  // namespace neumf
