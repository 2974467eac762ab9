#include "neumf/comm/communicator.hpp"

#include <algorithm>
#include <utility>

namespace neumf {
namespace {

template <class T>
MPI_Datatype datatype();
template <>
MPI_Datatype datatype<std::int32_t>() {
  return MPI_INT32_T;
}
template <>
MPI_Datatype datatype<std::int64_t>() {
  return MPI_INT64_T;
}
template <>
MPI_Datatype datatype<std::uint64_t>() {
  return MPI_UINT64_T;
}
template <>
MPI_Datatype datatype<float>() {
  return MPI_FLOAT;
}
template <>
MPI_Datatype datatype<double>() {
  return MPI_DOUBLE;
}

template <class T>
void allreduce(std::span<T> values, MPI_Op op, MPI_Comm comm) {
  check_mpi(
      MPI_Allreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), datatype<T>(), op, comm),
      "MPI_Allreduce");
}

// MPI counts in int: calls transfer(data, count) for pieces of at most 1 GiB.
template <class Byte, class Transfer>
void in_pieces(std::span<Byte> bytes, const Transfer& transfer) {
  constexpr std::size_t piece = std::size_t{1} << 30;
  for (std::size_t first = 0; first < bytes.size(); first += piece)
    transfer(bytes.data() + first, static_cast<int>(std::min(piece, bytes.size() - first)));
}

}  // namespace

void check_mpi(int status, const char* call) {
  if (status == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(status, text, &length);
  fail("{} failed: {}", call, text);
}

MpiSession::MpiSession(int& argc, char**& argv) {
  int provided = 0;
  // OpenMP threads compute; only the main thread calls MPI.
  check_mpi(MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
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

std::vector<std::uint64_t> Communicator::allgather(std::uint64_t value) const {
  std::vector<std::uint64_t> values(static_cast<std::size_t>(size_));
  check_mpi(MPI_Allgather(&value, 1, MPI_UINT64_T, values.data(), 1, MPI_UINT64_T, comm_), "MPI_Allgather");
  return values;
}

std::string Communicator::broadcast(std::string text, int root) const {
  std::uint64_t size = text.size();
  check_mpi(MPI_Bcast(&size, 1, MPI_UINT64_T, root, comm_), "MPI_Bcast");
  text.resize(size);
  in_pieces(std::as_writable_bytes(std::span(text)), [&](std::byte* data, int count) {
    check_mpi(MPI_Bcast(data, count, MPI_BYTE, root, comm_), "MPI_Bcast");
  });
  return text;
}

void Communicator::send(std::span<const std::byte> bytes, int to) const {
  in_pieces(bytes, [&](const std::byte* data, int count) {
    check_mpi(MPI_Send(data, count, MPI_BYTE, to, 0, comm_), "MPI_Send");
  });
}

void Communicator::receive(std::span<std::byte> bytes, int from) const {
  in_pieces(bytes, [&](std::byte* data, int count) {
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
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, &failed_rank, 1, MPI_INT32_T, MPI_MIN, comm_), "MPI_Allreduce");
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
