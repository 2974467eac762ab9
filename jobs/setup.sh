#!/usr/bin/env bash
# Installs what the build needs and builds neumf in build/. Does nothing, quickly, where all is there.
#
#   jobs/setup.sh [--preset release|debug|asan|ci] [--tests] [--bench]     tests include the benchmarks
#   jobs/setup.sh --packages      only installs what the build needs
#
# Debian and Ubuntu: missing packages are installed with apt-get (as root, or through sudo). Elsewhere the list is
# printed. CUDA and NCCL are used where they are installed; they are never installed here.
set -euo pipefail
cd "$(dirname "$0")/.."

preset=release tests=0 bench=0 build=1
while (($#)); do
  case $1 in
    --preset) preset=$2; shift 2 ;;
    --tests) tests=1 bench=1; shift ;;
    --bench) bench=1; shift ;;
    --packages) build=0; shift ;;
    *) echo "setup.sh: unknown option '$1'" >&2; exit 2 ;;
  esac
done

# Debian's oneDNN is built with OpenCL and its CMake package asks for it, although nothing here uses it.
packages=(build-essential cmake ninja-build libopenmpi-dev openmpi-bin libhdf5-dev libdnnl-dev libopenblas-dev
  ocl-icd-opencl-dev opencl-headers
  libboost-dev libboost-program-options-dev libfmt-dev nlohmann-json3-dev libarchive-dev libxxhash-dev librandom123-dev
  curl ca-certificates unzip)
((tests)) && packages+=(libgtest-dev libgmock-dev hdf5-tools jq procps python3 python3-numpy python3-h5py)
((bench)) && packages+=(libbenchmark-dev)
# For tests/slurm, which needs root; it is skipped where these are missing.
slurm_packages=(slurmctld slurmd slurm-client munge iproute2)
# For tests/matrix, beside Open MPI, which stays what mpicc and mpirun are; skipped where they are missing.
mpich_packages=(mpich libmpich-dev)

# Sets `missing` to those of the packages that are not installed.
find_missing() {
  missing=()
  local package
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -x installed >/dev/null || missing+=("$package")
  done
}

# With `as_root`, an array: the command that makes one root, if any.
apt_install() {
  "${as_root[@]}" apt-get update -qq && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends "$@"
}

install_packages() {
  command -v dpkg-query >/dev/null || {
    echo "setup.sh: this is not Debian or Ubuntu; install the equivalents of these packages yourself:" >&2
    echo "  ${packages[*]}" >&2
    return 0
  }
  local missing=()
  find_missing "${packages[@]}"
  ((${#missing[@]})) || return 0
  echo "installing: ${missing[*]}"
  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || {
      echo "setup.sh: not root and no sudo; as root, run: apt-get install ${missing[*]}" >&2
      exit 1
    }
    as_root=(sudo)
  fi
  local log
  log=$(mktemp)
  if ! apt_install "${missing[@]}" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "setup.sh: apt-get failed (above); is there a network?" >&2
    exit 1
  fi
  rm -f "$log"
}

# install_for_tests WHAT PACKAGE...: tests that need them are skipped where they cannot be installed.
install_for_tests() {
  local what=$1 missing=() as_root=()
  shift
  if ((EUID != 0)) || ! command -v dpkg-query >/dev/null; then return 0; fi
  find_missing "$@"
  ((${#missing[@]})) || return 0
  echo "installing for the tests: ${missing[*]}"
  apt_install "${missing[@]}" >/dev/null 2>&1 ||
    echo "setup.sh: they cannot be installed; the test of $what will be skipped" >&2
}

install_test_packages() {
  # A machine that has a Slurm already keeps it.
  command -v srun >/dev/null || install_for_tests "the Slurm scripts" "${slurm_packages[@]}"
  # Where the MPI is another one than Debian's Open MPI, it stays alone.
  if dpkg-query -W openmpi-bin >/dev/null 2>&1; then install_for_tests "MPICH" "${mpich_packages[@]}"; fi
}

build() {
  local folder=build
  case $preset in debug | asan) folder=build-$preset ;; esac
  # Once a build folder has tests or benchmarks, it keeps them.
  local flags=() name
  for name in TESTS BENCH; do
    local wanted=OFF
    if { [[ $name == TESTS ]] && ((tests)); } || { [[ $name == BENCH ]] && ((bench)); } ||
      grep -qs "^NEUMF_$name:BOOL=ON" "$folder/CMakeCache.txt"; then
      wanted=ON
    fi
    flags+=("-DNEUMF_$name=$wanted")
  done
  local generator=()
  [[ -e $folder/CMakeCache.txt ]] || generator=(-G Ninja)
  # Configuring prints much and says little; it is shown only if it fails.
  local log
  log=$(mktemp)
  if ! cmake --preset "$preset" "${generator[@]}" "${flags[@]}" >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
  fi
  rm -f "$log"
  cmake --build "$folder" --parallel "$(nproc)"
}

install_packages
if ((tests)); then install_test_packages; fi
if ((build)); then build; fi
