# shellcheck shell=bash
# Shared by the batch scripts of this folder: paths, starting ranks, and going on after an interruption.
#
# From the environment, for every script:
#   NEUMF       the repository; default: the directory in which sbatch was called
#   BIN         the programs; default: $NEUMF/build/bin. Built by jobs/setup.sh they run on nodes of all kinds; built with
#               NEUMF_ARCH=native only on nodes like the one that built them
#   DATA        the preprocessed data set; default: data/ml-20m
#   RUN_DIR     the job's results; default: runs/<job name>-<job id>
#   MODULES     environment modules to load first, for example "gcc openmpi hdf5 cuda nccl"
#   MPI         how ranks are started, pmix or mpirun; default: pmix where srun has it
#   LAUNCH_ARGS further arguments of srun or mpirun
#   CONTAINER   an Apptainer image (jobs/containers/neumf.def) whose programs are run instead of those in BIN
#   MAX_REQUEUES how often an interrupted job goes back to the queue by itself; default 50
NEUMF=${NEUMF:-${SLURM_SUBMIT_DIR:-$PWD}}
BIN=${BIN:-$NEUMF/build/bin}
DATA=${DATA:-data/ml-20m}
MAX_REQUEUES=${MAX_REQUEUES:-50}
in_container=()
if [[ -n ${CONTAINER:-} ]]; then
  BIN=/opt/neumf/bin
  in_container=(apptainer exec)
  if ((${SLURM_GPUS_ON_NODE:-0} > 0)); then in_container+=(--nv); fi
  in_container+=("$CONTAINER")
fi

die() {
  echo "${SLURM_JOB_NAME:-job}: $*" >&2
  exit 1
}

# The folder of this job's results. A requeued job keeps its number, and so finds its checkpoints again.
make_run_dir() {
  local id=${SLURM_JOB_ID:-local}
  [[ -z ${SLURM_ARRAY_JOB_ID:-} ]] || id=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
  RUN_DIR=${RUN_DIR:-runs/${SLURM_JOB_NAME:-neumf}-$id}
  mkdir -p "$RUN_DIR" || die "cannot make $RUN_DIR; set RUN_DIR"
  echo "job $id on ${SLURM_JOB_NODELIST:-$(hostname)}: results in $RUN_DIR"
}

load_modules() {
  [[ -n ${MODULES:-} ]] || return 0
  command -v module >/dev/null || die "MODULES=$MODULES, but there is no command 'module' here"
  local name
  for name in $MODULES; do module load "$name"; done
}

need_data() {
  [[ -e $DATA/dataset.h5 ]] || die "$DATA: no data set here; run jobs/preprocess.sbatch first, or set DATA"
}

need_program() {
  if [[ -n ${CONTAINER:-} ]]; then
    [[ -e $CONTAINER ]] || die "CONTAINER=$CONTAINER: no such image"
    return
  fi
  [[ -x $BIN/$1 ]] || die "$BIN/$1 is missing: build it (README), or set NEUMF or BIN"
}

# Sets `launch`, the command that starts a program as the job's ranks: each on its own cores. Every rank sees all GPUs
# of its node, and neumf takes the one of the rank's number there.
set_launch() {
  local threads=${SLURM_CPUS_PER_TASK:-1} extra=()
  read -ra extra <<<"${LAUNCH_ARGS:-}"
  export OMP_PROC_BIND=${OMP_PROC_BIND:-close} OMP_PLACES=${OMP_PLACES:-cores}
  if [[ -z ${MPI:-} ]]; then
    if srun --mpi=list 2>&1 | grep pmix >/dev/null; then MPI=pmix; else MPI=mpirun; fi
  fi
  case $MPI in
    pmix)
      # Since Slurm 22.05 srun does not take --cpus-per-task from the job.
      launch=(srun --mpi=pmix --kill-on-bad-exit=1 --cpus-per-task="$threads" --cpu-bind=cores)
      # No --gpu-bind, and no job with --gpus-per-task, which implies one: a rank that is bound to one GPU cannot open
      # those of its peers, and NCCL fails or goes through the host's memory.
      ;;
    mpirun)
      launch=(mpirun -n "${SLURM_NTASKS:-1}" --map-by "slot:PE=$threads" --bind-to core)
      if ((EUID == 0)); then launch+=(--allow-run-as-root); fi ;;
    *) die "MPI=$MPI: must be pmix or mpirun" ;;
  esac
  launch+=("${extra[@]}" "${in_container[@]}")
}

# Runs a command that --resume lets go on, as the job's ranks. Shortly before the time limit Slurm sends SIGUSR1 to
# this script (--signal=B:USR1@120), which hands it on; neumf then writes a checkpoint and ends with status 75, and the
# job goes back to the queue.
run_resumable() {
  local status=0 warned=0 ranks
  # In the background: bash attends to signals only between commands, or in `wait`.
  "${launch[@]}" "$@" &
  ranks=$!
  trap 'warned=1; echo "time is nearly up: asking for a checkpoint"; kill -USR1 "$ranks" 2>/dev/null || true' USR1
  while true; do
    status=0
    wait "$ranks" || status=$?
    # A signal ends `wait`, not the ranks.
    if ((status <= 128)) || ! kill -0 "$ranks" 2>/dev/null; then break; fi
  done
  trap - USR1
  # Warned before neumf could listen, it ended by the signal: nothing is lost then but its start.
  if ((status == 75)) || ((warned && status == 128 + $(kill -l USR1))); then
    requeue
    return 0
  fi
  return "$status"
}

requeue() {
  local again="RUN_DIR=$RUN_DIR and the same command line continue it"
  ((${SLURM_RESTART_COUNT:-0} < MAX_REQUEUES)) || die "interrupted $MAX_REQUEUES times (MAX_REQUEUES); $again"
  echo "interrupted with a checkpoint in $RUN_DIR: back to the queue"
  scontrol requeue "$SLURM_JOB_ID" || die "cannot be requeued here; $again"
}
