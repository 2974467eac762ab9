#!/usr/bin/env bash
# Launchers of another MPI, and those that lose standard input: noticed, and refused with a remedy.
source "$(dirname "$0")/common.sh"

# refused "part of the message" VARIABLE=VALUE... -- ARGUMENTS...: one process, as such a launcher would start it
refused() {
  local part=$1 variables=() output
  shift
  while [[ $1 != -- ]]; do variables+=("$1") && shift; done
  shift
  output=$(env "${variables[@]}" timeout 40 "$bin/neumf" "$@" 2>&1 </dev/null) && fail "${variables[*]}: status 0"
  grep -qF -- "$part" <<<"$output" || fail "${variables[*]}: no '$part' in: $output"
}
other=(PMI_SIZE=2 HYDI_CONTROL_FD=7) name="MPICH's mpiexec" # another MPI than neumf's
if "$bin/neumf" --version | grep -E '^MPI *(MPICH|Intel)' >/dev/null; then
  other=(OMPI_COMM_WORLD_SIZE=2) name="Open MPI's mpirun"
fi

echo "another MPI's launcher"
refused "$name started 2 processes" "${other[@]}" PMI_RANK=0 OMPI_COMM_WORLD_RANK=0 -- --version
output=$(env "${other[@]}" PMI_RANK=1 OMPI_COMM_WORLD_RANK=1 "$bin/neumf" --version 2>&1) && fail "the second process: status 0"
[[ -z $output ]] || fail "the second process says it again: $output"
if [[ $name == MPICH* ]] && command -v mpiexec.mpich >/dev/null; then
  output=$(timeout 40 mpiexec.mpich -n 2 "$bin/neumf" train --data "$work/none" 2>&1) && fail "mpiexec.mpich: status 0"
  [[ $(grep -c "started 2 processes" <<<"$output") == 1 ]] || fail "mpiexec.mpich: $output"
fi

echo "standard input"
for launcher in "MPICH's mpiexec:PMI_SIZE=1 PMI_RANK=0 HYDI_CONTROL_FD=7" \
  "Open MPI's mpirun:OMPI_COMM_WORLD_SIZE=1 OMPI_COMM_WORLD_RANK=0 PRTE_LAUNCHED=1"; do
  read -ra variables <<<"${launcher#*:}"
  refused "--users -: ${launcher%%:*}" "${variables[@]}" -- recommend --load_checkpoint_path "$work/none.h5" --users -
  refused "--pairs -: ${launcher%%:*}" "${variables[@]}" -- score --load_checkpoint_path "$work/none.h5" --pairs -
done

echo "one line for the MPI"
[[ $("$bin/neumf" --version | grep -c .) == 6 ]] || fail "--version: $("$bin/neumf" --version)"
[[ $("$bin/neumf" --version | sed -n 2p) =~ ^MPI\ +[A-Z][A-Za-z\ ]*\ [0-9][0-9.rc]*$ ]] || fail "--version: $("$bin/neumf" --version)"
finish
