"""The benchmark of single convolutions finds those of a model and runs their passes."""

import importlib.util
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from absl import flags

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def convolutions(monkeypatch):
    """The benchmark as a module, with its own flags."""
    monkeypatch.setattr(flags, "FLAGS", flags.FlagValues())
    for name in ("DEFINE_enum", "DEFINE_integer", "DEFINE_list", "DEFINE_float"):
        monkeypatch.setattr(flags, name, lambda *args, **kwargs: None)
    path = ROOT / "benchmarks" / "convolutions.py"
    spec = importlib.util.spec_from_file_location("convolutions", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "convolutions", module)
    spec.loader.exec_module(module)
    return module


class Model:
    """A convolution of stride 2, twice, and a transposed convolution."""

    image_size = 16

    def __init__(self):
        self.kernels = [tf.ones([3, 3, 3, 3]), tf.ones([5, 5, 4, 3])]

    def __call__(self, images, training):
        x = tf.nn.conv2d(images, self.kernels[0], 2, "SAME")
        x += tf.nn.conv2d(2.0 * images, self.kernels[0], 2, "SAME")
        return tf.nn.conv2d_transpose(x, self.kernels[1], [2, 16, 16, 4], 2, "SAME")


def test_finds_and_runs_the_convolutions(convolutions):
    found = convolutions.find(Model(), 2)
    (down, two), (up, one) = sorted(found.items(), key=lambda item: item[0].transposed)
    assert (two, one) == (2, 1)
    assert down.large == (2, 16, 16, 3) and down.small == (2, 8, 8, 3)
    assert up.large == (2, 16, 16, 4) and up.small == (2, 8, 8, 3)
    # Two operations for each of the taps of the smaller side.
    assert down.operations == 2 * 2 * 64 * 9 * 3 * 3
    assert up.operations == 2 * 2 * 64 * 25 * 3 * 4
    assert str(down) == "2 x 16x16x3 -> 8x8x3, 3x3"
    assert str(up) == "2 x 8x8x3 -> 16x16x4, 5x5"
    for each, output in ((down, down.small), (up, up.large)):
        runs = {
            n: tuple(f().shape) for n, f in convolutions.passes(each, "float32").items()
        }
        given = each.large if output == each.small else each.small
        assert runs == {"outputs": output, "inputs": given, "kernel": each.kernel}


def test_command(tmp_path):
    command = [sys.executable, str(ROOT / "benchmarks" / "convolutions.py")]
    command += ["--image_size=32", "--num_slots=2", "--batch_size=1", "--repeats=1"]
    command += ["--precisions=float32", "--least_share=0.05"]
    output = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout
    lines = [line.strip("|") for line in output.splitlines() if line[:2] == "| "]
    rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    assert rows[0][0] == "float32" and rows[-1][0].startswith("sum, 0.")
    parts = np.array([[float(c.split()[0]) for c in row[2:5]] for row in rows[2:-1]])
    total = np.array([float(cell.split()[0]) for cell in rows[-1][2:5]])
    np.testing.assert_allclose(parts.sum(axis=0), total, atol=0.06 * len(parts))
