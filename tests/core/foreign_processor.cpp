// Never gets here: see foreign_processor.sh.
#include "neumf/core/processor.hpp"

int main() {
  return neumf::kernel_level() >= 0 ? 0 : 1;
}
