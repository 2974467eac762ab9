// What ranks say to each other about the run itself: counts, metrics, errors, on the host through MPI.
// Gradients go through comm/gradient_reducer.hpp.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "neumf/core/error.hpp"

namespace neumf {

// An error that every rank knows of: all leave with the same status and rank 0 reports it once.
class CollectiveError : public Error {
 public:
  using Error::Error;
};

// Starts MPI for the life of the process. Throws Error if the MPI library cannot serve a process with
// threads.
class MpiSession {
 public:
  MpiSession(int& argc, char**& argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;
};

// Throws Error unless MPI, which `provided` this thread level, may be called beside threads that compute.
void require_thread_level(int provided);

// Throws Error naming the call unless `status` is MPI_SUCCESS.
void check_mpi(int status, const char* call);

class Communicator {
 public:
  // Of all ranks started together. Errors of MPI calls are returned, not fatal.
  static Communicator world();
  // Of this rank alone.
  static Communicator self();
  ~Communicator();
  Communicator(Communicator&& other) noexcept;
  Communicator& operator=(Communicator&&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_root() const { return rank_ == 0; }
  // Among the ranks on this machine.
  int node_rank() const { return node_rank_; }
  int node_size() const { return node_size_; }
  MPI_Comm mpi() const { return comm_; }
  MPI_Comm node() const { return node_; }

  // In place, over all ranks, however many values there are. T: int32, int64, uint64, float, double.
  template <class T>
  void allreduce_sum(std::span<T> values) const;
  template <class T>
  void allreduce_max(std::span<T> values) const;
  template <class T>
  void allreduce_min(std::span<T> values) const;
  template <class T>
  T sum(T value) const {
    allreduce_sum(std::span<T>(&value, 1));
    return value;
  }
  template <class T>
  T max(T value) const {
    allreduce_max(std::span<T>(&value, 1));
    return value;
  }
  // Every rank's value, by rank. T: trivially copyable.
  template <class T>
  std::vector<T> allgather(const T& value) const {
    return gathered(value, comm_, size_);
  }
  // Those of this machine's ranks, by node_rank().
  template <class T>
  std::vector<T> node_allgather(const T& value) const {
    return gathered(value, node_, node_size_);
  }
  std::string broadcast(std::string text, int root = 0) const;
  // The root's bytes reach all; as many on every rank.
  void broadcast(std::span<std::byte> bytes, int root = 0) const;
  // Bytes from this rank to another, and what that rank sent to this one, in the order of sending.
  void send(std::span<const std::byte> bytes, int to) const;
  void receive(std::span<std::byte> bytes, int from) const;
  void barrier() const;

  // Runs `work` on every rank. If it throws on any rank, all ranks throw CollectiveError with the message of
  // the lowest rank that failed, so that nobody waits for a rank that has gone.
  void together(const std::function<void()>& work) const;

 private:
  explicit Communicator(MPI_Comm parent);
  template <class T>
  static std::vector<T> gathered(const T& value, MPI_Comm comm, int ranks) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::vector<T> values(static_cast<std::size_t>(ranks));
    allgather_bytes(std::as_bytes(std::span(&value, 1)), values.data(), comm);
    return values;
  }
  static void allgather_bytes(std::span<const std::byte> own, void* all, MPI_Comm comm);

  MPI_Comm comm_ = MPI_COMM_NULL, node_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1, node_rank_ = 0, node_size_ = 1;
};

}  // namespace neumf
