"""Writes random weights as the NCF paper's Keras programs do and prints the HR@10 and NDCG@10 that they have.

    keras_weights.py DATA MODEL OUTPUT      MODEL: gmf, mlp or neumf

Everything is computed here with numpy, in double precision, from the data set's files.
"""
import sys

import h5py
import numpy as np

FACTORS, LAYERS = 6, [16, 12, 8]


def main(data, model, output):
    with h5py.File(f"{data}/dataset.h5") as f:
        users, items = int(f.attrs["users"]), int(f.attrs["items"])
        held_out, negatives = f["test/items"][:].astype(int), f["test/negatives"][:].astype(int)

    random = np.random.default_rng(7)
    weights = {}  # (layer, ending) -> matrix

    def draw(layer, ending, *shape):
        weights[layer, ending] = random.normal(0, 0.5, shape).astype(np.float32)
        return weights[layer, ending].astype(float)

    fused = model == "neumf"
    parts, widths = [], []
    u, i = np.arange(users)[:, None], np.arange(items)[None, :]  # every pair, by broadcasting
    if model in ("gmf", "neumf"):
        p = draw("mf_embedding_user" if fused else "user_embedding", "W", users, FACTORS)
        q = draw("mf_embedding_item" if fused else "item_embedding", "W", items, FACTORS)
        parts.append(p[u] * q[i])
        widths.append(FACTORS)
    if model in ("mlp", "neumf"):
        p = draw("mlp_embedding_user" if fused else "user_embedding", "W", users, LAYERS[0] // 2)
        q = draw("mlp_embedding_item" if fused else "item_embedding", "W", items, LAYERS[0] // 2)
        x = np.concatenate(np.broadcast_arrays(p[u], q[i]), axis=-1)
        for number in range(1, len(LAYERS)):
            w = draw(f"layer{number}", "W", LAYERS[number - 1], LAYERS[number])
            b = draw(f"layer{number}", "b", LAYERS[number])
            x = np.maximum(x @ w + b, 0)
        parts.append(x)
        widths.append(LAYERS[-1])
    w, b = draw("prediction", "W", sum(widths), 1), draw("prediction", "b", 1)
    scores = (np.concatenate(parts, axis=-1) @ w + b)[:, :, 0]

    with h5py.File(output, "w") as f:
        layers = list(dict.fromkeys(layer for layer, _ in weights))
        f.attrs["layer_names"] = [layer.encode() for layer in layers]
        for layer in layers:
            endings = [ending for name, ending in weights if name == layer]
            group = f.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}_{ending}".encode() for ending in endings]
            for ending in endings:
                group[f"{layer}_{ending}"] = weights[layer, ending]

    hits = gain = 0.0
    for user in range(users):
        others = set(negatives[user]) - {held_out[user]}
        rank = sum(scores[user, item] >= scores[user, held_out[user]] for item in others)
        if rank < 10:
            hits += 1
            gain += np.log(2) / np.log(rank + 2)
    print(hits / users, gain / users)


if __name__ == "__main__":
    main(*sys.argv[1:])
