"""The groups of a training step's operations add up to all of it."""

import importlib.util
import pathlib

import pytest

FILE = pathlib.Path(__file__).parents[2] / "benchmarks" / "step_profile.py"


@pytest.fixture(scope="module")
def step_profile():
    spec = importlib.util.spec_from_file_location("step_profile", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CALL = "StatefulPartitionedCall"
NORM = "gradient_tape/genesis_v2_1/backbone_1/down_0_1/conv_1/group_norm_1"
OPERATIONS = [
    (f"{CALL}/genesis_v2_1/backbone_1/up_1_1/conv/Conv2D:_MklNativeConv2D", 1.0),
    (
        f"{CALL}/gradient_tape/genesis_v2_1/backbone_1/up_1_1/conv/Conv2D/"
        "Conv2DBackpropFilter:_MklNativeConv2DBackpropFilter",
        2.0,
    ),
    (f"{CALL}/genesis_v2_1/decoder_1/dense_1/MatMul:_MklBatchMatMulV2", 4.0),
    ("XLA", 8.0),
    (f"{CALL}/{NORM}/mul:Mul", 16.0),
    (f"{CALL}/adam/Mul_3:Mul", 32.0),
    (f"{CALL}/AddN_34:AddN", 64.0),
    (f"{CALL}/genesis_v2_1/pooling_1/Cast:Cast", 128.0),
    (f"{CALL}/transpose:Transpose", 256.0),
    (f"{CALL}/genesis_v2_1/Exp:Exp", 512.0),
]


def test_groups_are_right_and_sum_to_the_total(step_profile):
    kinds = step_profile.group(OPERATIONS)
    assert kinds == {
        "convolutions": {"backbone/up_1": 3.0},
        "matrix products": {"decoder/dense": 4.0},
        "normalisation (XLA)": {"": 8.0},
        "normalisation (not compiled)": {"": 16.0},
        "optimizer": {"": 32.0},
        "sums of gradients (AddN)": {"": 64.0},
        "casts": {"": 128.0},
        "copies and transposes": {"": 256.0},
        "rest": {"Exp": 512.0},
    }
    lines = step_profile.table(kinds)
    assert lines[2] == "| **rest** | 512000.0 | 0.500 |"
    assert lines[-1] == "| **sum** | 1023000.0 | 1.000 |"


def test_small_parts_are_shown_as_one(step_profile):
    parts = {f"layer{i}": float(i) for i in range(1, 9)}
    lines = step_profile.table({"convolutions": parts}, num_parts=6)
    assert lines[3] == "| layer8 | 8000.0 | 0.222 |"
    assert lines[9:] == [
        "| 2 others | 3000.0 | 0.083 |",
        "| **sum** | 36000.0 | 1.000 |",
    ]


def test_a_profile_lists_the_operations_of_a_function(step_profile):
    import tensorflow as tf

    image, kernel = tf.ones([1, 32, 32, 8]), tf.ones([3, 3, 8, 8])
    step = tf.function(lambda: tf.nn.conv2d(image + 1.0, kernel, 1, "SAME"))
    step()
    found = step_profile.profile(lambda: step().numpy())
    kinds = step_profile.group(found)
    total = sum(sum(parts.values()) for parts in kinds.values())
    assert total == pytest.approx(sum(seconds for _, seconds in found)) and total > 0
    assert kinds.keys() & {"convolutions", "rest"}
