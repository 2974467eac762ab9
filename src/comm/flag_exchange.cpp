#include "neumf/comm/flag_exchange.hpp"

#include <exception>
#include <utility>

#include "neumf/comm/mpi_type.hpp"

namespace neumf {

FlagExchange::FlagExchange(const Communicator& communicator) : alone_(communicator.size() == 1) {
  if (alone_) return;
  check_mpi(MPI_Comm_dup(communicator.mpi(), &comm_), "MPI_Comm_dup");
}

FlagExchange::~FlagExchange() {
  if (std::uncaught_exceptions() != 0) return;
  if (request_ != MPI_REQUEST_NULL) MPI_Wait(&request_, MPI_STATUS_IGNORE);
  if (comm_ != MPI_COMM_NULL) MPI_Comm_free(&comm_);
}

void FlagExchange::begin(std::uint32_t flags) {
  sent_ = flags;
  begun_ = true;
  if (alone_) {
    received_ = flags;
    return;
  }
  check_mpi(MPI_Iallreduce(&sent_, &received_, 1, mpi_type<std::uint32_t>(), MPI_BOR, comm_, &request_),
            "MPI_Iallreduce");
}

bool FlagExchange::arrived() {
  if (!begun_ || request_ == MPI_REQUEST_NULL) return begun_;
  int done = 0;
  check_mpi(MPI_Test(&request_, &done, MPI_STATUS_IGNORE), "MPI_Test");
  return done != 0;
}

std::uint32_t FlagExchange::end() {
  if (!alone_) check_mpi(MPI_Wait(&request_, MPI_STATUS_IGNORE), "MPI_Wait");
  begun_ = false;
  return std::exchange(received_, 0);
}

}  // namespace neumf
