#!/usr/bin/env bash
# Models as numpy, safetensors and ONNX files, which give the scores and the lists that neumf gives.
source "$(dirname "$0")/common.sh"
need_python

# Ids that are not ASCII, of different lengths.
awk 'BEGIN { srand(5); for (u = 0; u < 60; ++u) for (i = 0; i < 50; ++i) if (rand() < 0.4) printf "ü%d,i%dé,%d\n", u, i, rand() * 1e6 }' >"$work/data.csv"
"$bin/neumf-preprocess" --threads 1 --min_ratings 1 --header no --user_column 1 --item_column 2 --time_column 3 --input "$work/data.csv" --output "$work/data" --shards 2 >/dev/null || fail "preprocessing"
cat >"$work/check.py" <<'PYTHON'
import csv, json, sys
import numpy as np

model, work = sys.argv[1:]
m = np.load(f"{work}/{model}.npz", allow_pickle=False)
users = {user: row for row, user in enumerate(m["user_ids"].tolist())}
items = {item: row for row, item in enumerate(m["item_ids"].tolist())}
assert "ü7" in users and "i3é" in items, (list(users)[:3], list(items)[:3])
pairs = [(users[u], items[i], float(s)) for u, i, s in list(csv.reader(open(f"{work}/{model}.scores")))[1:]]
user, item = (np.array([pair[k] for pair in pairs]) for k in (0, 1))
want = np.array([pair[2] for pair in pairs])
assert len(want) == 60 * 50

def near(got, what):
    worst = np.abs(np.ravel(got) - want).max()
    assert worst < 2e-5, f"{what} is off by {worst}"

# The formulas of the README's section on checkpoints.
logit = np.full(len(want), m["head_bias"][0], float)
if "user_gmf" in m:
    logit += (m["user_gmf"][user] * m["item_gmf"][item]) @ m["head_gmf"]
if "user_mlp" in m:
    x = np.maximum(m["user_mlp"][user] @ m["pair_user"].T + m["item_mlp"][item] @ m["pair_item"].T + m["pair_bias"], 0)
    number = 1
    while f"hidden{number}_weight" in m:
        x = np.maximum(x @ m[f"hidden{number}_weight"].T + m[f"hidden{number}_bias"], 0)
        number += 1
    logit += x @ m["head_mlp"]
near(logit, "npz")

# safetensors: the format is short enough to be read here, and by its package where that is.
data = open(f"{work}/{model}.safetensors", "rb").read()
length = int.from_bytes(data[:8], "little")
header = json.loads(data[8:8 + length])
assert length % 8 == 0 and header.pop("__metadata__")["created_by"].startswith("neumf ")
assert max(entry["data_offsets"][1] for entry in header.values()) == len(data) - 8 - length
for name, entry in header.items():
    begin, end = entry["data_offsets"]
    value = np.frombuffer(data[8 + length + begin:8 + length + end], {"F32": "<f4", "U8": "u1"}[entry["dtype"]]).reshape(entry["shape"])
    if name.endswith("_ids"):
        assert [bytes(row).rstrip(b"\0").decode() for row in value] == m[name].tolist(), name
    else:
        assert np.array_equal(value, m[name]), name
assert set(header) == set(m.files)
try:
    from safetensors.numpy import load_file
    assert np.array_equal(load_file(f"{work}/{model}.safetensors")["head_bias"], m["head_bias"])
except ImportError:
    print("skipped: reading by the package safetensors, which is not here")

try:
    import onnxruntime
except ImportError:
    print("skipped: the ONNX file in onnxruntime, which is not here")
else:
    session = onnxruntime.InferenceSession(f"{work}/{model}.onnx", providers=["CPUExecutionProvider"])
    near(session.run(["logit"], {"user": user, "item": item})[0], "ONNX")
    assert session.run(None, {"user": user[:1], "item": item[:1]})[0].shape == (1,)
    ids = session.get_modelmeta().custom_metadata_map
    assert json.loads(ids["user_ids"]) == m["user_ids"].tolist() and json.loads(ids["item_ids"]) == m["item_ids"].tolist()
