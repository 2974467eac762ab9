#!/usr/bin/env bash
# Numbers that do not fit into an HDF5 data set are clamped by h5py, not wrapped as by numpy and not refused.
#
# Versions: h5py 3.16.0 (HDF5 2.0.0), numpy 2.2.6.
# Expected: dataset[:] = array does what array.astype(the data set's type) does: 300 as int8 is 44.
# Seen: HDF5 converts, and clamps: 300 becomes 127, -1 as unsigned 0. A Python list goes through numpy first and is refused.
#   Reading in a narrower type depends on the spelling: dataset.astype("u1")[:] clamps, dataset[:].astype("u1") wraps.
#     int8 <- [300, -300, 5]: HDF5 [127, -128, 5], numpy [44, -44, 5]
#     uint8 <- [-1, 256, 5]: HDF5 [0, 255, 5], numpy [255, 0, 5]
#     reading [300, -1, 70000] as uint8: [255, 0, 255] or [44, 255, 112]
#     a list [300, -300, 5] into int8: OverflowError
# Why it matters: an id or a count too large for its data set becomes the largest valid one, so that many users share it.
#   Check ranges before writing.
source "$(dirname "$0")/common.sh"
fresh h5py==3.16.0 numpy==2.2.6

"$python" - <<'PYTHON' || changed "numbers that do not fit are converted otherwise"
import h5py
import numpy as np

file = h5py.File("file.h5", "w")
for kind, values, want in (("int8", [300, -300, 5], [127, -128, 5]), ("uint8", [-1, 256, 5], [0, 255, 5])):
    array = np.array(values)
    dataset = file.create_dataset(kind, shape=(3,), dtype=kind)
    dataset[:] = array
    print(f"{kind} <- {values}: HDF5 {dataset[:].tolist()}, numpy {array.astype(kind).tolist()}")
    assert dataset[:].tolist() == want != array.astype(kind).tolist()
wide = file.create_dataset("wide", data=np.array([300, -1, 70000]))
clamped, wrapped = wide.astype("u1")[:].tolist(), wide[:].astype("u1").tolist()
print(f"reading [300, -1, 70000] as uint8: {clamped} or {wrapped}")
assert clamped == [255, 0, 255] and wrapped == [44, 255, 112]
try:
    file["int8"][:] = [300, -300, 5]
    raise SystemExit("a list is clamped, too")
except OverflowError:
    print("a list [300, -300, 5] into int8: OverflowError")
PYTHON
echo "unchanged: HDF5 clamps"
