#!/usr/bin/env bash
# A scaling study: strong scaling (the global batch stays), weak scaling (the batch per rank stays), with partitioned and
# with replicated user embeddings; a table, a cost model, plots and a report in OUT_DIR:
#
#   jobs/scaling/study.sh OUT_DIR [options of neumf]
#   RANKS="1 2 4 8" jobs/scaling/study.sh runs/scaling --precision bf16                   with mpirun, on this machine
#   LAUNCHER=sbatch RANKS="1 2 4 8 16 32" RANKS_PER_NODE=8 SBATCH_ARGS="--account=me --partition=gpu" \
#     jobs/scaling/study.sh runs/scaling --amp                                            as array jobs of Slurm
#   jobs/scaling/study.sh --report OUT_DIR        the tables and plots again, from what has run so far
#
# From the environment:
#   RANKS           numbers of ranks; default: powers of two up to the number of cores
#   BATCH           samples per update of strong scaling; default 262144, or 1048576 in a build for GPUs. A rank that has
#                   fewer than two samples per item computes the first layer in another way, which the cost model, being
#                   one line, does not follow: choose it so that all ranks have more, or none
#   BATCH_PER_RANK  of weak scaling; default: BATCH over the largest number of ranks
#   CHECK_BATCH     measured, but not used to fit the cost model, to see how well it predicts; default: BATCH / 2
#   SCHEMES         default "partitioned replicated"
#   REPEATS         default 3; every figure is the median of them, and they are taken in turns
#   EPOCHS          per run; default 2; the first is not counted
#   THREADS         cores per rank; default 1
#   MAX_BYTES       largest message of the exchange benchmark; default 134217728, a little more than all gradients
#   DATA            the data set; default: a synthetic one with all users and items of ML-20m and an epoch of three
#                   million samples, in data/scaling; in a build for GPUs with all samples, in data/scaling-ml-20m
#   BIN, PYTHON     default: build/bin, python3
#   LAUNCHER        mpirun or sbatch; for sbatch also:
#   RANKS_PER_NODE  default 4
#   GPUS            1: a GPU per rank; default: 1 in a build for GPUs, otherwise 0
#   SBATCH_ARGS     further arguments of sbatch: account, partition, time
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=runs.sh
source "$here/runs.sh"
usage() { sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2; }

