#!/usr/bin/env bash
# The Python tools: state dictionaries of PyTorch there and back, curves from logs.
source "$(dirname "$0")/common.sh"
need_python
tools=$(cd "$(dirname "$0")/../../tools" && pwd)

"$bin/neumf-preprocess" --synthetic 300x150x9000 --output "$work/data" --shards 2 >/dev/null || fail "preprocessing"
formats=(npz)
"$python" -c 'import safetensors' 2>/dev/null && formats+=(safetensors)
"$python" -c 'import torch' 2>/dev/null && formats+=(pth)
echo "formats: ${formats[*]}"
for model in neumf gmf mlp; do
  mpi 2 neumf --data "$work/data" --model $model --factors 8 --layers 16 8 6 --batch_size 1000 --learning_rate 0.005 \
    --epochs 2 --threads 1 --checkpoint_dir "$work/$model" --log_path "$work/$model.json" >/dev/null || fail "training"
  want=$(mpi 1 neumf --data "$work/data" --mode test --load_checkpoint_path "$work/$model/best.h5" | tail -n 1)
  for format in "${formats[@]}"; do
    "$python" "$tools/convert_pytorch.py" export "$work/$model/best.h5" "$work/state.$format" || fail "export"
    "$python" "$tools/convert_pytorch.py" import "$work/state.$format" "$work/back/best.h5" --data "$work/data" ||
      fail "import"
    got=$(mpi 2 neumf --data "$work/data" --mode test --load_checkpoint_path "$work/back/best.h5" | tail -n 1)
    [[ ${got%;*} == "${want%;*}" ]] || fail "$model as $format: '$got' instead of '$want'"
  done
done

# The exported tensors mean what the reference's modules compute.
"$python" "$tools/convert_pytorch.py" export "$work/neumf/best.h5" "$work/neumf.npz" || fail "export"
"$python" - "$work/data" "$work/neumf.npz" "$work/neumf.json" <<'PYTHON' || fail "the state dictionary's HR@10"
import json, sys
import h5py, numpy as np

with h5py.File(sys.argv[1] + "/dataset.h5") as f:
    held_out, negatives = f["test/items"][:].astype(int), f["test/negatives"][:].astype(int)
s = {name: value.astype(float) for name, value in np.load(sys.argv[2]).items()}
users = np.arange(len(held_out))[:, None]
items = np.concatenate([held_out[:, None], negatives], axis=1)
mf = s["mf_user_embed.weight"][users] * s["mf_item_embed.weight"][items]
x = np.concatenate(np.broadcast_arrays(s["mlp_user_embed.weight"][users], s["mlp_item_embed.weight"][items]), axis=-1)
for number in range(2):
    x = np.maximum(x @ s[f"mlp.{number}.weight"].T + s[f"mlp.{number}.bias"], 0)
scores = (np.concatenate([mf, x], axis=-1) @ s["final.weight"].T + s["final.bias"])[:, :, 0]
hits = 0
for u in range(len(held_out)):
    better = {i for i, score in zip(items[u, 1:], scores[u, 1:]) if score >= scores[u, 0]} - {held_out[u]}
    hits += len(better) < 10
want = next(entry["best_accuracy"] for entry in map(json.loads, open(sys.argv[3])) if entry["type"] == "summary")
sys.exit(abs(hits / len(held_out) - want) > 1e-9)
PYTHON
# A whole state dictionary of another shape, and files that are none.
"$python" - "$work/neumf.npz" "$work/bad.npz" <<'PYTHON'
import sys
import numpy as np
s = dict(np.load(sys.argv[1]))
s["mlp.1.weight"] = s["mlp.1.weight"][:, 1:]
np.savez(sys.argv[2], **s)
PYTHON
"$python" "$tools/convert_pytorch.py" import "$work/bad.npz" "$work/bad/best.h5" --data "$work/data" 2>"$work/err" &&
  fail "a damaged state dictionary was imported"
grep -q 'mlp.1.weight has the shape' "$work/err" || fail "$(cat "$work/err")"
[[ ! -e $work/bad/best.h5 ]] || fail "a failed import left a checkpoint"

# refused FILE "part of the message": neither a traceback nor a checkpoint.
refused() {
  "$python" "$tools/convert_pytorch.py" import "$work/$1" "$work/bad/best.h5" --data "$work/data" >"$work/err" 2>&1 &&
    fail "$1 was imported"
  grep -qF -- "$2" "$work/err" || fail "$1: no '$2' in: $(<"$work/err")"
  grep -q '^convert_pytorch.py: ' "$work/err" || fail "$1: $(<"$work/err")"
  [[ ! -e $work/bad/best.h5 ]] || fail "$1 left a checkpoint"
}
"$python" - "$work" <<'PYTHON' || fail "files to refuse"
import json, struct, sys
import numpy as np
work = sys.argv[1]
s = {name: np.asarray(value, np.float32) for name, value in np.load(work + "/neumf.npz").items()}

