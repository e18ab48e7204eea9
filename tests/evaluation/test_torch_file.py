"""State dicts written by torch, and malicious files.

The two fixtures are `torch.save(state)` of torch 2.13, with and without
`_use_new_zipfile_serialization`.
"""

import collections
import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from genesis_keras import archive_sizes
from genesis_keras.evaluation import torch_file
from genesis_keras.evaluation.torch_file import read_state_dict


@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_tensors_are_those_that_torch_saved(fixtures, kind):
    state = read_state_dict(fixtures / f"state_dict_{kind}.pth")
    # The weight was saved as a transposed view of 0..5.
    np.testing.assert_array_equal(state["0.weight"], [[0, 2, 4], [1, 3, 5]])
    np.testing.assert_array_equal(state["0.bias"], [0, 0.25])
    np.testing.assert_array_equal(state["1.running_var"], [1, 1])
    assert state["0.weight"].dtype == np.float32
    assert state["1.num_batches_tracked"] == 0
    assert state["1.num_batches_tracked"].dtype == np.int64
    assert len(state) == 7


class Harm:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_code_in_a_pickle_does_not_run(tmp_path):
    mark = tmp_path / "mark"
    evil = pickle.dumps({"weight": Harm(mark)})
    (tmp_path / "legacy.pth").write_bytes(evil)
    with zipfile.ZipFile(tmp_path / "zip.pth", "w") as archive:
        archive.writestr("archive/data.pkl", evil)
    for name in ("legacy.pth", "zip.pth"):
        with pytest.raises(ValueError, match=r"nothing in it was run.*mkdir"):
            read_state_dict(tmp_path / name)
    assert not mark.exists()
    pickle.loads(evil)  # checks that the trap works
    assert mark.exists()


def test_damaged_files_are_named(tmp_path, fixtures):
    whole = (fixtures / "state_dict_legacy.pth").read_bytes()
    path = tmp_path / "cut.pth"
    path.write_bytes(whole[:-5])
    with pytest.raises(ValueError, match="cut.pth"):
        read_state_dict(path)
    with pytest.raises(ValueError, match="none.pth"):
        read_state_dict(tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("not a pickle")
    with pytest.raises(ValueError, match="text.pth"):
        read_state_dict(tmp_path / "text.pth")


class Expanded:
    """What torch pickles of `torch.zeros(1).expand(size)`."""

    def __init__(self, size):
        self.size = size

    def __reduce__(self):
        arguments = (_Key(), 0, (self.size,), (0,), False, collections.OrderedDict())
        return torch_file._Tensor, arguments


class _Key:
    """A storage, pickled by its name."""


class _Pickler(pickle.Pickler):
    def persistent_id(self, value):
        if isinstance(value, _Key):
            return ("storage", np.dtype("<f4"), "0", "cpu", 1)
        return None


def write_zip(path, content, storage=bytes(4)):
    file = io.BytesIO()
    _Pickler(file, protocol=2).dump(content)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", file.getvalue())
        archive.writestr("archive/data/0", storage)


@pytest.fixture
def trusting(monkeypatch):
    """The unpickler takes the names that the tests' own pickles have."""
    find = torch_file._Unpickler.find_class

    def find_class(self, module, name):
        known = {"_Tensor": torch_file._Tensor, "dtype": np.dtype}
        return known[name] if name in known else find(self, module, name)

    monkeypatch.setattr(torch_file._Unpickler, "find_class", find_class)


def test_expanded_tensors_are_refused(tmp_path, trusting):
    path = tmp_path / "expanded.pth"
    write_zip(path, {"a": Expanded(1)})
    np.testing.assert_array_equal(read_state_dict(path)["a"], [0])
    write_zip(path, {"a": Expanded(2**40)})
    with pytest.raises(ValueError, match=r"expanded.pth' is refused.* 4,398,046,511"):
        read_state_dict(path)
    write_zip(path, {"a": Expanded(3)})
    with pytest.raises(ValueError, match="a tensor larger than its storage"):
        read_state_dict(path)


def test_sizes_are_added_up_before_anything_is_read(tmp_path, monkeypatch, fixtures):
    monkeypatch.setattr(archive_sizes, "FREE_BYTES", 10_000)
    path = tmp_path / "bomb.pth"
    write_zip(path, {}, bytes(50_000))
    with pytest.raises(ValueError, match="bomb.pth' is refused.*at most 10,000 are"):
        read_state_dict(path)
    whole = (fixtures / "state_dict_legacy.pth").read_bytes()
    # The length of the first storage is the one int64 before its numbers.
    numbers = np.arange(6, dtype="<f4").tobytes()
    place = whole.index(numbers) - 8
    assert struct.unpack("<q", whole[place : place + 8]) == (6,)
    for length in (2**61, -1):
        path.write_bytes(whole[:place] + struct.pack("<q", length) + whole[place + 8 :])
        with pytest.raises(ValueError, match="bomb.pth.*it ends before a storage"):
            read_state_dict(path)
