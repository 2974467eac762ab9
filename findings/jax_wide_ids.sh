#!/usr/bin/env bash
# JAX turns 64-bit ids of a NumPy array into other, valid ids; the same ids in a list are an error.
#
# Versions: jax 0.10.2 on the CPU, numpy 2.4.6, 64-bit types not enabled.
# Expected: ids that do not fit into int32 are an error, as jnp.array([2**32 + 5]) is (OverflowError), or a warning.
# Seen: jnp.asarray of an int64 array with 5, 2**32 + 5 and 2**40 + 7 is int32 with 5, 5 and 7: the upper half is cut off
#   without a word. unsigned 2**63 + 5 is 5 too.
# Why it matters: raw user or item ids (hashes, snowflake ids, user * items + item) are small again after the cut, so lookups,
#   segment sums and hash buckets mix users, and a test with a list of ids fails while the pipeline, which has NumPy
#   arrays, does not. Map ids to dense ones in NumPy before they reach JAX, or enable 64-bit types first.
source "$(dirname "$0")/common.sh"
fresh jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6

JAX_PLATFORMS=cpu "$python" -W error - <<'PYTHON' || changed "wide ids are now kept, refused or warned of"
import sys
import jax.numpy as jnp
import numpy

ids = numpy.array([5, 2**32 + 5, 2**40 + 7])
array = jnp.asarray(ids)
hashes = jnp.asarray(numpy.array([2**63 + 5], "u8"))
print(f"NumPy {ids.tolist()} -> {array.dtype} {array.tolist()}; {2**63 + 5} -> {hashes.dtype} {hashes.tolist()}")
try:
    refused = f"gives {jnp.asarray(ids.tolist())}"
except OverflowError as error:
    refused = "OverflowError"
print("the same as a list:", refused)
sys.exit(not (array.tolist() == [5, 5, 7] and hashes.tolist() == [5] and refused == "OverflowError"))
PYTHON
echo "unchanged: ids are cut to 32 bits"
