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

"$python" "$tools/plot_log.py" "$work/neumf.json" "$work/gmf.json" --csv "$work/curves.csv" || fail "CSV"
[[ $(wc -l <"$work/curves.csv") == 5 ]] || fail "the CSV file is not two runs of two epochs: $(cat "$work/curves.csv")"
head -n 1 "$work/curves.csv" | grep -q '^run,epoch,time,.*hr@10' || fail "columns: $(head -n 1 "$work/curves.csv")"
"$python" "$tools/plot_log.py" "$work/data/dataset.h5" --csv - 2>/dev/null && fail "a data set was taken for a log"
if "$python" -c 'import matplotlib' 2>/dev/null; then
  "$python" "$tools/plot_log.py" "$work/neumf.json" "$work/gmf.json" --output "$work/curves.png" || fail "picture"
  [[ -s $work/curves.png ]] || fail "no picture"
fi
finish
