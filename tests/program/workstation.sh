#!/usr/bin/env bash
# jobs/workstation.sh under each MPI, with launchers and a neumf that only say how they were called: the launcher and its
# words for ranks and cores, and Ctrl-C, which must reach the ranks as SIGUSR1 and give their status.
source "$(dirname "$0")/common.sh"
jobs=$(cd "$(dirname "$0")/../../jobs" && pwd)

mkdir -p "$work/root/jobs" "$work/root/build/bin" "$work/root/data/toy" "$work/launchers" "$work/tools"
cp "$jobs/workstation.sh" "$work/root/jobs/"
printf '#!/bin/sh\n' >"$work/root/jobs/setup.sh"
touch "$work/root/data/toy/dataset.h5"
cat >"$work/root/build/bin/neumf" <<'STUB'
#!/usr/bin/env bash
if [[ $1 == --version ]]; then
  printf 'neumf 0\nMPI   %s\nGPU   none\n' "$STUB_MPI"
  exit
fi
trap 'echo "rank: SIGUSR1"; [[ $STUB_STUCK ]] || exit 75' USR1
trap 'echo "rank: SIGTERM"' TERM
trap 'echo "rank: SIGINT"; exit 130' INT
echo "rank: started"
[[ $STUB_SECONDS == 0 ]] && exit 3
for ((i = 0; i < 10 * STUB_SECONDS; ++i)); do sleep 0.1; done
STUB
# All launchers: what they were called with, then one rank, to which SIGUSR1 is passed on.
cat >"$work/launchers/mpiexec" <<'STUB'
#!/usr/bin/env bash
echo "launcher: $(basename "$0") $* I_MPI_PIN=$I_MPI_PIN I_MPI_PIN_DOMAIN=$I_MPI_PIN_DOMAIN"
while [[ $1 != */neumf ]]; do shift; done
set -m # or the rank would ignore SIGINT
"$@" &
rank=$!
for signal in USR1 TERM INT; do trap "kill -$signal \$rank" $signal; done # as Hydra does
while :; do
  wait $rank
  status=$?
  kill -0 $rank 2>/dev/null || exit $status
done
STUB
cp "$work/launchers/mpiexec" "$work/launchers/mpirun"
printf '#!/bin/sh\necho "${STUB_CORES:-4}"\n' >"$work/tools/nproc"
chmod +x "$work"/root/jobs/*.sh "$work/root/build/bin/neumf" "$work"/launchers/* "$work/tools/nproc"
export STUB_STUCK= PATH=$work/tools:$work/launchers:$PATH STUB_SECONDS=0 DATASET=$work/root/data/toy
unset MPIRUN MPIRUN_ARGS RUN_DIR DATA_DIR I_MPI_PIN I_MPI_PIN_DOMAIN

# words MPI RANKS CORES "expected part" "part that must not be there"
words() {
  local output status=0
  output=$(STUB_MPI=$1 RANKS=$2 STUB_CORES=$3 "$work/root/jobs/workstation.sh" --epochs 1 2>&1) || status=$?
  [[ $status == 3 ]] || fail "$1: status $status instead of 3: $output"
  grep -qF -- "$4" <<<"$output" || fail "$1 on $2 ranks: no '$4' in: $output"
  [[ -z $5 ]] || ! grep -qF -- "$5" <<<"$output" || fail "$1 on $2 ranks: '$5' in: $output"
}
echo "words"
words "Open MPI 4.1.4" 2 4 "launcher: mpirun -n 2 --map-by slot:PE=2 --bind-to core" ""
words "Open MPI 5.0.11" 6 4 "launcher: mpirun -n 6 --oversubscribe --bind-to none" ""
words "MPICH 5.0.2" 2 4 "launcher: mpiexec -n 2 build/bin/neumf" "--allow-run-as-root"
words "Intel MPI 2021.19" 2 4 "I_MPI_PIN= I_MPI_PIN_DOMAIN=2" "launcher: mpirun"
words "Intel MPI 2021.19" 6 4 "I_MPI_PIN=0 I_MPI_PIN_DOMAIN=" "launcher: mpirun"
output=$(MPIRUN=nothing-like-this STUB_MPI="MPICH 5.0.2" RANKS=2 "$work/root/jobs/workstation.sh" 2>&1) && fail "a launcher that is missing"
grep -q 'no nothing-like-this in the PATH' <<<"$output" || fail "a launcher that is missing: $output"

echo "Ctrl-C"
for mpi in "Open MPI 4.1.4" "MPICH 5.0.2" "Intel MPI 2021.19"; do
  rm -f "$work/out"
  STUB_SECONDS=30 STUB_MPI=$mpi RANKS=2 "$work/root/jobs/workstation.sh" >"$work/out" 2>&1 &
  script=$!
  for ((i = 0; i < 200; ++i)); do
    grep -qs 'rank: started' "$work/out" && break
    sleep 0.1
  done
  kill -TERM $script # a shell's background jobs ignore SIGINT; the script treats both alike
  begun=$SECONDS
  wait $script
  status=$?
  [[ $status == 75 ]] || fail "$mpi: Ctrl-C ends with status $status: $(<"$work/out")"
  grep -q 'rank: SIGUSR1' "$work/out" || fail "$mpi: Ctrl-C: $(<"$work/out")"
  grep -q 'stopping after a checkpoint' "$work/out" || fail "$mpi: Ctrl-C says nothing: $(<"$work/out")"
  ((SECONDS - begun < 20)) || fail "$mpi: Ctrl-C took $((SECONDS - begun)) s"
done

echo "Ctrl-C twice"
rm -f "$work/out"
# Background jobs of a shell ignore SIGINT, and shells, as which the launcher and the rank come here, cannot change that.
STUB_STUCK=1 STUB_SECONDS=30 STUB_MPI="MPICH 5.0.2" RANKS=2 env --default-signal=INT "$work/root/jobs/workstation.sh" >"$work/out" 2>&1 &
script=$!
# until "text": it stands in the output
until_seen() {
  for ((i = 0; i < 200; ++i)); do
    grep -qs "$1" "$work/out" && return
    sleep 0.1
  done
}
until_seen 'rank: started'
kill -TERM $script
until_seen 'rank: SIGUSR1'
begun=$SECONDS
kill -TERM $script
wait $script && fail "Ctrl-C twice: status 0"
((SECONDS - begun < 15)) || fail "Ctrl-C twice does not end a rank that is stuck: $(<"$work/out")"
grep -q 'rank: SIGINT' "$work/out" || fail "Ctrl-C twice: $(<"$work/out")"
finish