only_report=0
[[ ${1:-} != --report ]] || { only_report=1; shift; }
if (($# == 0)) || [[ $1 == -* ]]; then usage; fi
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
if ((only_report)); then make_report "$out"; exit; fi

[[ -x $BIN/neumf && -x $BIN/allreduce_bench ]] ||
  { echo "study.sh: $BIN has no neumf and allreduce_bench: run jobs/setup.sh, or set BIN" >&2; exit 1; }
LAUNCHER=${LAUNCHER:-mpirun}
with_gpus=0
if "$BIN/neumf" --version | grep '^GPU *CUDA' >/dev/null; then with_gpus=1; fi
GPUS=${GPUS:-$with_gpus}
powers=
for ((ranks = 1; ranks <= $(nproc); ranks *= 2)); do powers+="$ranks "; done
read -ra rank_counts <<<"${RANKS:-$powers}"
read -ra schemes <<<"${SCHEMES:-partitioned replicated}"
largest=$(printf '%s\n' "${rank_counts[@]}" | sort -n | tail -n 1)
BATCH=${BATCH:-$((with_gpus ? 1048576 : 262144))}
BATCH_PER_RANK=${BATCH_PER_RANK:-$((BATCH / largest))}
CHECK_BATCH=${CHECK_BATCH:-$((BATCH / 2))}
export NEUMF=$root EPOCHS=${EPOCHS:-2} THREADS=${THREADS:-1} MAX_BYTES=${MAX_BYTES:-134217728} BIN

size=138493x26744x767651 default_data=$root/data/scaling
if ((with_gpus)); then size=ml-20m default_data=$root/data/scaling-ml-20m; fi
export DATA=${DATA:-$default_data}
if [[ ! -e $DATA/dataset.h5 ]]; then
  # Few test negatives: evaluation is not what is studied.
  "$BIN/neumf-preprocess" --synthetic "$size" --valid_negative 20 --output "$DATA" --shards "$largest" >/dev/null
fi
DATA=$(cd "$DATA" && pwd)

# One run per line of runs.txt: KIND SCHEME RANKS BATCH REPEAT. Measuring phases slows a GPU down (steps are not replayed
# from a graph then), so there every run is made without it, too.
plan() {
  local kinds=(profile) kind scheme ranks batch repeat
  if ((GPUS)); then kinds=(train profile); fi
  for ((repeat = 1; repeat <= ${REPEATS:-3}; ++repeat)); do
    for ranks in "${rank_counts[@]}"; do
      ((ranks == 1)) || echo "allreduce - $ranks - $repeat"
      for kind in "${kinds[@]}"; do
        for batch in $(printf '%s\n' "$BATCH" $((BATCH_PER_RANK * ranks)) "$CHECK_BATCH" | sort -nu); do
          for scheme in "${schemes[@]}"; do
            # One rank owns all users anyway.
            ((ranks == 1)) && [[ $scheme != "${schemes[0]}" ]] || echo "$kind $scheme $ranks $batch $repeat"
          done
        done
      done
    done
  done
}
plan >"$out/runs.txt"
printf '{"batch": %d, "batch_per_rank": %d, "options": "%s"}\n' "$BATCH" "$BATCH_PER_RANK" "$*" >"$out/study.json"
"$root/bench/machine.sh" >"$out/machine.txt"
mkdir -p "$out/logs"
rm -f "$out"/logs/*

# Array jobs, one per number of ranks, and a last job that writes the report.
submit() {
  local ranks nodes per_node lines arguments=() jobs="" job
  read -ra arguments <<<"${SBATCH_ARGS:-}"
  for ranks in "${rank_counts[@]}"; do
    per_node=$((ranks < ${RANKS_PER_NODE:-4} ? ranks : ${RANKS_PER_NODE:-4}))
    nodes=$(((ranks + per_node - 1) / per_node))
    lines=$(awk -v ranks="$ranks" '$3 == ranks { printf "%s%d", separator, NR; separator = "," }' "$out/runs.txt")
    job=$(sbatch --parsable --nodes="$nodes" --ntasks="$ranks" --ntasks-per-node="$per_node" \
      --cpus-per-task="$THREADS" --gpus-per-node=$((GPUS ? per_node : 0)) --output="$out/logs/slurm-%A_%a.out" \
      --array="$lines%1" "${arguments[@]}" "$here/run.sbatch" "$out" "$@")
    jobs+=":${job%%;*}"
  done
  sbatch --parsable --job-name=neumf-scaling-report --ntasks=1 --output="$out/logs/report.out" \
    --dependency="afterany$jobs" "${arguments[@]}" --wrap "'$here/study.sh' --report '$out'" >"$out/report.job"
  echo "submitted; the report comes with job $(cat "$out/report.job"): $out/report.md"
}

case $LAUNCHER in
  mpirun)
    total=$(wc -l <"$out/runs.txt") number=0 failed=0
    while read -r line; do
      number=$((number + 1))
      echo "[$number/$total] $line"
      read -r _ _ ranks _ <<<"$line"
      mpirun_ranks "$ranks"
      run_line "$out" "$line" "$@" </dev/null || { echo "failed; see $out/logs" >&2; failed=1; }
    done <"$out/runs.txt"
    make_report "$out"
    exit "$failed" ;;
  sbatch) submit "$@" ;;
  *) echo "study.sh: LAUNCHER=$LAUNCHER: must be mpirun or sbatch" >&2; exit 2 ;;
esac
