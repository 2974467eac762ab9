#!/usr/bin/env bash
# What neumf asks of MPI, under MPICH, which Debian installs beside Open MPI: the communicator's tests, built with
# mpicxx.mpich, on 1, 2 and 4 ranks.
#
#   mpich_test.sh SOURCE_DIRECTORY       MPICH=DIRECTORY: one that is not Debian's
set -euo pipefail
source_directory=$1
if [[ ${MPICH:-} ]]; then
  compiler=(g++ "-I$MPICH/include") libraries=("$MPICH/lib/libmpi.so" "-Wl,-rpath,$MPICH/lib") launcher=$MPICH/bin/mpiexec
else
  compiler=(mpicxx.mpich) libraries=() launcher=mpiexec.mpich
  for program in mpicxx.mpich mpiexec.mpich; do
    command -v $program >/dev/null || { echo "skipped: no $program (Debian: mpich libmpich-dev)"; exit 77; }
  done
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$source_directory"
hdf5=$(pkg-config --cflags hdf5 2>/dev/null || echo -I/usr/include/hdf5/serial)
# shellcheck disable=SC2086
build() {
  "${compiler[@]}" -std=c++20 -O0 -Wall -Wextra -Iinclude -Itests $hdf5 -DOMPI_SKIP_MPICXX -DMPICH_SKIP_MPICXX \
    -DNEUMF_VERSION='"test"' -DNEUMF_MPIEXEC='"mpiexec"' "$@"
}
sources=(src/comm/communicator.cpp src/comm/flag_exchange.cpp src/comm/launcher.cpp src/core/version.cpp
  tests/comm/communicator_test.cpp tests/comm/flag_exchange_test.cpp tests/mpi_main.cpp)
build -o "$work/comm_test" "${sources[@]}" "${libraries[@]}" -lgtest -lgmock -lfmt -pthread
for ranks in 1 2 4; do
  MPIR_CVAR_POLLS_BEFORE_YIELD=1 timeout 100 "$launcher" -n "$ranks" "$work/comm_test" --gtest_brief=1
done
echo "all checks passed"
