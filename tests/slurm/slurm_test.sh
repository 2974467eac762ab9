#!/usr/bin/env bash
# The batch scripts of jobs/ under a real Slurm with two virtual nodes: slurm_test.sh BIN_DIR
#
# Preprocessing, training on 2 nodes x 2 ranks, evaluation, an array job that is a scaling study, and a job that meets
# its time limit, goes back to the queue and continues. Needs root and Slurm's programs; says why it skips otherwise.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=cluster.sh
source "$here/cluster.sh"

if [[ ${2:-} != in-namespaces ]]; then
  obstacle=$(cluster_obstacle)
  [[ -z $obstacle ]] || { echo "skipped: $obstacle"; exit 77; }
  work=$(mktemp -d)
  # Ends everything inside, also when this script is interrupted: its first process ends, and the kernel kills the rest.
  enter_namespaces "$0" "$1" in-namespaces "$work" &
  inside=$!
  trap 'kill -KILL "$inside" 2>/dev/null; wait "$inside" 2>/dev/null; rm -rf "$work"' EXIT
  trap 'exit 143' INT TERM HUP
  wait "$inside"
  exit
fi

bin=$(cd "$1" && pwd)
work=$3
NEUMF=$(cd "$here/../.." && pwd)
export NEUMF BIN=$bin DATA=$work/data OMPI_MCA_mpi_yield_when_idle=1 OMP_PROC_BIND=false
unset "${!SLURM_@}" "${!SBATCH_@}" 2>/dev/null
failures=0
started=$SECONDS

fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

passed() { printf '%3d s  %s\n' $((SECONDS - started)) "$*"; }

job_field() { scontrol show job "$1" | tr ' ' '\n' | sed -n "s/^$2=//p"; }

# submit NAME ARGUMENTS...: a job with a folder of its own; sets `job`, and `run_dir` for the scripts.
submit() {
  export RUN_DIR=$work/runs/$1
  local name=$1
  shift
  job=$(sbatch --parsable --job-name="$name" --output="$work/$name.out" "$@") || fail "sbatch $*"
  run_dir=$RUN_DIR
  unset RUN_DIR
}

# wait_for JOB SECONDS: until it has left the queue; whether it completed.
wait_for() {
  local state deadline=$((SECONDS + $2))
  while ((SECONDS < deadline)); do
    state=$(job_field "$1" JobState)
    case $state in
      COMPLETED) return 0 ;;
      FAILED | TIMEOUT | CANCELLED | NODE_FAIL | BOOT_FAIL | OUT_OF_MEMORY | DEADLINE) break ;;
    esac
    sleep 0.2
  done
  fail "job $1 is ${state:-unknown} $(job_field "$1" Reason)"
  return 1
}

show() {
  tail -n 40 "$1" >&2
}

best_of() { grep -o '"best_accuracy":[0-9.]*' "$1" | tail -n 1 | cut -d: -f2; }
above() { awk -v a="${1:-0}" -v b="$2" 'BEGIN { exit !(a > b) }'; }

start_cluster "$work/cluster" || { echo "skipped: Slurm does not start here (above)"; exit 77; }
passed "two nodes are up; MPI plugins: $(srun --mpi=list 2>&1 | grep -o 'pmix[_v0-9]*' | sort -u | tr '\n' ' ')"
mkdir -p "$work/submitted" && cd "$work/submitted" || exit 1

settings=(--factors 8 --layers 32 16 8 --batch_size 1024 --learning_rate 0.005 --beta1 0.9 --beta2 0.999 --dropout 0
  --threads 1)
# A model that scores at random has 10 / 101.
expected=0.5

SHARDS=4 submit preprocess --cpus-per-task=2 "$NEUMF/jobs/preprocess.sbatch" --synthetic 600x200x24000
if wait_for "$job" 30 && [[ -e $DATA/shard-0003-of-0004.h5 ]]; then passed "preprocessing"; else
  fail "preprocessing"
  show "$work/preprocess.out"
fi

# Two nodes with two ranks each.
submit train --gpus-per-node=0 --ntasks-per-node=2 --cpus-per-task=1 "$NEUMF/jobs/train_multinode.sbatch" \
  "${settings[@]}" --epochs 4
train_dir=$run_dir
if wait_for "$job" 60; then
  best=$(best_of "$train_dir/log.json")
  above "$best" $expected || fail "2 x 2 ranks reach HR@10 $best only"
  grep -q '"nodes":2,.*"ranks":4' "$train_dir/log.json" || fail "not 4 ranks on 2 nodes"
  passed "training on 2 nodes x 2 ranks: HR@10 $best"
else show "$work/train.out"; fi

# GPUs: the nodes have device files in their place, and neumf computes on a core each. NCCL needs ranks that see their
# peers' GPUs.
cat >"$work/see_gpu" <<'SCRIPT'
#!/bin/bash
echo "rank $SLURM_PROCID sees GPU $CUDA_VISIBLE_DEVICES on core $(taskset -pc $$ | sed 's/.*: //')"
exec "$REAL_BIN/neumf" "$@"
SCRIPT
mkdir -p "$work/bin" && mv "$work/see_gpu" "$work/bin/neumf" && chmod +x "$work/bin/neumf"
BIN=$work/bin REAL_BIN=$bin CHECKPOINT=$train_dir/best.h5 submit evaluate --ntasks-per-node=2 --cpus-per-task=1 \
  --gpus-per-node=2 "$NEUMF/jobs/evaluate.sbatch"
