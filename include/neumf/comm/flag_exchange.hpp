// Agreement between ranks while they compute: what one rank wants (stop, save) becomes known to all at the
// same point of their work, without waiting for a message's way through the network.
#pragma once

#include <cstdint>

#include "neumf/comm/communicator.hpp"

namespace neumf {

// Bitwise or of all ranks' flags. begin() sends this rank's, end() returns all that were sent by the same
// begin() of every rank; between the two the ranks go on. With one rank it does nothing but remember.
class FlagExchange {
 public:
  // Collective.
  explicit FlagExchange(const Communicator& communicator);
  // Waits for an exchange that has begun, except after an exception, which this rank may be alone with.
  ~FlagExchange();
  FlagExchange(const FlagExchange&) = delete;
  FlagExchange& operator=(const FlagExchange&) = delete;

  void begin(std::uint32_t flags);
  // Whether there is an exchange to end.
  bool begun() const { return begun_; }
  // Whether there is one, and end() would not wait for it.
  bool arrived();
  // 0 if nothing has begun.
  std::uint32_t end();

 private:
  bool alone_, begun_ = false;
  // Of its own, so that its messages do not count among other collective calls, whose order they could not
  // keep.
  MPI_Comm comm_ = MPI_COMM_NULL;
  MPI_Request request_ = MPI_REQUEST_NULL;
  std::uint32_t sent_ = 0, received_ = 0;
};

}  // namespace neumf
