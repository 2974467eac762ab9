#!/usr/bin/env python3
"""Converts between neumf's checkpoints and state dictionaries of NVIDIA's "Neural Collaborative Filtering for PyTorch".

    tools/convert_pytorch.py export runs/a/best.h5 model.pth
    tools/convert_pytorch.py import model.pth runs/b/best.h5 --data data/ml-20m

A .safetensors or .npz file holds the same tensors and needs no torch. An imported model evaluates, recommends and trains on
like any other (--load_checkpoint_path); its rows must belong to the data set's dense ids in order, as where both were
preprocessed by the same rules. Needs numpy and h5py, and torch for .pth, or safetensors for .safetensors. Models of one
branch (--model gmf, mlp) have the tensors of that branch only.

The tensors: mf_user_embed.weight, mf_item_embed.weight, mlp_user_embed.weight, mlp_item_embed.weight, mlp.N.weight and
mlp.N.bias (out x in, over [user, item]), final.weight (1 x [mf, mlp]), final.bias.
"""
import argparse
import json
import os
import pathlib
import sys

import h5py
import numpy as np


def fail(message):
    sys.exit(f"convert_pytorch.py: {message}")


# ---- neumf's checkpoints (the README and include/neumf/checkpoint/checkpoint.hpp describe them)

def open_hdf5(path):
    try:
        return h5py.File(path)
    except OSError as error:
        fail(f"{path}: cannot be read as HDF5 ({error}); copy it again")


def read_checkpoint(path):
    """Attributes, and matrices by name with the users' rows joined."""
    with open_hdf5(path) as master:
        if master.attrs.get("kind") not in (b"neumf-checkpoint", "neumf-checkpoint"):
            fail(f"{path}: not a neumf checkpoint; name the .h5 file without '.part-'")
        attributes = {name: text(value) for name, value in master.attrs.items()}
        matrices = {name: value[:] for name, value in master["model"].items()}
    rows = {}
    parts, users = int(attributes["parts"]), int(attributes["users"])
    done = 0
    for part in range(parts):
        name = path.parent / f"{path.stem}.{attributes['generation']}.part-{part:04}-of-{parts:04}.h5"
        if not name.is_file():
            fail(f"{name}: this part of {path} is missing; copy all files of the checkpoint")
        with open_hdf5(name) as file:
            if text(file.attrs.get("generation")) != attributes["generation"]:
                fail(f"{name}: belongs to another checkpoint than {path}; copy all files of the checkpoint again")
            # Each part holds the users that follow those of the part before it.
            if int(file.attrs["first_user"]) != done:
                fail(f"{name}: begins at user {int(file.attrs['first_user'])} instead of {done}: it is a copy of another "
                     "part; copy all files of the checkpoint again")
            done += int(file.attrs["users"])
            for table, value in file["model"].items():
                rows.setdefault(table, []).append(value[:])
    if done != users:
        fail(f"{path}: its parts hold {done} users instead of {users}; copy all files of the checkpoint again")
    return attributes, matrices | {table: np.concatenate(blocks) for table, blocks in rows.items()}


def write_checkpoint(path, matrices, shape, data):
    """One part; the master is renamed into place last."""
    generation = os.urandom(8).hex()
    part = path.parent / f"{path.stem}.{generation}.part-0000-of-0001.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not (data / "dataset.h5").is_file():
        fail(f"--data {data}: no data set here (dataset.h5 is missing)")
    with open_hdf5(data / "dataset.h5") as dataset:
        dataset_id = text(dataset.attrs["dataset_id"])
        ids = {name: dataset["ids"][name][:] for name in ("users", "items")}
        types = {name: dataset["ids"][name].dtype for name in ("users", "items")}
    for name in ("users", "items"):
        if len(ids[name]) != shape[name]:
            fail(f"{data}: the data set has {len(ids[name])} {name}, but the model has {shape[name]}")
    users = {name: matrices[name] for name in ("user_gmf", "user_mlp") if name in matrices}
    with h5py.File(part, "w") as file:
        set_attributes(file, {"generation": generation, "first_user": 0, "users": shape["users"]})
        for name, value in users.items():
            write_matrix(file, f"model/{name}", value)
    temporary = path.with_name(path.name + ".tmp")
    with h5py.File(temporary, "w") as file:
        set_attributes(file, {
            "kind": "neumf-checkpoint", "format_version": 1, "created_by": "convert_pytorch.py",
            "generation": generation, "parts": 1, "users": shape["users"], "items": shape["items"],
            "model": shape["model"], "factors": shape["factors"],
            "layers": " ".join(str(size) for size in shape["layers"]), "dataset_id": dataset_id, "epoch": 0,
            "hit_rate": 0.0, "ndcg": 0.0, "topk": 10, "options": "imported = from PyTorch\n"})
        for name, value in matrices.items():
            if name not in users:
                write_matrix(file, f"model/{name}", value)
        for name in ("users", "items"):
            # Ids are texts in a checkpoint.
            words = [str(x).encode() if types[name].kind in "iu" else bytes(x) for x in ids[name]]
            write_strings(file, f"ids/{name}", words)
    os.replace(temporary, path)


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def string_type(size):
    """Fixed-length UTF-8, null-padded, as neumf reads it."""
    return h5py.string_dtype("utf-8", max(size, 1))


