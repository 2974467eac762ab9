// What ranks say to each other about the run itself: counts, metrics, errors, on the host through MPI.
// Gradients go through comm/gradient_reducer.hpp.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "neumf/core/error.hpp"

namespace neumf {

// An error that every rank knows of: all leave with the same status and rank 0 reports it once.
class CollectiveError : public Error {
 public:
  using Error::Error;
};

// Starts MPI for the life of the process.
class MpiSession {
 public:
  MpiSession(int& argc, char**& argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;
};

// Throws Error naming the call unless `status` is MPI_SUCCESS.
void check_mpi(int status, const char* call);

class Communicator {
 public:
  // Of all ranks started together. Errors of MPI calls are returned, not fatal.
  static Communicator world();
  // Of this rank alone.
  static Communicator self();
  // The same ranks, with messages of their own. Collective.
  Communicator duplicate() const { return Communicator(comm_); }
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

  // In place, over all ranks. T: int32, int64, uint64, float, double.
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
  // Every rank's value, by rank.
  std::vector<std::uint64_t> allgather(std::uint64_t value) const;
  std::string broadcast(std::string text, int root = 0) const;
  // Bytes from this rank to another, and what that rank sent to this one, in the order of sending.
  void send(std::span<const std::byte> bytes, int to) const;
  void receive(std::span<std::byte> bytes, int from) const;
  void barrier() const;

  // Runs `work` on every rank. If it throws on any rank, all ranks throw CollectiveError with the message of
  // the lowest rank that failed, so that nobody waits for a rank that has gone.
  void together(const std::function<void()>& work) const;

 private:
  explicit Communicator(MPI_Comm parent);

  MPI_Comm comm_ = MPI_COMM_NULL, node_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1, node_rank_ = 0, node_size_ = 1;
};

}  // namespace neumf
