#include "neumf/ops/deferred_adam.hpp"

#include "../instantiate.hpp"
#include "neumf/core/error.hpp"

namespace neumf::ops {

template <>
bool deferring_pays<Cuda>(std::uint64_t /*reads*/, std::int64_t /*rows*/) {
  return false;
}

template <class Device, class T>
std::unique_ptr<DeferredAdam<Device, T>> make_deferred_adam(std::vector<AdamTable<T>> users,
                                                            std::vector<AdamTable<T>> items) {
  require(users.empty() && items.empty(), "a GPU defers no updates of rows");
  return std::make_unique<DeferredAdam<Device, T>>();
}

NEUMF_FOR_EACH_TYPE(NEUMF_DEFERRED_ADAM, Cuda)

}  // namespace neumf::ops
