#include "neumf/comm/row_exchange.hpp"

#include "neumf/core/error.hpp"

namespace neumf {

template <>
bool exchanges_rows<Cuda>() {
  return false;
}

template <>
std::unique_ptr<RowExchange<Cuda>> make_row_exchange<Cuda>(const Communicator& /*communicator*/,
                                                           std::int64_t /*rows*/) {
  fail("GPUs hold all items: use --item_embeddings replicated");
}

}  // namespace neumf
