// What functions shared by both devices compute, gathered so that two compilers can be compared.
#pragma once

#include <cstdint>
#include <vector>

namespace neumf::test {

struct SharedResults {
  std::vector<std::uint32_t> philox, items, kept;
  std::vector<std::uint64_t> shuffled;
  std::vector<std::uint32_t> widened;   // bits of every fp16 and every bf16 number as float
  std::vector<std::uint16_t> narrowed;  // floats of all magnitudes as fp16 and bf16
  std::vector<float> units, steps;      // open_unit; what decide_update derives
};

// As nvcc's host compilation has it (shared_functions.cu).
SharedResults shared_results_of_nvcc();

}  // namespace neumf::test
