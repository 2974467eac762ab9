# Shared by the scripts beside it: MPI on any machine, and what every test script has.
source "$(dirname "${BASH_SOURCE[0]}")/../checks.sh"
bin=$(cd "$1" && pwd)
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_btl_vader_single_copy_mechanism=none \
  OMPI_MCA_mpi_yield_when_idle=1  # more ranks than cores

# Whether the launcher loses parts of standard output (docs/mpi.md): ranks write it to files then.
[[ $(mpirun --version 2>&1) =~ Open\ MPI\)\ 5\.0\.([0-9]|10)($|[^0-9]) ]] && loses_output=1 || loses_output=0
# Sets `command` for RANKS PROGRAM ARGUMENTS...; 0 ranks are one without the launcher. And `written`, nothing or how the
# names of files with the ranks' output begin.
launch() {
  written="" command=("$bin/$2" "${@:3}")
  (($1 > 0)) || return 0
  if ((loses_output)); then
    written=$(mktemp -u "$work/written.XXXXXX")
    # shellcheck disable=SC2016  # of each rank
    command=(sh -c 'exec "$@" >"$0.$PMIX_RANK"' "$written" "${command[@]}")
  fi
  command=(mpirun -n "$1" --oversubscribe --bind-to none "${command[@]}")
}
# mpi RANKS PROGRAM ARGUMENTS...
mpi() {
  local command written status=0
  launch "$@"
  "${command[@]}" || status=$?
  [[ -z $written ]] || cat "$written".*
  return $status
}
# Ranks for who reads standard input, which launchers but Open MPI 4's lose.
[[ $(mpirun --version 2>&1) == *"Open MPI) 4."* ]] && input_ranks=2 || input_ranks=0

# last FILE KEY: the last value of a key in a file of JSON lines, without quotes
last() {
  grep -o "\"$2\":[^,}]*" "$1" | tail -n 1 | cut -d: -f2 | tr -d '"'
}
# expect WHAT GOT WANTED
expect() {
  [[ $2 == "$3" ]] || fail "$1: $2 instead of $3"
}

# expect_error RANKS "part of the message" ARGUMENTS... : neumf on RANKS ranks
expect_error() {
  local ranks=$1 part=$2
  shift 2
  local output status command written
  launch "$ranks" neumf "$@"
  # After a rank's failure Open MPI 4's launcher would wait two seconds for the others; all say what they have to first.
  output=$(OMPI_MCA_odls_base_sigkill_timeout=0 timeout 40 "${command[@]}" 2>&1)
  status=$?
  ((status == 124)) && fail "neumf $* on $ranks ranks: still running after 40 s"
  ((status != 0)) || fail "neumf $* on $ranks ranks: status 0"
  grep -qF -- "$part" <<<"$output" || fail "neumf $* on $ranks ranks: no '$part' in: $output"
  local count
  count=$(grep -c '^neumf: error' <<<"$output")
  ((count == 1)) || fail "neumf $* on $ranks ranks: $count messages instead of one: $output"
}

# launcher_of PID: the launcher that this shell started, or became. Open MPI 5's calls itself prterun.
launcher_of() {
  local names='mpirun|prterun|mpiexec|mpiexec.hydra'
  pgrep -P "$1" -x "$names" || { [[ $(ps -o comm= -p "$1") =~ ^($names)$ ]] && echo "$1"; }
}
# ranks_of PID: the ranks of a launcher. Hydra has a proxy between them.
ranks_of() {
  local proxy
  proxy=$(pgrep -P "$1" -x hydra_pmi_proxy)
  pgrep -P "${proxy:-$1}" -x neumf
}

# Sets `python` to one that has numpy and h5py, or skips the test. The packages of the distribution belong to its own
# python3, which another one may hide. NEUMF_TEST_PYTHON names one.
need_python() {
  for python in "${NEUMF_TEST_PYTHON:-python3}" /usr/bin/python3; do
    "$python" -c 'import h5py, numpy' 2>/dev/null && return
  done
  echo "skipped: python3 has no h5py or no numpy"
  exit 77
}
