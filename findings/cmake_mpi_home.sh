#!/usr/bin/env bash
# CMake ignores MPI_HOME where that directory has a compiler (bin/mpicc) and no launcher (bin/mpiexec).
#
# Versions: CMake 4.1.2 (the same with 3.25.1). Needs a C compiler, and an MPI with mpicc and mpiexec in the PATH.
# Expected: find_package(MPI) with MPI_HOME=DIR takes DIR/bin/mpicc if it is there.
# Seen: it looks for mpiexec first, in MPI_HOME and then everywhere, and for mpicc beside the one that it found. Without a
#   launcher in MPI_HOME it takes the system's MPI, without a word.
#     mpicc alone in MPI_HOME: the system's mpicc
#     mpicc and mpiexec in MPI_HOME: MPI_HOME's mpicc
# Why it matters: packages that split compiler and launcher (Intel MPI's wheels impi-devel and impi-rt) meet this; a program
#   built for the wrong MPI becomes many runs of one rank under the launcher of the right one.
source "$(dirname "$0")/common.sh"
fresh cmake==4.1.2

mkdir -p mpi/bin source
# wrapper NAME: the system's program, under MPI_HOME
wrapper() {
  local program
  program=$(command -v "$1") || { echo "no $1 in the PATH: no answer" >&2; exit 2; }
  printf '#!/bin/sh\nexec %s "$@"\n' "$program" >"mpi/bin/$1"
  chmod +x "mpi/bin/$1"
}
cat >source/CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(mpi_home C)
find_package(MPI REQUIRED COMPONENTS C)
CMAKE
# found BUILD: whose mpicc CMake takes
found() {
  environment/bin/cmake -S source -B "$1" -DMPI_HOME="$folder/mpi" >log 2>&1 || { cat log >&2; exit 2; }
  if grep -q "^MPI_C_COMPILER:FILEPATH=$folder/mpi/bin/mpicc$" "$1/CMakeCache.txt"; then echo "MPI_HOME's mpicc"; else echo "the system's mpicc"; fi
}
wrapper mpicc
alone=$(found alone)
wrapper mpiexec
both=$(found both)
echo "mpicc alone in MPI_HOME: $alone"
echo "mpicc and mpiexec in MPI_HOME: $both"
[[ $alone == "the system's mpicc" && $both == "MPI_HOME's mpicc" ]] || changed "MPI_HOME is read otherwise"
echo "unchanged: MPI_HOME needs a launcher"
