#include "shared_functions_impl.hpp"

namespace neumf::test {

SharedResults shared_results_of_nvcc() {
  return compute_shared_results();
}

}  // namespace neumf::test
