#!/usr/bin/env bash
# The Python that README.md shows for reading data sets: it works on a data set, and fails on one that lacks a shard or has a
# damaged one. Some versions of HDF5 read both without an error.
source "$(dirname "$0")/common.sh"
need_python
readme=$(cd "$(dirname "$0")/../.." && pwd)/README.md

"$bin/neumf-preprocess" --synthetic 300x200x9000 --output "$work/data" --shards 3 >/dev/null || fail "preprocessing"
sed -n '/^### Reading it with h5py/,/^## /p' "$readme" | sed -n '/^```python$/,/^```$/p' | grep -v '^```' |
  sed "s|data/ml-20m|$work/copy|" >"$work/code.py"
echo 'print("user 7:", training_items_of_user_7[:3])' >>"$work/code.py"
# A copy to be damaged.
fresh() {
  rm -rf "$work/copy"
  cp -r "$work/data" "$work/copy"
}
echo "as it is"
fresh
"$python" "$work/code.py" >"$work/out" 2>&1 && grep -q '^user 7: ' "$work/out" || fail "$(<"$work/out")"

echo "a shard is missing"
for shard in 0 1 2; do
  fresh
  rm "$work/copy/shard-000$shard-of-0003.h5"
  "$python" "$work/code.py" >"$work/out" 2>&1 && fail "without shard $shard: status 0"
done

echo "a shard is damaged"
fresh
truncate -s 1000 "$work/copy/shard-0001-of-0003.h5"
"$python" "$work/code.py" >"$work/out" 2>&1 && fail "a shard that is cut off: status 0"
for what in data description; do
  for name in train/counts train/items test/items test/negatives; do
    fresh
    # Flips a bit of the first chunk of data, or of what describes the data set.
    "$python" - "$work/copy/shard-0001-of-0003.h5" $name $what <<'PYTHON' || fail "cannot damage $name"
import sys, h5py
path, name, what = sys.argv[1:]
with h5py.File(path) as file:
    offset = file[name].id.get_chunk_info(0).byte_offset + 8 if what == "data" else h5py.h5o.get_info(file[name].id).addr
with open(path, "r+b") as file:
    file.seek(offset)
    byte = file.read(1)[0]
    file.seek(offset)
    file.write(bytes([byte ^ 1]))
PYTHON
    "$python" "$work/code.py" >"$work/out" 2>&1 && fail "damaged $what of $name: status 0"
  done
done
finish
