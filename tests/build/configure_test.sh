#!/usr/bin/env bash
# What CMake makes of its surroundings: a CUDA compiler that does not work, and the choice of the MPI.
#
#   configure_test.sh SOURCE_DIRECTORY
source "$(dirname "$0")/../checks.sh"
source_directory=$1
# configure NAME [OPTION...]: leaves what CMake says in $work/log.
configure() {
  local name=$1
  shift
  cmake -S "$source_directory" -B "$work/$name" -DNEUMF_TESTS=OFF -DNEUMF_BENCH=OFF "$@" >"$work/log" 2>&1
}
expect() { grep -qF -- "$1" "$work/log" || fail "no '$1' in: $(<"$work/log")"; }

echo "a CUDA compiler without its toolkit"
mkdir "$work/bin"
printf '#!/bin/sh\necho "nvcc fatal: Could not open input file cuda_runtime.h" >&2\nexit 1\n' >"$work/bin/nvcc"
chmod +x "$work/bin/nvcc"
unset CUDACXX CUDA_HOME CUDA_PATH
PATH=$work/bin:$PATH configure auto -DNEUMF_CUDA=AUTO || fail "AUTO does not fall back: $(<"$work/log")"
expect "GPU: no, $work/bin/nvcc cannot build a program"
PATH=$work/bin:$PATH configure on -DNEUMF_CUDA=ON && fail "ON accepts a compiler that does not work"
expect "$work/bin/nvcc cannot build a program"

echo "the choice of the MPI"
configure cxx -DNEUMF_CUDA=OFF -DMPI_CXX_COMPILER=/opt/other/bin/mpicxx && fail "MPI_CXX_COMPILER is ignored"
expect "MPI_HOME=DIRECTORY"
# An MPI of its own directory: the one of this machine under another path. CMake starts from the mpiexec that it finds, and
# without one there MPI_HOME would have no effect.
mkdir -p "$work/other/bin"
for name in mpicc mpiexec; do
  printf '#!/bin/sh\nexec %s "$@"\n' "$(command -v $name)" >"$work/other/bin/$name"
  chmod +x "$work/other/bin/$name"
done
configure home -DNEUMF_CUDA=OFF -DMPI_HOME="$work/other" || fail "MPI_HOME: $(<"$work/log")"
grep -q "^MPI_C_COMPILER:FILEPATH=$work/other/bin/mpicc" "$work/home/CMakeCache.txt" || fail "MPI_HOME has no effect"
configure nowhere -DNEUMF_CUDA=OFF -DMPI_HOME="$work/nowhere" && fail "an MPI_HOME that is none is ignored"
expect "has no bin/mpiexec"
finish
