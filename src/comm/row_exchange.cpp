#include "neumf/comm/row_exchange.hpp"

namespace neumf {

RowShare row_share(std::int64_t rows, int rank, int ranks) {
  return {rows * rank / ranks, rows * (rank + 1) / ranks};
}

}  // namespace neumf
