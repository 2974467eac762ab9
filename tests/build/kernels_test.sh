#!/usr/bin/env bash
# How a portable build makes one program of kernels for several processors (cmake/NeumfKernels.cmake), with a program of
# three small files: every level is called by itself alone, and code for all processors never calls one.
#
#   kernels_test.sh SOURCE_DIRECTORY
source "$(dirname "$0")/../checks.sh"
source_directory=$1
[[ $(uname -sm) == "Linux x86_64" ]] || { echo "skipped: portable builds are for Linux on x86-64"; exit 77; }
unset NEUMF_KERNELS
cmake -S "$source_directory/tests/build/kernels" -B "$work/build" -DNEUMF="$source_directory" \
  -DCMAKE_BUILD_TYPE=Release >"$work/log" 2>&1 && cmake --build "$work/build" >"$work/log" 2>&1 ||
  fail "does not build: $(<"$work/log")"
((failures == 0)) || finish
program=$work/build/kernels

best=$("$program") || fail "$best"
echo "this processor: $best"
best=${best#x86-64-v}
for level in 2 3 4; do
  output=$(NEUMF_KERNELS=x86-64-v$level "$program" 2>&1)
  status=$?
  if ((level > best)); then
    [[ $status == 1 && $output == "kernels: error: NEUMF_KERNELS=x86-64-v$level: this processor has x86-64-v$best" ]] ||
      fail "level $level of $best: status $status, $output"
  else
    [[ $status == 0 && $output == "x86-64-v$level"* ]] || fail "level $level of $best: status $status, $output"
    # As ranks agree on the least.
    output=$("$program" "$level" 2>&1) && [[ $output == "x86-64-v$level"* ]] || fail "lowered to $level: $output"
  fi
done
output=$(NEUMF_KERNELS=avx2 "$program" 2>&1) && fail "NEUMF_KERNELS=avx2 is taken"
[[ $output == *"must be x86-64-v2, x86-64-v3 or x86-64-v4" ]] || fail "NEUMF_KERNELS=avx2: $output"

"$(dirname "$0")/vector_registers.sh" "$program" || fail "vector registers"

echo "a kernel that initialises a global object"
sed 's/^namespace {/&\nconst std::vector<int> global(3);/' "$source_directory/tests/build/kernels/sums.cpp" >"$work/global.cpp"
mkdir "$work/global.dir"
c++ -std=c++20 -I"$source_directory/include" -I"$source_directory/tests/build/kernels" -c "$work/global.cpp" \
  -o "$work/global.dir/global.o" || fail "compiling"
sh "$source_directory/cmake/kernels.sh" readelf objcopy "$work/out" v2 "$work/global.dir/global.o" 2>"$work/log" &&
  fail "is taken"
grep -F "a kernel must not" "$work/log" >/dev/null || fail "$(<"$work/log")"
finish
