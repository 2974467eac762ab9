# shellcheck shell=bash
# Shared by the scripts of this folder: where programs are, how ranks are started, and small tools.
#
#   BIN    directory of the programs; default: build/bin
#   DATA   directory where data sets are kept; default: data
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BIN=${BIN:-$root/build/bin}
DATA=${DATA:-$root/data}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

need_programs() {
  local program
  for program in "$@"; do
    [[ -x $BIN/$program ]] || { echo "$(basename "$0"): $BIN/$program is missing; build first, or set BIN" >&2; exit 1; }
  done
}

# Makes a synthetic data set unless it is there: synthetic NAME_OR_SIZE DIRECTORY [option...]
synthetic() {
  local name=$1 directory=$2
  shift 2
  [[ -e $directory/dataset.h5 ]] || "$BIN/neumf-preprocess" --synthetic "$name" --output "$directory" "$@" >/dev/null
}

# How to start neumf on some ranks of some threads, in the array `launch`: launcher RANKS THREADS [PROGRAM]
launcher() {
  local ranks=$1 threads=$2 program=${3:-$BIN/neumf}
  local binding=(--bind-to none)
  # A rank of one thread keeps its core; several ranks of several threads get as many cores each.
  if ((ranks > 1 && ranks * threads <= $(nproc))); then binding=(--map-by "slot:PE=$threads" --bind-to core); fi
  # shellcheck disable=SC2034  # used by the scripts that read this file
  launch=(mpirun -n "$ranks" --oversubscribe "${binding[@]}" "$program" --threads "$threads" --progress never)
}

# Runs a command, and appends its seconds and the peak of resident memory of its largest descendant in KiB, such as a rank
# of mpirun, to a file: with_peak FILE COMMAND...
with_peak() {
  "${PYTHON:-python3}" -c 'import resource, subprocess, sys, time
begin = time.perf_counter()
status = subprocess.call(sys.argv[2:])
seconds = time.perf_counter() - begin
print(seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=open(sys.argv[1], "a"))
sys.exit(status)' "$@"
}

# The values of a key in a file of JSON lines: json_values FILE KEY [TYPE]
json_values() {
  { if [[ -n ${3:-} ]]; then grep "\"type\":\"$3\"" "$1"; else cat "$1"; fi; } |
    grep -o "\"$2\":[^,}]*" | cut -d: -f2- || true
}

# Of the numbers on standard input.
median() {
  sort -g | awk '{ v[NR] = $1 } END { if (NR) printf "%.6g\n", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# "1234567" -> "1.23 M"
human() {
  awk -v x="${1:-}" 'BEGIN {
    if (x == "") { print "-"; exit }
    n = split(", k, M, G", prefix, ","); i = 1
    while (x >= 999.5 && i < n) { x /= 1000; ++i }
    printf("%.3g%s\n", x, prefix[i]) }'
}

# a / b, to three digits; "-" where there is none.
ratio() {
  awk -v a="${1:-}" -v b="${2:-}" 'BEGIN { if (a == "" || b == "" || b == 0) print "-"; else printf "%.3g\n", a / b }'
}
