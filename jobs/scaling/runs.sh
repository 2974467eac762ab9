# shellcheck shell=bash
# Shared by study.sh and run.sbatch: one run of a study, and what is made of all of them.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BIN=${BIN:-$root/build/bin}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

# Sets `launch` for ranks on this machine, each on its own cores as far as they go.
mpirun_ranks() {
  local ranks=$1 binding=(--bind-to none --oversubscribe)
  if ((ranks * THREADS <= $(nproc))); then binding=(--map-by "slot:PE=$THREADS" --bind-to core); fi
  # shellcheck disable=SC2034  # used by run_line
  launch=(mpirun -n "$ranks" "${binding[@]}")
}

# run_line OUT_DIR "KIND SCHEME RANKS BATCH REPEAT" [options of neumf]: with `launch`, one run into OUT_DIR/logs.
run_line() {
  local out=$1 kind scheme ranks batch repeat
  read -r kind scheme ranks batch repeat <<<"$2"
  shift 2
  local log=$out/logs/$kind-$scheme-$ranks-$batch-$repeat
  if [[ $kind == allreduce ]]; then
    "${launch[@]}" "$BIN/allreduce_bench" --max_bytes "$MAX_BYTES" --log_path "$log.json" >"$log.out" 2>&1
    return
  fi
  local profile=()
  [[ $kind != profile ]] || profile=(--profile)
  "${launch[@]}" "$BIN/neumf" --data "$DATA" --user_embeddings "$scheme" --batch_size "$batch" --epochs "$EPOCHS" \
    --threads "$THREADS" --progress never "${profile[@]}" --log_path "$log.json" --overwrite "$@" >"$log.out" 2>&1
}

# make_report OUT_DIR: runs.csv, allreduce.csv, report.md and, where matplotlib is installed, the plots.
make_report() {
  local out=$1 python=${PYTHON:-python3} here=$root/jobs/scaling
  "$python" "$here/collect.py" "$out"
  "$python" "$here/report.py" "$out"
  "$python" "$here/plot.py" "$out" || echo "no plots (see above); jobs/scaling/study.sh --report $out tries again" >&2
}