def safetensors(name, encode, kind, cut=0):
    header, body = {}, b""
    for key, value in s.items():
        raw = encode(value)
        header[key] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    data = struct.pack("<Q", len(text)) + text + body
    open(f"{work}/{name}", "wb").write(data[:len(data) - cut])

bfloat16 = lambda value: (np.ascontiguousarray(value).view(np.uint32) >> 16).astype("<u2").tobytes()
safetensors("bf16.safetensors", bfloat16, "BF16")
safetensors("cut.safetensors", bfloat16, "BF16", 10)
safetensors("f8.safetensors", lambda value: bytes(value.size), "F8_E4M3")
open(work + "/short.safetensors", "wb").write(b"\x10\0\0")
open(work + "/text.safetensors", "wb").write(struct.pack("<Q", 4) + b"[1]\n")
for name in ("empty.pth", "empty.npz", "empty.safetensors"):
    open(f"{work}/{name}", "wb")
whole = open(work + "/neumf.npz", "rb").read()
open(work + "/cut.npz", "wb").write(whole[:len(whole) // 2])
PYTHON
"$python" "$tools/convert_pytorch.py" import "$work/bf16.safetensors" "$work/bf16/best.h5" --data "$work/data" || fail "bfloat16"
"$python" - "$work" <<'PYTHON' || fail "bfloat16 values"
import glob, sys
import h5py, numpy as np
work = sys.argv[1]
want = np.load(work + "/neumf.npz")["mf_user_embed.weight"]
with h5py.File(glob.glob(work + "/bf16/best.*.part-*.h5")[0]) as f:
    got = f["model/user_gmf"][:]
sys.exit(not (np.abs(got - want) <= np.abs(want) / 128).all())
PYTHON
refused cut.safetensors "the file is cut"
refused f8.safetensors "F8_E4M3"
refused short.safetensors "cut or not of the safetensors format"
refused text.safetensors "header"
for format in pth npz safetensors; do refused empty.$format "is empty"; done
refused cut.npz "not a whole .npz file"
if [[ " ${formats[*]} " == *" pth "* ]]; then
  "$python" - "$work" <<'PYTHON' || fail "files of PyTorch"
import sys
import numpy as np, torch
work = sys.argv[1]
s = {name: torch.from_numpy(np.array(value)) for name, value in np.load(work + "/neumf.npz").items()}
torch.save({name: torch.nn.Parameter(value.bfloat16()) for name, value in s.items()} | {"step": 7}, work + "/parameters.pth")
torch.save([s], work + "/list.pth")
open(work + "/cut.pth", "wb").write(open(work + "/parameters.pth", "rb").read()[:-2000])
PYTHON
  "$python" "$tools/convert_pytorch.py" import "$work/parameters.pth" "$work/parameters/best.h5" --data "$work/data" ||
    fail "parameters and a number beside them"
  refused list.pth "holds a list"
  refused cut.pth "PyTorch cannot read it"
fi
# A part that is a copy of another one, and one that is missing.
cp -r "$work/neumf" "$work/twice"
cp "$work"/twice/best.*.part-0000-*.h5 "$(echo "$work"/twice/best.*.part-0001-*.h5)"
"$python" "$tools/convert_pytorch.py" export "$work/twice/best.h5" "$work/twice.npz" 2>"$work/err" && fail "a copied part was exported"
grep -q 'copy of another part' "$work/err" || fail "a copied part: $(<"$work/err")"
rm "$work"/twice/best.*.part-0001-*.h5
"$python" "$tools/convert_pytorch.py" export "$work/twice/best.h5" "$work/twice.npz" 2>"$work/err" && fail "a missing part was exported"
grep -q 'is missing' "$work/err" || fail "a missing part: $(<"$work/err")"

"$python" "$tools/plot_log.py" "$work/neumf.json" "$work/gmf.json" --csv "$work/curves.csv" || fail "CSV"
[[ $(wc -l <"$work/curves.csv") == 5 ]] || fail "the CSV file is not two runs of two epochs: $(cat "$work/curves.csv")"
grep -q '^run,epoch,time,.*hr@10' <<<"$(head -n 1 "$work/curves.csv")" || fail "columns: $(head -n 1 "$work/curves.csv")"
"$python" "$tools/plot_log.py" "$work/data/dataset.h5" --csv - 2>/dev/null && fail "a data set was taken for a log"
if "$python" -c 'import matplotlib' 2>/dev/null; then
  "$python" "$tools/plot_log.py" "$work/neumf.json" "$work/gmf.json" --output "$work/curves.png" || fail "picture"
  [[ -s $work/curves.png ]] || fail "no picture"
fi
finish