try:
    import onnx
    onnx.checker.check_model(f"{work}/{model}.onnx", full_check=True)
except ImportError:
    print("skipped: onnx's own check, which is not here")

# The best of inner products, from the arrays as they are.
if model == "gmf":
    lists = {}
    for u, rank, i, *_ in list(csv.reader(open(f"{work}/gmf.top")))[1:]:
        lists.setdefault(users[u], []).append(items[i])
    def compare(best, what):
        for u, row in lists.items():
            assert row == best[u].tolist(), f"{what}, user {u}: {best[u].tolist()} instead of {row}"
    compare(np.argsort(-(m["user_gmf"] @ m["gmf_item_vectors"].T), axis=1, kind="stable")[:, :10], "numpy")
    try:
        import faiss
    except ImportError:
        print("skipped: the lists of faiss, which is not here")
    else:
        index = faiss.IndexFlatIP(m["gmf_item_vectors"].shape[1])
        index.add(m["gmf_item_vectors"])
        compare(index.search(m["user_gmf"], 10)[1], "faiss")
PYTHON

for u in {0..59}; do for i in {0..49}; do echo "ü$u,i${i}é"; done; done >"$work/pairs.csv"
for model in neumf gmf mlp; do
  mpi 2 neumf train --data "$work/data" --model $model --factors 8 --layers 16 8 4 --batch_size 256 --learning_rate 0.01 --epochs 3 \
    --threads 1 --checkpoint_dir "$work/run.$model" >/dev/null || fail "training"
  checkpoint=$work/run.$model/best.h5
  "$bin/neumf" export "$checkpoint" "$work/$model.npz" || fail "export as npz"
  "$bin/neumf" export --format safetensors "$checkpoint" "$work/$model.safetensors" || fail "export as safetensors"
  "$bin/neumf" export "$checkpoint" - --format=onnx >"$work/$model.onnx" || fail "export as ONNX"
  "$bin/neumf" score --load_checkpoint_path "$checkpoint" --threads 1 --pairs "$work/pairs.csv" --output "$work/$model.scores" 2>/dev/null || fail "score"
  "$bin/neumf" recommend --load_checkpoint_path "$checkpoint" --threads 1 --output "$work/$model.top" 2>/dev/null || fail "recommend"
  "$python" "$work/check.py" $model "$work" || fail "the files of $model"
done

# The same bytes again, and on several ranks.
mpi 3 neumf export "$checkpoint" "$work/again.npz" && cmp "$work/mlp.npz" "$work/again.npz" || fail "another npz on 3 ranks"

# Mistakes; none leaves a file.
expect_error 2 "its name does not end in .npz, .safetensors or .onnx" export "$checkpoint" "$work/none"
expect_error 1 "--format h5: must be one of npz, safetensors, onnx" export --format h5 "$checkpoint" "$work/none"
expect_error 1 "neumf export MODEL FILE" export "$checkpoint"
expect_error 1 "is one name too many" export "$checkpoint" "$work/none.npz" more
expect_error 2 "not a neumf checkpoint" export "$work/data/dataset.h5" "$work/none.npz"
expect_error 3 "none.h5: no such file" export "$work/none.h5" "$work/none.onnx"
expect_error 1 "/no/such/place" export "$checkpoint" /no/such/place/none.npz
expect_error 1 "cannot write" export --format npz "$checkpoint" /dev/full
mkdir "$work/broken"
cp "$work/run.mlp"/best* "$work/broken/"
for part in "$work/broken"/best.*.part-0001*; do rm "$part"; done
for format in npz safetensors onnx; do expect_error 1 "part-0001-of-0002" export "$work/broken/best.h5" "$work/none.$format"; done
(ulimit -f 4; "$bin/neumf" export "$work/run.neumf/best.h5" "$work/none.npz" 2>"$work/limited") && fail "a file that could not grow"
grep -q "^neumf: error: .*none.npz.*File too large" "$work/limited" || fail "a file that could not grow: $(<"$work/limited")"
compgen -G "$work/none*" && fail "a failed export left a file"
finish
