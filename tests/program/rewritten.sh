#!/usr/bin/env bash
# Data sets and models that other programs have written again: what HDF5 reads counts as if nothing had happened, and what it
# does not is named with the way out.
source "$(dirname "$0")/common.sh"
need_python

"$bin/neumf-preprocess" --synthetic 300x200x9000 --output "$work/data" --shards 2 >/dev/null || fail "preprocessing"
settings=(--factors 4 --layers 16 8 --batch_size 2048 --dropout 0 --threads 1 --epochs 1)
result() { sed -n 's/^best \(HR@10 [0-9.]*, NDCG@10 [0-9.]*\).*/\1/p'; }
train() { timeout 60 "$bin/neumf" --data "$work/$1" "${settings[@]}" --checkpoint_dir "$work/run-$1" 2>&1; }
wanted=$(train data | result)
[[ $wanted ]] || fail "training"

# rewrite NAME 'PYTHON': every file of the data set again as NAME, by h5py. PYTHON sets, for the data set `name` with `values`,
# `options` (of create_dataset) and `values`; before a `---`, for the whole file, `text(value)` of attributes, and
# `file_options` of h5py.File.
cat >"$work/rewrite.py" <<'PYTHON'
import glob, os, sys, h5py, numpy as np
source, target, code = sys.argv[1:]
file_code, code = code.split("---") if "---" in code else ("", code)
os.makedirs(target)
for path in glob.glob(source + "/*.h5"):
    scope = {"np": np, "h5py": h5py, "file_options": {}, "text": np.bytes_}
    exec(file_code, scope)
    with h5py.File(path) as old, h5py.File(os.path.join(target, os.path.basename(path)), "w", **scope["file_options"]) as new:
        for key, value in old.attrs.items():
            new.attrs[key] = scope["text"](value) if isinstance(value, (str, bytes)) else value
        def copy(name, item):
            if not isinstance(item, h5py.Dataset) or item.is_virtual:
                return
            scope.update(name=name, values=item[:], options={})
            exec(code, scope)
            new.create_dataset(name, data=scope["values"], **scope["options"])
        old.visititems(copy)
PYTHON
rewrite() { rm -rf "${work:?}/$1" && "$python" "$work/rewrite.py" "$work/data" "$work/$1" "$2" || fail "cannot write $1"; }

# same NAME 'PYTHON' / refused NAME 'PYTHON' "part of the message"...
same() {
  rewrite "$1" "$2"
  local output
  output=$(train "$1")
  [[ $(result <<<"$output") == "$wanted" ]] || fail "$1: instead of $wanted: $output"
}
refused() {
  rewrite "$1" "$2"
  refuses "$1" "${@:3}"
}
refuses() {
  local output part
  output=$(train "$1") && fail "$1: status 0"
  for part in "${@:2}"; do grep -qF -- "$part" <<<"$output" || fail "$1: no '$part' in: $output"; done
}
numbers='if values.dtype.kind == "u": '

echo "other types, orders and filters"
same plain ""
same big_endian "${numbers}values = values.astype('>i8')"
same gzip "options = dict(compression='gzip', shuffle=True) if values.size > 1 else {}"
same latest "file_options = dict(libver=('earliest', 'v110'))---"
if command -v h5repack >/dev/null; then
  mkdir "$work/repacked"
  for file in "$work"/data/*.h5; do
    h5repack -f GZIP=1 "$file" "$work/repacked/$(basename "$file")" || fail "h5repack"
  done
  output=$(train repacked)
  [[ $(result <<<"$output") == "$wanted" ]] || fail "h5repack: instead of $wanted: $output"
else
  echo "  h5repack is missing: not tried"
fi

echo "what is not read"
refused lzf "options = dict(compression='lzf') if name == 'train/items' else {}" "/train/items is stored with the filter 'lzf'" "h5repack"
refused texts "text = str---" "attribute 'dataset_id' holds strings of variable length" "np.bytes_"
refused ids "if values.dtype.kind == 'S': values, options = values.astype(object), dict(dtype=h5py.string_dtype())" \
  "holds strings of variable length" "astype('S')"
refused large_items "if name == 'train/items': values = values.astype('u8') + 2**40" "/train/items" "integer type"
cp -r "$work/plain" "$work/newer"
printf '\x09' | dd of="$work/newer/dataset.h5" bs=1 seek=8 conv=notrunc status=none # the version of the file format
refuses newer "dataset.h5: not a readable HDF5 file" "libver" "or the file is damaged"

echo "models"
tested() { timeout 60 "$bin/neumf" --data "$work/data" --mode test --load_checkpoint_path "$1/best.h5" 2>&1; }
wanted=$(tested "$work/run-data" | sed -n 's/^\(HR@10 [0-9.]*\).*/\1/p')
[[ $wanted ]] || fail "testing: $(tested "$work/run-data")"
"$python" "$work/rewrite.py" "$work/run-data" "$work/model" \
  "if name.startswith('model/'): values, options = values.astype('>f8'), dict(compression='gzip')" || fail "cannot write the model"
output=$(tested "$work/model")
[[ $(sed -n 's/^\(HR@10 [0-9.]*\).*/\1/p' <<<"$output") == "$wanted" ]] || fail "a model as big-endian doubles, instead of $wanted: $output"
"$python" "$work/rewrite.py" "$work/run-data" "$work/half" "if name.startswith('model/'): values = values.astype('f2')" || fail "cannot write the model"
tested "$work/half" | grep '^HR@10 ' >/dev/null || fail "a model in float16: $(tested "$work/half")"
finish
