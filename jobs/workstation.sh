#!/usr/bin/env bash
# The main job on one machine: sets up and builds, prepares a data set, trains NeuMF under mpirun.
#
#   jobs/workstation.sh                            the built-in synthetic data set, a few minutes on two cores
#   DATASET=ml-1m jobs/workstation.sh [options]    MovieLens 1M (downloaded, or taken from data/ml-1m.zip)
#   DATASET=ml-20m jobs/workstation.sh [options]   MovieLens 20M
#   DATASET=ratings.csv jobs/workstation.sh ...    any file that neumf-preprocess reads, or a preprocessed directory
#
# Ctrl-C ends the run after a checkpoint; the same command with --resume goes on. The exit status is that of neumf.
#
# Everything after the script's name goes to neumf. From the environment:
#   RANKS       MPI ranks; default: the GPUs of this machine if neumf was built for them, otherwise 2 (1 on one core)
#   DATA_DIR    where archives and preprocessed data sets are kept; default: data
#   RUN_DIR     where the log and the best model go; default: runs/<data set>
#   MPIRUN      the launcher; default: that of the MPI that neumf was built with, from the PATH
#   MPIRUN_ARGS further arguments for it
set -euo pipefail
cd "$(dirname "$0")/.."
start_directory=${OLDPWD:-$PWD}

DATASET=${DATASET:-synthetic}
DATA_DIR=${DATA_DIR:-data}

jobs/setup.sh

cores=$(nproc)
gpus=0
if build/bin/neumf --version | grep '^GPU *CUDA' >/dev/null && command -v nvidia-smi >/dev/null; then
  gpus=$(nvidia-smi --list-gpus 2>/dev/null | grep -c '^GPU' || true)
fi
if ((gpus > 0)); then default_ranks=$gpus; elif ((cores > 1)); then default_ranks=2; else default_ranks=1; fi
RANKS=${RANKS:-$default_ranks}

# Sets `data` to the preprocessed directory of $DATASET, making it if need be.
prepare() {
  local name input=()
  case $DATASET in
    synthetic)
      name=synthetic-$RANKS input=(--synthetic ml-1m) ;;
    ml-1m | ml-20m | ml-100k)
      name=$DATASET-$RANKS
      if [[ ! -e $DATA_DIR/$name/dataset.h5 ]]; then
        preprocess/download.sh "$DATASET" "$DATA_DIR"
        input=(--input "$DATA_DIR/$DATASET.zip")
      fi ;;
    *)
      local path=$DATASET
      [[ -e $path ]] || path=$start_directory/$DATASET
      [[ -e $path ]] || { echo "workstation.sh: DATASET=$DATASET: no such file, directory or known data set" >&2; exit 1; }
      if [[ -e $path/dataset.h5 ]]; then data=$path; return; fi
      name=$(basename "$path" | sed 's/\.\(gz\|zip\|csv\|dat\|data\)//g')-$RANKS
      input=(--input "$path") ;;
  esac
  data=$DATA_DIR/$name
  [[ -e $data/dataset.h5 ]] && return
  mkdir -p "$DATA_DIR"
  build/bin/neumf-preprocess "${input[@]}" --output "$data" --shards "$RANKS"
}
data=
prepare

# The synthetic default is a demonstration: settings that show learning in minutes on two cores. With other data sets
# neumf's own defaults hold, which are the published ones. Options given to this script win.
settings=()
[[ $DATASET == synthetic && " $* " != *" --config"* ]] && settings=(--config jobs/synthetic.ini)

# The demonstration may be repeated; other models are not replaced unasked.
[[ $DATASET == synthetic && -z ${RUN_DIR:-} && " $* " != *" --resume"* ]] && settings+=(--overwrite)

run_dir=${RUN_DIR:-runs/$(basename "$data")}
mkdir -p "$run_dir"
# The launcher's own words for: RANKS ranks, the cores spread evenly over them; more ranks than cores is allowed.
per_rank=$((cores / RANKS > 0 ? cores / RANKS : 1))
fits=$((RANKS * per_rank <= cores))
mpi=$(build/bin/neumf --version | sed -n 's/^MPI  *//p')
launch=(-n "$RANKS")
case $mpi in
  Open*)
    MPIRUN=${MPIRUN:-mpirun}
    if ((fits)); then launch+=(--map-by "slot:PE=$per_rank" --bind-to core); else launch+=(--oversubscribe --bind-to none); fi
    ((EUID == 0)) && launch+=(--allow-run-as-root) ;;
  Intel*)
    # mpirun is a script around mpiexec that dies of a signal and leaves the ranks.
    MPIRUN=${MPIRUN:-mpiexec}
    if ((fits)); then export I_MPI_PIN_DOMAIN=${I_MPI_PIN_DOMAIN:-$per_rank}; else export I_MPI_PIN=${I_MPI_PIN:-0}; fi ;;
  *) # MPICH and others that are started by Hydra, which binds nothing
    MPIRUN=${MPIRUN:-mpiexec} ;;
esac
command -v "$MPIRUN" >/dev/null || { echo "workstation.sh: no $MPIRUN in the PATH: name the launcher of $mpi in MPIRUN" >&2; exit 1; }

# On SIGTERM and Ctrl-C Open MPI's mpirun kills its ranks within two seconds, too soon for a checkpoint, but every launcher
# passes SIGUSR1 on and waits. In a process group of its own it sees no Ctrl-C, and this script sends SIGUSR1 instead.
set -m
"$MPIRUN" "${launch[@]}" ${MPIRUN_ARGS:-} build/bin/neumf --data "$data" --log_path "$run_dir/log.json" \
  --checkpoint_dir "$run_dir" "${settings[@]}" "$@" </dev/null &
job=$!
stop() {
  echo "workstation.sh: stopping after a checkpoint; once more to stop at once" >&2
  kill -USR1 "$job"
  # Every launcher hands SIGINT on, or kills its ranks, and neumf ends at once at a SIGINT that follows another signal.
  # SIGTERM would be one more request to stop under MPICH and Intel MPI.
  trap 'kill -INT "$job"' INT TERM
}
trap stop INT TERM
while :; do
  status=0
  wait "$job" || status=$?
  # Over 128: the wait was interrupted, unless the job is gone.
  if ((status <= 128)) || ! kill -0 "$job" 2>/dev/null; then exit "$status"; fi
done