if wait_for "$job" 60; then
  shown=$(sed -n 's/^best HR@10 \([0-9.]*\),.*/\1/p' "$work/train.out")
  grep -q "^HR@10 $shown," "$work/evaluate.out" || fail "the evaluation does not give HR@10 $shown"
  (($(grep ' sees GPU ' "$work/evaluate.out" | grep -o 'core [0-9]*' | sort -u | wc -l) == 2)) ||
    fail "the ranks do not have a core each: $(grep ' sees GPU ' "$work/evaluate.out")"
  (($(grep -c ' sees GPU 0,1 ' "$work/evaluate.out") == 2)) ||
    fail "not every rank sees both GPUs: $(grep ' sees GPU ' "$work/evaluate.out")"
  passed "evaluation by ranks that see all GPUs: HR@10 $shown"
else show "$work/evaluate.out"; fi

# In the place of Apptainer, a script that runs the program of that name outside.
cat >"$work/bin/apptainer" <<'SCRIPT'
#!/bin/bash
[[ $1 == exec && $2 == */neumf.sif && $3 == /opt/neumf/bin/neumf ]] || { echo "apptainer $*" >&2; exit 1; }
exec "$REAL_BIN/neumf" "${@:4}"
SCRIPT
chmod +x "$work/bin/apptainer"
touch "$work/neumf.sif"
PATH=$work/bin:$PATH REAL_BIN=$bin CONTAINER=$work/neumf.sif MPI=mpirun CHECKPOINT=$train_dir/best.h5 \
  submit evaluate_mpirun --nodes=2 --ntasks-per-node=1 --cpus-per-task=1 --gpus-per-node=0 "$NEUMF/jobs/evaluate.sbatch"
if wait_for "$job" 60 && grep -q "^HR@10 $shown," "$work/evaluate_mpirun.out"; then
  passed "the same with mpirun on two nodes, as from a container"
else
  fail "evaluation with mpirun"
  show "$work/evaluate_mpirun.out"
fi

# A study through array jobs.
LAUNCHER=sbatch RANKS="1 2" RANKS_PER_NODE=2 GPUS=0 REPEATS=1 EPOCHS=3 BATCH=2048 CHECK_BATCH=512 MAX_BYTES=65536 SBATCH_ARGS="--time=5" \
  "$NEUMF/jobs/scaling/study.sh" "$work/study" "${settings[@]:0:6}" --learning_rate 0.005 --beta1 0.9 --beta2 0.999 \
  >"$work/study.out" 2>&1 || { fail "study.sh"; show "$work/study.out"; }
study_job=$(cat "$work/study/report.job")

# More work than a minute allows. Slurm looks at time limits every 30 s, so it may be a while until the warning.
printf 'epochs = 100000\n' >"$work/limited.ini"
submit limited --time=1 --signal=B:USR1@30 --gpus-per-node=0 --ntasks-per-node=2 --cpus-per-task=1 \
  "$NEUMF/jobs/train.sbatch" "${settings[@]}" --config "$work/limited.ini"
limited_job=$job limited_log=$run_dir/log.json

if wait_for "$study_job" 60; then
  # A run that failed is missing, and so is one that did not learn.
  learned=$(python3 -c '
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
print(sum(float(row["hit_rate"]) > float(sys.argv[2]) for row in rows))' "$work/study/runs.csv" $expected)
  ((learned == 7)) || fail "$learned of 7 runs of the study reach HR@10 $expected"
  grep -q 'held out: mean' "$work/study/report.md" || fail "no report"
  passed "a study of scaling in array jobs: 7 runs, each above HR@10 $expected"
else
  cat "$work"/study.out "$work"/study/logs/*.out >&2
fi

for ((tries = 0; tries < 400; ++tries)); do
  (($(job_field "$limited_job" Restarts) == 0)) || break
  sleep 0.2
done
# It waits for a few seconds before it starts again. The rest is made short.
done_before=$(grep -c '"type":"epoch"' "$limited_log")
((done_before > 0)) || fail "no epoch before the time limit"
grep -q "interrupted with a checkpoint" "$work/limited.out" || fail "not interrupted with a checkpoint"
printf 'epochs = %d\n' $((done_before + 5)) >"$work/limited.ini"
if wait_for "$limited_job" 60; then
  epochs=$(grep -o '"type":"epoch"' "$limited_log" | wc -l)
  ((epochs == done_before + 5)) || fail "$epochs epochs in the log instead of $((done_before + 5))"
  grep -q "resumed .*: $done_before epochs" "$work/limited.out" || fail "did not continue after epoch $done_before"
  above "$(best_of "$limited_log")" $expected || fail "HR@10 is $(best_of "$limited_log") only"
  passed "signalled, requeued and resumed after $done_before epochs: HR@10 $(best_of "$limited_log")"
fi
((failures == 0)) || show "$work/limited.out"
((failures == 0)) && echo "all checks passed in $((SECONDS - started)) s"
exit $((failures > 0))
