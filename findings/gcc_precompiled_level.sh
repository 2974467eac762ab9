#!/usr/bin/env bash
# A file that GCC compiles with -O3 behind a header precompiled with -O2 is compiled with -O2, if it includes <immintrin.h>.
#
# Versions: GCC 12.2.0 and 14.2.0 (Debian 12 and 13), x86-64; no package is needed but g++ and binutils.
# Expected: the level of the command line, as without the header of vector intrinsics, or a warning of -Winvalid-pch, which
#   GCC gives where levels 0 and 2 meet.
# Seen: the object is, byte for byte in its code, that of -O2, and nothing is said. Without <immintrin.h>, without the
#   precompiled header, or with one precompiled with -O3 it is that of -O3.
# Why it matters: kernels with intrinsics get -O3 by themselves in a project that is compiled with -O2, and its build system
#   precompiles headers with the project's level. One training step that was compiled so ran at 0.6 of its speed. Compile
#   such files without the precompiled header.
source "$(dirname "$0")/common.sh"
for tool in g++ objcopy; do command -v "$tool" >/dev/null || { echo "needs $tool: no answer" >&2; exit 2; }; done
version=$(g++ -dumpfullversion)
[[ $version == 12.* || $version == 14.* ]] || { echo "seen with GCC 12 and 14, not $version: no answer" >&2; exit 2; }
fresh_folder

echo '#include <vector>' >all.hpp
cat >scale.cpp <<'CPP'
#include "all.hpp"
#ifdef INTRINSICS
#include <immintrin.h>
#endif

void scale(float* y, const float* x, long n) {
  for (long i = 0; i < n; ++i) y[i] = 3 * x[i] + y[i] / 2;
}
CPP
# code NAME FLAGS...: the machine code alone
code() {
  g++ "${@:2}" -Winvalid-pch -c scale.cpp -o "$1.o" 2>"$1.warnings"
  objcopy -O binary -j .text "$1.o" "$1.code"
}
code o2 -O2 -DINTRINSICS
code o3 -O3 -DINTRINSICS
cmp -s o2.code o3.code && changed "-O2 and -O3 give the same code without a precompiled header"
for level in 2 3; do
  g++ -O$level all.hpp -o all.hpp.gch
  code "intrinsics$level" -O3 -DINTRINSICS
  code "plain$level" -O3
  rm all.hpp.gch
done
[[ -s intrinsics2.warnings ]] && changed "GCC $version warns: $(<intrinsics2.warnings)"
cmp -s intrinsics2.code o2.code || changed "behind a header of -O2 the code is not that of -O2"
for same in intrinsics3 plain2 plain3; do cmp -s $same.code o3.code || changed "$same is not compiled with -O3"; done
echo "GCC $version: -O3 behind a header precompiled with -O2 and <immintrin.h>: the code of -O2, without a warning"
