import json

import numpy as np
import pytest

from genesis_keras.convert import genesis_v2, layout
from genesis_keras.convert.__main__ import main
from genesis_keras.convert.verify import verify

GENESIS_V2 = ["genesisv2_gaussian_32.npz", "genesisv2_masks_64.npz"]


@pytest.mark.parametrize("name", [*GENESIS_V2, "geco_a.npz"])
def test_recordings_of_the_release_replay(fixtures, name, capsys):
    assert main([str(fixtures / name), "--verify"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].endswith("0 beyond tolerance")
    assert all(line.endswith(" ok") for line in lines[:-1])


@pytest.mark.parametrize("name", GENESIS_V2)
def test_every_tensor_of_a_recording_is_compared(fixtures, name):
    arrays = layout.load_archive(fixtures / name)
    compared = {comparison.name for comparison in verify(fixtures / name)}
    outputs = {key for key in arrays if key.startswith("out/")}
    gradients = {
        key.replace("gradnorm/", "grad/") for key in arrays if key.startswith("grad")
    }
    assert compared == outputs | gradients - {"grad/prior_lstm.bias_hh_l0"}


def altered(fixtures, tmp_path, change, name=GENESIS_V2[0]):
    arrays = layout.load_archive(fixtures / name)
    change(arrays)
    path = tmp_path / "altered.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("key", "factor"),
    [
        ("state/decoder_module.1.weight", 1.01),
        ("out/kl_l_k", 1.001),
        ("grad/encoder.mlp.1.weight", 1.01),
    ],
)
def test_a_difference_fails_the_verification(fixtures, tmp_path, key, factor, capsys):
    def change(arrays):
        arrays[key] = arrays[key] * factor

    assert main([str(altered(fixtures, tmp_path, change)), "--verify"]) == 1
    assert "FAILED" in capsys.readouterr().out


def test_a_wrong_trace_of_geco_fails(fixtures, tmp_path):
    def change(arrays):
        arrays["speedup"] = np.float64(-1.0)

    path = altered(fixtures, tmp_path, change, "geco_a.npz")
    assert main([str(path), "--verify"]) == 1


def test_missing_extra_and_misshaped_weights_are_all_named(fixtures, tmp_path, capsys):
    def change(arrays):
        del arrays["state/seg_head.0.weight"]
        arrays["state/extra"] = np.zeros(3)
        arrays["state/z_head.1.bias"] = np.zeros(5)

    assert main([str(altered(fixtures, tmp_path, change)), "--verify"]) == 1
    message = capsys.readouterr().err
    for part in (
        "missing seg_head.0.weight",
        "left over extra",
        "z_head.1.bias",
        "(5,)",
    ):
        assert part in message


def test_bad_weights_leave_the_model_as_it_was(fixtures):
    arrays = layout.load_archive(fixtures / GENESIS_V2[0])
    state = layout.with_prefix(arrays, "state/")
    model = genesis_v2.build(state, json.loads(str(arrays["meta"])))
    before = [weight.numpy() for weight in model.weights]
    del state["prior_linear.bias"]
    with pytest.raises(ValueError, match="prior_linear.bias"):
        layout.load_weights(genesis_v2.weights(model), state)
    for old, weight in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, weight)


def test_missing_and_truncated_files_are_named(fixtures, tmp_path, capsys):
    half = tmp_path / "half.npz"
    half.write_bytes((fixtures / "geco_a.npz").read_bytes()[:5000])
    for path in (half, tmp_path / "none.npz"):
        assert main([str(path), "--verify"]) == 1
        assert path.name in capsys.readouterr().err


def test_pickles_do_not_run(tmp_path, capsys):
    path = tmp_path / "pickle.npz"
    np.savez(path, meta=np.array([print], dtype=object))
    assert main([str(path), "--verify"]) == 1
    assert "pickle" in capsys.readouterr().err


def test_recordings_of_other_models_are_refused(fixtures, tmp_path, capsys):
    def change(arrays):
        arrays["meta"] = json.dumps({"model": "unknown_32"})

    assert main([str(altered(fixtures, tmp_path, change)), "--verify"]) == 1
    assert "unknown_32" in capsys.readouterr().err
