"""Limits of the declared sizes of archives."""

import zipfile

import h5py
import numpy as np
import pytest

from genesis_keras.archive_sizes import check_declared, check_keras, check_zip
from genesis_keras.convert import layout
from genesis_keras.training.checkpoints import load_model


@pytest.fixture
def small_limit(monkeypatch):
    monkeypatch.setattr("genesis_keras.archive_sizes.FREE_BYTES", 10_000)


def test_a_file_may_unpack_to_twice_its_size(tmp_path, small_limit):
    path = tmp_path / "file"
    path.write_bytes(bytes(6_000))
    check_declared(path, 12_000)
    with pytest.raises(ValueError, match="12,001; at most 12,000 are read"):
        check_declared(path, 12_001)
    path.write_bytes(b"")
    check_declared(path, 10_000)


def test_zip_members_are_added_up(tmp_path, small_limit):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, a=np.zeros(1000), b=np.zeros(100))
    check_zip(path)
    assert layout.load_archive(path)["a"].shape == (1000,)
    np.savez_compressed(path, a=np.zeros(1000), b=np.zeros(1000))
    with pytest.raises(ValueError, match="bomb.npz' is refused"):
        layout.load_archive(path)


def keras_file(path, **options):
    with h5py.File(path.with_suffix(".h5"), "w") as arrays:
        group = arrays.create_group("layers/dense/vars")
        group.create_dataset("0", shape=(1000,), dtype="float64", **options)
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(path.with_suffix(".h5"), "model.weights.h5")


def test_arrays_of_keras_files_are_added_up(tmp_path, small_limit):
    path = tmp_path / "model.keras"
    keras_file(path)
    check_keras(path)
    with h5py.File(path.with_suffix(".h5"), "a") as arrays:
        # Nothing of it is in the file.
        arrays.create_dataset("more", shape=(10**9,), dtype="float64", chunks=(10**6,))
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(path.with_suffix(".h5"), "model.weights.h5")
    for read in (check_keras, load_model):
        with pytest.raises(ValueError, match="model.keras' is refused.* 8,000,008,000"):
            read(path)


@pytest.mark.parametrize("damage", ["npy", "text", "method", "shape"])
def test_npz_files_that_are_none(tmp_path, damage):
    path = tmp_path / "file.npz"
    np.savez(path, a=np.zeros(5))
    data = bytearray(path.read_bytes())
    if damage == "npy":
        with open(path, "wb") as file:
            np.save(file, np.zeros(3))
    elif damage == "text":
        path.write_text("none")
    elif damage == "method":
        data[data.index(b"PK\1\2") + 10] = 99
        path.write_bytes(data)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            place = data.index(b"\x93NUMPY")
            header = bytes(data[place : place + 128])
            assert b"(5,), }" in header
            header = header.replace(b"(5,), }           ", b"(9999999999999,), }")
            archive.writestr("a.npy", header[:128])
    with pytest.raises(ValueError, match="file.npz' as .npz"):
        layout.load_archive(path)
