"""Damaged, foreign and hostile files: each command ends with one line that names them.

Each case is a file as it should be, but for one fault.
"""

import io
import json
import shutil
import struct
import warnings
import zipfile

import h5py
import keras
import numpy as np
import pytest

from genesis_keras import SlotAttentionModel
from genesis_keras.commands.convert import main as convert
from genesis_keras.commands.export import main as export
from genesis_keras.presets import layout

DEEP = "[" * 200_000 + "]" * 200_000
IMAGE_SIZE = {"img_size": 32, "K_steps": 2}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A `.keras` file and the preset of the same model, both right."""
    folder = tmp_path_factory.mktemp("whole")
    model = SlotAttentionModel(
        16, num_slots=2, num_iterations=1, slot_dim=8, filters=8, seed=0
    )
    model.save(folder / "model.keras")
    model.save_to_preset(folder / "preset")
    return folder


def edit_zip(source, path, change, **options):
    """Copies a zip file; `change` gets name -> content and alters it."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def edit_headers(source, path, offset, value):
    """Copies a zip file and sets two bytes of all its headers."""
    content = bytearray(source.read_bytes())
    for start, extra in ((b"PK\3\4", 0), (b"PK\1\2", 2)):
        place = -1
        while (place := content.find(start, place + 1)) >= 0:
            struct.pack_into("<H", content, place + offset + extra, value)
    path.write_bytes(content)


def member(name, content):
    return lambda source, path: edit_zip(
        source, path, lambda members: members.update({name: content})
    )


def config(change):
    def edit(members):
        found = json.loads(members["config.json"])
        change(found)
        members["config.json"] = json.dumps(found)

    return lambda source, path: edit_zip(source, path, edit)


def weights(change):
    def edit(members):
        file = io.BytesIO(members["model.weights.h5"])
        with h5py.File(file, "r+") as arrays:
            change(arrays)
        members["model.weights.h5"] = file.getvalue()

    return lambda source, path: edit_zip(source, path, edit)


def first_dataset(arrays):
    found = []
    arrays.visititems(
        lambda name, item: (
            found.append(name) if isinstance(item, h5py.Dataset) else None
        )
    )
    return found[0]


def replace_first(value):
    def change(arrays):
        name = first_dataset(arrays)
        shape = arrays[name].shape
        del arrays[name]
        arrays[name] = value(shape)

    return change


def declare_gigabytes(arrays):
    arrays.create_dataset("huge", [2**33], "float32", chunks=True, compression="gzip")


def sequential(source, path):
    layers = [keras.layers.Input([3]), keras.layers.Dense(2)]
    keras.Sequential(layers).save(path)


def with_lambda(source, path):
    layers = [keras.layers.Input([3]), keras.layers.Lambda(lambda x: x)]
    keras.Sequential(layers).save(path)


def bomb(source, path):
    edit_zip(
        source,
        path,
        lambda members: members.update(zeros=bytes(2**29)),
        compression=zipfile.ZIP_DEFLATED,
    )


def cut(length):
    return lambda source, path: path.write_bytes(source.read_bytes()[:length])


def text(content):
    return lambda source, path: path.write_bytes(content)


def settings(**values):
    return config(lambda found: found["config"].update(values))


