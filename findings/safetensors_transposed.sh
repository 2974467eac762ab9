#!/usr/bin/env bash
# safetensors writes a transposed or strided NumPy array with its values in the wrong places.
#
# Versions: safetensors 0.8.0 (safetensors.numpy), numpy 2.4.6.
# Expected: what is saved is what is loaded, as for a big-endian array; for PyTorch the same package refuses tensors that
#   are not contiguous.
# Seen: the transpose [[0, 3], [1, 4], [2, 5]] of a 2 x 3 array comes back as [[0, 1], [2, 3], [4, 5]]: shape and type are
#   right, the values lie as in memory. So do those of an array in Fortran order, and a view of every second column holds
#   the neighbours instead. No warning. (safetensors 0.7.0 was right; reported upstream as issue 825.)
# Why it matters: weights are transposed when a model changes frameworks (a Keras kernel is [in, out], a PyTorch weight
#   [out, in]), and factors of SciPy's and LAPACK's decompositions are in Fortran order. Shapes fit, the model loads and
#   recommends at random. Save numpy.ascontiguousarray(x).
source "$(dirname "$0")/common.sh"
fresh safetensors==0.8.0 numpy==2.4.6

"$python" - <<'PYTHON' || changed "arrays that are not contiguous are now saved rightly, or refused"
import sys
import numpy
from safetensors.numpy import load, save

weights = numpy.arange(6, dtype="f4").reshape(2, 3)
arrays = {"transpose": weights.T, "Fortran order": numpy.asfortranarray(weights), "every second column": weights[:, ::2],
          "big-endian": weights.astype(">f4"), "transpose, contiguous": numpy.ascontiguousarray(weights.T)}
kept = {}
for name, array in arrays.items():
    loaded = load(save({"w": array}))["w"]
    kept[name] = numpy.array_equal(loaded, array)
    print(f"{name}: {array.tolist()} is loaded as {loaded.tolist()}")
sys.exit(list(kept.values()) != [False, False, False, True, True])
PYTHON
echo "unchanged: a transposed or strided array is saved as its memory lies"