def set_attributes(file, attributes):
    for name, value in attributes.items():
        if isinstance(value, str):
            data = value.encode()
            file.attrs.create(name, np.bytes_(data), dtype=string_type(len(data)))
        elif isinstance(value, float):
            file.attrs.create(name, value, dtype="f8")
        else:
            file.attrs.create(name, value, dtype="i8")


def write_matrix(file, name, value):
    file.create_dataset(name, data=np.atleast_2d(np.asarray(value, np.float32)), chunks=True, fletcher32=True)


def write_strings(file, name, words):
    data = np.array(words, dtype=string_type(max(map(len, words))))
    file.create_dataset(name, data=data, chunks=True, fletcher32=True)


# ---- state dictionaries

def read_safetensors(path):
    """The tensors in float32. numpy has no bfloat16 and no 8-bit floats, so they are decoded here; the format is an
    8-byte length, that much JSON, then the bytes of all tensors."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        fail(f"{path}: the file is cut or not of the safetensors format; copy it again")
    try:
        header = json.loads(data[8:8 + length])
        entries = {name: (entry["dtype"], entry["shape"], *entry["data_offsets"])
                   for name, entry in header.items() if name != "__metadata__"}
    except (ValueError, KeyError, TypeError, AttributeError):
        fail(f"{path}: its header is not that of the safetensors format")
    types = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
             "I8": "i1", "U8": "u1", "BOOL": "?"}
    state = {}
    for name, (kind, shape, begin, end) in entries.items():
        if kind not in types:
            fail(f"{path}: {name} is of type {kind}, which cannot be read; save it as F32: tensor.float()")
        raw = data[8 + length + begin:8 + length + end]
        if len(raw) != end - begin or len(raw) != int(np.prod(shape)) * np.dtype(types[kind]).itemsize:
            fail(f"{path}: {name} has {len(raw)} bytes instead of those of {kind} {shape}; the file is cut: copy it again")
        value = np.frombuffer(raw, types[kind]).reshape(shape)
        if kind == "BF16":  # the upper half of a float32
            value = (value.astype(np.uint32) << 16).view(np.float32)
        state[name] = value
    return state


def read_torch(path):
    try:
        import torch
    except ImportError:
        fail(f"{path}: reading it needs PyTorch; install torch, or save the tensors as .safetensors or .npz")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle and torch have their own kinds
        fail(f"{path}: PyTorch cannot read it ({str(error).splitlines()[0] if str(error) else type(error).__name__}); "
             "save the state dictionary alone: torch.save(model.state_dict(), FILE)")
    if isinstance(loaded, dict):
        for key in ("state_dict", "model"):
            if isinstance(loaded.get(key), dict):
                loaded = loaded[key]
    if not isinstance(loaded, dict):
        fail(f"{path}: holds a {type(loaded).__name__}, not a state dictionary; save model.state_dict()")
    # Counters and settings beside the tensors are not weights.
    return {name: value.detach().float().numpy() for name, value in loaded.items() if isinstance(value, torch.Tensor)}


def read_npz(path):
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # zipfile, zlib, numpy
        fail(f"{path}: not a whole .npz file ({error or type(error).__name__}); copy it again or save it anew")


def read_state(path):
    if path.stat().st_size == 0:
        fail(f"{path}: is empty; copy it again")
    readers = {".safetensors": read_safetensors, ".npz": read_npz}
    state = readers.get(path.suffix, read_torch)(path)
    named = {}
    for name, value in state.items():
        if value.dtype.kind not in "fiub":
            fail(f"{path}: {name} holds {value.dtype}, not numbers")
        named[name.removeprefix("module.")] = np.asarray(value, np.float32)
    return named


def write_state(path, state):
    state = {name: np.ascontiguousarray(value, np.float32) for name, value in state.items()}
    if path.suffix == ".safetensors":
        try:
            from safetensors.numpy import save_file
        except ImportError:
            fail(f"{path}: writing it needs the package safetensors; install it, or name a .npz file")
        save_file(state, path)
    elif path.suffix == ".npz":
        np.savez(path, **state)
    else:
        try:
            import torch
        except ImportError:
            fail(f"{path}: writing it needs PyTorch; install torch, or name a .safetensors or .npz file")
        torch.save({name: torch.from_numpy(value) for name, value in state.items()}, path)


TABLES = {"mf_user_embed.weight": "user_gmf", "mf_item_embed.weight": "item_gmf",
          "mlp_user_embed.weight": "user_mlp", "mlp_item_embed.weight": "item_mlp"}


def to_state(m):
    state = {name: m[table] for name, table in TABLES.items() if table in m}
    if "pair_user" in m:
        state["mlp.0.weight"] = np.concatenate([m["pair_user"], m["pair_item"]], axis=1)
        state["mlp.0.bias"] = m["pair_bias"][0]
        number = 1
        while f"hidden{number}_weight" in m:
            state[f"mlp.{number}.weight"] = m[f"hidden{number}_weight"]
            state[f"mlp.{number}.bias"] = m[f"hidden{number}_bias"][0]
            number += 1
    state["final.weight"] = np.concatenate([m[h] for h in ("head_gmf", "head_mlp") if h in m], axis=1)
    state["final.bias"] = m["head_bias"][0]
    return state


def from_state(state, path):
    """Matrices by neumf's names, and the model's shape."""
    def take(name, *shape):
        if name not in state:
            fail(f"{path}: {name} is missing; not a state dictionary of the reference's NeuMF")
        value = state[name]
        if len(value.shape) != len(shape) or any(want and want != got for want, got in zip(shape, value.shape)):
            fail(f"{path}: {name} has the shape {list(value.shape)}, but the other tensors need {list(shape)}")
        return value

    m = {table: take(name, None, None) for name, table in TABLES.items() if name in state}
    gmf, mlp = "user_gmf" in m, "user_mlp" in m
    if not gmf and not mlp:
        fail(f"{path}: has no mf_user_embed.weight and no mlp_user_embed.weight; not the reference's NeuMF")
    users, items = (len(m[table + ("_gmf" if gmf else "_mlp")]) for table in ("user", "item"))
    factors = m["user_gmf"].shape[1] if gmf else 0
    layers = [2 * m["user_mlp"].shape[1]] if mlp else []
    for name, table in TABLES.items():
        if gmf and table.endswith("gmf") or mlp and table.endswith("mlp"):
            take(name, users if table.startswith("user") else items, factors if table.endswith("gmf") else layers[0] // 2)
    number = 0
    while f"mlp.{number}.weight" in state:
        weight = take(f"mlp.{number}.weight", None, layers[-1])
        layers.append(len(weight))
        bias = take(f"mlp.{number}.bias", layers[-1])[None]
        if number == 0:
            m["pair_user"], m["pair_item"] = np.split(weight, 2, axis=1)
            m["pair_bias"] = bias
        else:
            m[f"hidden{number}_weight"], m[f"hidden{number}_bias"] = weight, bias
        number += 1
    if mlp and number == 0:
        fail(f"{path}: mlp.0.weight is missing")
    final = take("final.weight", 1, factors + (layers[-1] if mlp else 0))
    if gmf:
        m["head_gmf"] = final[:, :factors]
    if mlp:
        m["head_mlp"] = final[:, factors:]
    m["head_bias"] = take("final.bias", 1)[None]
    model = "neumf" if gmf and mlp else "gmf" if gmf else "mlp"
    return m, {"users": users, "items": items, "factors": factors, "layers": layers, "model": model}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    export = commands.add_parser("export", help="checkpoint to state dictionary")
    export.add_argument("checkpoint", type=pathlib.Path)
    export.add_argument("state", type=pathlib.Path, help=".pth, .safetensors or .npz")
    importer = commands.add_parser("import", help="state dictionary to checkpoint")
    importer.add_argument("state", type=pathlib.Path, help=".pth, .safetensors or .npz")
    importer.add_argument("checkpoint", type=pathlib.Path)
    importer.add_argument("--data", type=pathlib.Path, required=True, help="the data set that it was trained on")
    options = parser.parse_args()
    source = options.checkpoint if options.command == "export" else options.state
    if not source.is_file():
        fail(f"{source}: no such file")
    if options.command == "export":
        _, matrices = read_checkpoint(options.checkpoint)
        write_state(options.state, to_state(matrices))
    else:
        matrices, shape = from_state(read_state(options.state), options.state)
        write_checkpoint(options.checkpoint, matrices, shape, options.data)
        print(f"{options.state}: has no ids: its rows got those of {options.data} by position")


if __name__ == "__main__":
    main()
