// A piece of memory that all ranks of one machine see: each owns one T and can read the others'.
#pragma once

#include <exception>
#include <new>

#include "neumf/comm/communicator.hpp"
#include "neumf/comm/mpi_type.hpp"

namespace neumf {

// T is written and read without MPI: use atomics.
template <class T>
class NodeMemory {
 public:
  // Collective over the node's ranks; so is the destructor, except after an exception, which this rank may be
  // alone with. Every T is default constructed.
  explicit NodeMemory(const Communicator& communicator)
      : rank_(communicator.node_rank()), size_(communicator.node_size()) {
    // The first rank owns it all: one contiguous array.
    const MPI_Aint bytes = rank_ == 0 ? static_cast<MPI_Aint>(sizeof(T)) * size_ : 0;
    void* own = nullptr;
    check_mpi(MPI_Win_allocate_shared(bytes, mpi_count(sizeof(T)), MPI_INFO_NULL, communicator.node(), &own,
                                      &window_),
              "MPI_Win_allocate_shared");
    MPI_Aint size = 0;
    int unit = 0;
    check_mpi(MPI_Win_shared_query(window_, 0, &size, &unit, &own), "MPI_Win_shared_query");
    slots_ = static_cast<T*>(own);
    new (slots_ + rank_) T();
    check_mpi(MPI_Barrier(communicator.node()), "MPI_Barrier");
  }
  ~NodeMemory() {
    if (std::uncaught_exceptions() == 0) MPI_Win_free(&window_);
  }
  NodeMemory(const NodeMemory&) = delete;
  NodeMemory& operator=(const NodeMemory&) = delete;

  int size() const { return size_; }
  T& own() { return slots_[rank_]; }
  T& operator[](int node_rank) { return slots_[node_rank]; }

 private:
  int rank_, size_;
  MPI_Win window_ = MPI_WIN_NULL;
  T* slots_ = nullptr;
};

}  // namespace neumf
