#!/usr/bin/env bash
# Compiles all that knows CUDA or NCCL with the newest compiler and headers on PyPI, warnings being errors; nothing is run, so
# no GPU is needed. Not part of the test suite: the wheels are a gigabyte, and compiling takes some ten minutes.
#
#   tests/matrix/cuda.sh       versions: below, or CUDA_WHEELS="NAME==VERSION ..."
#
# The wheels go to WHEELS (~/.cache/neumf-cuda-wheels), since CMake installs no target whose headers lie in the source tree.
set -euo pipefail
cd "$(dirname "$0")/../.."
wheels=${CUDA_WHEELS:-nvidia-cuda-nvcc==13.5.37 nvidia-cuda-crt==13.5.37 nvidia-nvvm==13.5.37 nvidia-cuda-runtime==13.5.37
  nvidia-cuda-cccl==13.3.5.0.6 nvidia-cuda-profiler-api==13.4.92 nvidia-cublas==13.10.0.20 nvidia-nvtx==13.4.92
  nvidia-nccl-cu13==2.32.3}
environment=${WHEELS:-$HOME/.cache/neumf-cuda-wheels} build=$PWD/build-matrix/cuda
mkdir -p build-matrix
if [[ ! -e $environment/.complete ]]; then
  rm -rf "$environment"
  python3 -m venv "$environment"
  # shellcheck disable=SC2086
  "$environment/bin/pip" install -q --disable-pip-version-check --no-deps $wheels
  touch "$environment/.complete"
fi
packages=$(echo "$environment"/lib/python3*/site-packages/nvidia)
toolkit=$packages/cu13 nccl=$packages/nccl
# What the toolkit's installer and NCCL's packages have and the wheels have not: names to link by, and lib64.
ln -sfn lib "$toolkit/lib64"
for library in "$toolkit"/lib/lib*.so.* "$nccl"/lib/libnccl.so.*; do
  name=${library%%.so.*}.so
  [[ -e $name ]] || ln -s "$(basename "$library")" "$name"
done

NCCL_HOME=$nccl cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DNEUMF_WERROR=ON -DNEUMF_TESTS=OFF -DNEUMF_BENCH=OFF \
  -DNEUMF_ARCH=native -DNEUMF_CUDA=ON -DCMAKE_CUDA_COMPILER="$toolkit/bin/nvcc" -DCUDAToolkit_ROOT="$toolkit" \
  -DCMAKE_CUDA_ARCHITECTURES="${ARCHITECTURES:-90}" >"$build.log" 2>&1 || { tail -n 30 "$build.log" >&2; exit 1; }
grep '^-- GPU: ' "$build.log"
mapfile -t objects < <(ninja -C "$build" -t targets all | sed -n 's/^\(src[^:]*\/cuda\/[^:]*\.o\): .*/\1/p')
((${#objects[@]} > 20)) || { echo "cuda.sh: only ${#objects[@]} files know CUDA?" >&2; exit 1; }
ninja -C "$build" "${objects[@]}" >"$build.log" 2>&1 || { grep -v '^\[' "$build.log" | tail -n 60 >&2; exit 1; }
# Warnings of the linker of device code and of nvcc itself are no errors.
! grep -i warning "$build.log" || exit 1
echo "${#objects[@]} files compiled without a warning: $("$toolkit/bin/nvcc" --version | sed -n 's/.*release.*V/nvcc /p'), NCCL $(sed -n \
  's/^#define NCCL_\(MAJOR\|MINOR\|PATCH\) //p' "$nccl/include/nccl.h" | paste -sd.)"
