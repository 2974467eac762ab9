#!/usr/bin/env bash
# After MPI_Allreduce with MPI_MAX over values of which one is NaN, ranks can hold different results.
#
# Versions: MPICH 5.0.2, 2 and 3 ranks on one machine, one double per rank. (Open MPI 5.0.11 and Intel MPI 2021.18 gave all
#   ranks the same result, but whether it was NaN or the largest other value depended on which rank had the NaN.)
# Expected: an allreduce gives every rank the same value, whatever that is.
# Seen: with NaN on rank 0 of two, rank 0 receives rank 1's number and rank 1 receives NaN. Both compute "a > b ? a : b", but
#   with a and b exchanged. With NaN on the middle rank of three, nobody sees it.
# Why it matters: ranks that agree on a metric or a loss by MPI_MAX or MPI_MIN (early stopping, "has any rank diverged?",
#   gradient clipping by the largest norm) take different branches once a value is NaN, and the next collective waits
#   forever. Reduce a flag (isnan as an integer) instead, or let one rank decide and broadcast.
source "$(dirname "$0")/common.sh"
fresh mpich==5.0.2 mpi4py==4.1.2

cat >agree.py <<'PYTHON'
import math
from mpi4py import MPI

world = MPI.COMM_WORLD
for holder in range(world.size):
    mine = math.nan if world.rank == holder else float(world.rank + 1)
    values = (bytearray(8), bytearray(8))
    memoryview(values[0]).cast("d")[0] = mine
    world.Allreduce([values[0], MPI.DOUBLE], [values[1], MPI.DOUBLE], op=MPI.MAX)
    everyone = world.gather(memoryview(values[1]).cast("d")[0], root=0)
    if world.rank == 0:
        print(world.size, "ranks, NaN on", holder, "results", *everyone, flush=True)
PYTHON
for ranks in 2 3; do
  PATH=$folder/environment/bin:$PATH timeout 120 "$folder/environment/bin/mpiexec" -n "$ranks" "$python" agree.py
done | tee seen
grep -q '^2 ranks, NaN on 0 results 2.0 nan$' seen && grep -q '^3 ranks, NaN on 1 results 3.0 3.0 3.0$' seen ||
  changed "MPICH's ranks now agree on the maximum of a NaN and numbers, or treat it otherwise"
echo "unchanged: ranks disagree after an allreduce"
