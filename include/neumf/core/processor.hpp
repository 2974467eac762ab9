// The processor: what this build was compiled for, what this machine has, and which kernels run.
//
// A build for one processor (NEUMF_ARCH=native and others) has one set of kernels. A portable one has its
// kernels, the loops over numbers, three times: for the levels 2, 3 and 4 of the x86-64 ABI, which are
// SSE4.2, AVX2 with FMA, and AVX-512. Before main() the best is chosen that the processor has, or the level
// that NEUMF_KERNELS names (x86-64-v2, x86-64-v3 or x86-64-v4). Where the processor lacks what a build needs,
// every program ends there, with a line on standard error and status 1.
#pragma once

#include <string>

namespace neumf {

// The level whose kernels run: 2, 3 or 4; 0 in a build for one processor.
int kernel_level();

// From here on a lower level, or the same. Levels round differently, so ranks that compute the same
// parameters must take the same level: the least of all. To be called before anything is computed. Throws
// Error for a level that is higher, or not one of this build.
void set_kernel_level(int level);

// For people: "x86-64-v4", "x86-64-v3 (the processor has x86-64-v4)", "native (x86-64-v4)".
std::string kernels_name();
// "Intel(R) Xeon(R) Processor @ 2.50GHz"
std::string processor_name();

}  // namespace neumf
