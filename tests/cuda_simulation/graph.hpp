// Captures, and the graphs that come of them.
#pragma once

#include <memory>
#include <set>
#include <vector>

#include "queue.hpp"

namespace neumf::simulation {

// A capture that has begun and not ended. Streams join it by waiting for an event of it.
class Capture {
 public:
  Capture(CUstream_st& origin, std::uint64_t number) : origin_(origin), number_(number) { join(origin, {}); }
  ~Capture();

  cudaError_t add(CUstream_st& stream, WorkPtr work);
  void join(CUstream_st& stream, const std::set<std::size_t>& after);
  // A call that a capture does not allow: it is of no use any more.
  cudaError_t invalidate(cudaError_t status, const std::string& why);
  bool valid() const { return valid_; }
  CUstream_st& origin() const { return origin_; }
  std::uint64_t number() const { return number_; }
  // The streams that have work which the origin does not wait for, by number; 0 if there is none.
  std::uint64_t unjoined() const;
  Nodes nodes() const { return std::make_shared<const std::vector<Node>>(nodes_); }
  std::size_t size() const { return nodes_.size(); }

 private:
  CUstream_st& origin_;
  std::uint64_t number_;
  std::vector<Node> nodes_;
  std::vector<std::size_t> ends_;  // of chains
  std::set<CUstream_st*> streams_;
  bool valid_ = true;
};

// The capture that the calling program has begun, or null.
Capture* current_capture();

}  // namespace neumf::simulation