MODEL_FILES = {
    "nothing": text(b""),
    "text": text(b"not a model"),
    "half": cut(5000),
    "all but the end": cut(-30),
    "a folder": lambda source, path: path.mkdir(),
    "encrypted": lambda source, path: edit_headers(source, path, 6, 1),
    "an odd method": lambda source, path: edit_headers(source, path, 8, 97),
    "a method of no one": lambda source, path: edit_headers(source, path, 8, 1234),
    "no config": lambda source, path: edit_zip(
        source, path, lambda members: members.pop("config.json")
    ),
    "no weights": lambda source, path: edit_zip(
        source, path, lambda members: members.pop("model.weights.h5")
    ),
    "config that is no JSON": member("config.json", "{"),
    "config that is a list": member("config.json", "[1]"),
    "config that is deep": member("config.json", DEEP),
    "config that is not text": member("config.json", b"\xff\xfe\x00"),
    "config without a class": member("config.json", "{}"),
    "config of a class that is a number": config(
        lambda found: found.update(registered_name=3, class_name=3)
    ),
    "config without arguments": config(lambda found: found.pop("config")),
    "config with arguments of no one": settings(colour="red"),
    "config with text for K": settings(num_slots="many"),
    "config with K of a million": settings(num_slots=10**6),
    "config with a size of no one": settings(image_size=2**20),
    "config with a deep argument": settings(name=json.loads("[" * 400 + "]" * 400)),
    "a compile config of no one": config(
        lambda found: found.update(compile_config={"optimizer": "nothing"})
    ),
    "weights that are no HDF5": member("model.weights.h5", b"weights"),
    "weights of another shape": weights(replace_first(lambda s: np.zeros([3, 3]))),
    "weights of text": weights(replace_first(lambda s: np.full(s, b"x"))),
    "weights that are complex": weights(replace_first(lambda s: np.ones(s, "c16"))),
    "weights with NaN": weights(replace_first(lambda s: np.full(s, np.nan, "f4"))),
    "weights that say gigabytes": weights(declare_gigabytes),
    "weights that are missing": weights(lambda arrays: arrays.clear()),
    "a bomb": bomb,
    "a model of others": sequential,
    "a lambda": with_lambda,
}


@pytest.mark.parametrize("fault", MODEL_FILES)
def test_model_files(fault, whole, one_line, tmp_path):
    path = tmp_path / "x.keras"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        MODEL_FILES[fault](whole / "model.keras", path)
        line = one_line(export, f"--model_file={path}", f"--out={tmp_path / '1'}")
    assert str(path) in line
    assert not (tmp_path / "1").exists()


def arrays(change=None, **options):
    """Writes an `.npz` file of weights of MONet's names."""

    def write(path):
        values = {"meta": json.dumps(IMAGE_SIZE)}
        values["state/att_process.core.final_conv.weight"] = np.ones([1, 8, 1, 1])
        if change is not None:
            change(values)
        np.savez(path, **values)

    return write


def state(name, value):
    return arrays(lambda values: values.update({f"state/{name}": value}))


def meta(value):
    return arrays(lambda values: values.update(meta=value))


def after(change):
    """Writes a right `.npz` file, then changes the file."""

    def write(path):
        right = path.with_name("right.npz")
        arrays()(right)
        change(right, path)

    return write


def npy_of_gigabytes(members):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }"
    start = b"\x93NUMPY\1\0" + struct.pack("<H", len(header) + 1)
    members["state/seg_head.x.npy"] = start + header + b"\n"


