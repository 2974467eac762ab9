#include "neumf/ops/whole_step.hpp"

#include "../instantiate.hpp"

namespace neumf::ops {

// A GPU goes operation by operation.
template <class Device, class T>
std::unique_ptr<WholeStep<Device, T>> make_whole_step(const TrainedModel<T>& /*model*/,
                                                      std::int32_t /*group_size*/) {
  return nullptr;
}

NEUMF_FOR_EACH_TYPE(NEUMF_WHOLE_STEP, Cuda)

}  // namespace neumf::ops
