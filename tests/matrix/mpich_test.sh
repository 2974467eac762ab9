#!/usr/bin/env bash
# What neumf asks of MPI, under MPICH, which Debian installs beside Open MPI: the tests of the communicator, of the agreement
# between ranks and of the watchdog's shared memory, built with mpicxx.mpich, on 1 and 2 ranks.
#
#   mpich_test.sh SOURCE_DIRECTORY       MPICH=DIRECTORY: one that is not Debian's, with bin, include and lib
source "$(dirname "$0")/../checks.sh"
source_directory=$1
if [[ ${MPICH:-} ]]; then
  compiler=(g++ "-I$MPICH/include") libraries=("$MPICH/lib/libmpi.so" "-Wl,-rpath,$MPICH/lib") launcher=$MPICH/bin/mpiexec
else
  # Debian's wrapper asks for optimisation at link time, which takes longer than the rest.
  compiler=(mpicxx.mpich -fno-lto) libraries=() launcher=mpiexec.mpich
  for program in mpicxx.mpich mpiexec.mpich; do
    command -v $program >/dev/null || { echo "skipped: no $program (Debian: mpich libmpich-dev)"; exit 77; }
  done
fi
cd "$source_directory" || exit
hdf5=$(pkg-config --cflags hdf5 2>/dev/null || echo -I/usr/include/hdf5/serial)
sources=(src/comm/communicator.cpp src/comm/flag_exchange.cpp src/comm/launcher.cpp src/comm/cpu/gradient_reducer.cpp
  src/core/processor.cpp src/core/processor_check.cpp src/core/version.cpp src/ops/cpu/context.cpp src/train/watchdog.cpp
  tests/comm/communicator_test.cpp tests/comm/flag_exchange_test.cpp tests/train/watchdog_test.cpp tests/mpi_main.cpp)

echo "building"
# shellcheck disable=SC2086
compile() {
  "${compiler[@]}" -c -std=c++20 -O0 -Wall -Wextra -Werror -fopenmp -Iinclude -Isrc -Itests $hdf5 -DOMPI_SKIP_MPICXX \
    -DMPICH_SKIP_MPICXX -DNEUMF_VERSION='"test"' -DNEUMF_ARCH='"test"' -DNEUMF_MPIEXEC='"mpiexec"' "$1" -o "$work/$(tr / _ <<<"$1").o"
}
running=()
for file in "${sources[@]}"; do
  ((${#running[@]} < $(nproc))) || { wait "${running[0]}" || fail "a file does not compile"; running=("${running[@]:1}"); }
  compile "$file" &
  running+=($!)
done
for job in "${running[@]}"; do wait "$job" || fail "a file does not compile"; done
((failures == 0)) || finish
"${compiler[@]}" -fopenmp -o "$work/mpi_test" "$work"/*.o "${libraries[@]}" -lgtest -lgmock -lfmt -ldnnl -pthread || fail "linking"
((failures == 0)) || finish

for ranks in 1 2; do
  echo "$ranks ranks"
  timeout 200 "$launcher" -n $ranks "$work/mpi_test" --gtest_brief=1 || fail "$ranks ranks: status $?"
done
finish