ARCHIVES = {
    "nothing": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"not an archive"),
    "half": after(cut(200)),
    "a folder": lambda path: path.mkdir(),
    "encrypted": after(lambda right, path: edit_headers(right, path, 6, 1)),
    "an odd method": after(lambda right, path: edit_headers(right, path, 8, 97)),
    "a bomb": after(bomb),
    "an array that says gigabytes": after(
        lambda right, path: edit_zip(right, path, npy_of_gigabytes)
    ),
    "a member that is no array": after(member("state/x.npy", b"nothing")),
    "a member of another kind": after(member("readme.txt", b"hello")),
    "a pickle": state("x", np.array([{"a": 1}], object)),
    "text for a weight": state("x", np.array(["a"])),
    "complex numbers": state("x", np.ones(3, complex)),
    "a structure": state("x", np.zeros(2, "i4,f4")),
    "dates": state("x", np.zeros(2, "M8[s]")),
    "NaN": state("x", np.full(3, np.nan)),
    "a weight too many": state("x", np.ones(3)),
    "no axes": state("att_process.core.final_conv.weight", np.ones([])),
    "no weights": arrays(
        lambda values: values.pop("state/att_process.core.final_conv.weight")
    ),
    "no flags": arrays(lambda values: values.pop("meta")),
    "flags that are no JSON": meta("{"),
    "flags that are deep": meta(DEEP),
    "flags that are a list": meta("[1, 2]"),
    "flags that are numbers": meta(np.ones(3)),
    "flags without a size": meta('{"K_steps": 3}'),
    "a size that is text": meta('{"img_size": "64", "K_steps": 3}'),
    "a size of no one": meta('{"img_size": 1048576, "K_steps": 3}'),
    "K of a million": meta('{"img_size": 32, "K_steps": 1000000}'),
    "K below 1": meta('{"img_size": 32, "K_steps": -3}'),
    "a model of no one": meta('{"img_size": 32, "K_steps": 3, "model": "x"}'),
    "a model that is a list": meta('{"img_size": 32, "K_steps": 3, "model": [1]}'),
}


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("fault", ARCHIVES)
def test_archives(fault, verify, one_line, tmp_path):
    path, out = tmp_path / "x.npz", tmp_path / "out.keras"
    ARCHIVES[fault](path)
    line = one_line(convert, path, "--verify" if verify else f"--out={out}")
    assert str(path) in line, line
    assert not out.exists()


FLAGS = {
    "nothing": b"",
    "no JSON": b"{img_size: 32}",
    "deep": DEEP.encode(),
    "a list": b"[32]",
    "Latin-1": '{"a": "\u00e4"}'.encode("latin-1"),
    "without a size": b"{}",
    "infinite": b'{"img_size": 1e999, "K_steps": 2}',
}


@pytest.mark.parametrize("fault", [*FLAGS, "missing", "a folder"])
def test_flags(fault, one_line, tmp_path):
    path, flags = tmp_path / "x.npz", tmp_path / "flags.json"
    arrays()(path)
    if fault in FLAGS:
        flags.write_bytes(FLAGS[fault])
    elif fault == "a folder":
        flags.mkdir()
    line = one_line(convert, path, f"--out={tmp_path / 'o.keras'}", f"--flags={flags}")
    assert str(flags) in line, line


PRESETS = {
    "config that is no JSON": (layout.CONFIG_FILE, b"{"),
    "config that is deep": (layout.CONFIG_FILE, DEEP.encode()),
    "config that is not text": (layout.CONFIG_FILE, b"\xff\xfe\x00"),
    "config of another class": (
        layout.CONFIG_FILE,
        b'{"registered_name": "keras>Dense", "config": {}}',
    ),
    "config without arguments": (
        layout.CONFIG_FILE,
        b'{"registered_name": "genesis_keras>SlotAttentionModel", "config": {}}',
    ),
    "config with text for K": (
        layout.CONFIG_FILE,
        b'{"registered_name": "genesis_keras>SlotAttentionModel", '
        b'"config": {"num_slots": "x"}}',
    ),
    "config with a name that is a list": (
        layout.CONFIG_FILE,
        b'{"registered_name": ["x"], "config": {}}',
    ),
    "weights that are no HDF5": (layout.WEIGHTS_FILE, b"weights"),
    "no weights at all": (layout.WEIGHTS_FILE, b""),
}


@pytest.mark.parametrize("fault", PRESETS)
def test_presets(fault, whole, one_line, tmp_path):
    folder = tmp_path / "preset"
    shutil.copytree(whole / "preset", folder)
    name, content = PRESETS[fault]
    (folder / name).write_bytes(content)
    line = one_line(export, f"--preset={folder}", f"--out={tmp_path / '1'}")
    assert str(folder) in line, line


def test_the_files_without_a_fault_are_read(whole, tmp_path):
    assert export([f"--preset={whole / 'preset'}", f"--out={tmp_path / '1'}"]) == 0
