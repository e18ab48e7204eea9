"""Checkpoints of the release are converted to `.keras` files, or rejected."""

import json
import os
import pathlib
import pickle
import sys

import keras
import numpy as np
import pytest

from genesis_keras.convert import checkpoint, layout
from genesis_keras.convert.__main__ import main
from genesis_keras.convert.conversion import family_of, load_model
from genesis_keras.convert.verify import CONVERTERS

RECORDING = "genesisv2_gaussian_32.npz"
# The others are too large for the repository (`test_baselines.py`).
RECORDINGS = {
    RECORDING: "genesisv2",
    "genesis_32_train.npz": "genesis",
    "monet_32_softmax.npz": "monet",
}


@pytest.fixture
def recording(fixtures):
    """State dict and flags of a recording of GENESIS-V2."""
    arrays = layout.load_archive(fixtures / RECORDING)
    flags = json.loads(str(arrays["meta"]))
    return layout.with_prefix(arrays, "state/"), flags


@pytest.fixture
def write(tmp_path):
    """Function that writes a state dict as `.npz`, and flags; returns arguments."""

    def write(state, flags):
        np.savez(tmp_path / "model.npz", **state)
        (tmp_path / "flags.json").write_text(json.dumps(flags))
        return [
            str(tmp_path / "model.npz"),
            f"--flags={tmp_path / 'flags.json'}",
            f"--out={tmp_path / 'model.keras'}",
        ]

    return write


def assert_refused(arguments, capsys, *parts):
    assert main([str(argument) for argument in arguments]) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: ") and message.count("\n") == 1
    for part in parts:
        assert part in message


@pytest.mark.parametrize(("name", "family"), RECORDINGS.items())
def test_converted_files_reproduce_the_recording(fixtures, tmp_path, name, family):
    if name != RECORDING:
        fixtures = pathlib.Path(os.environ.get("GENESIS_KERAS_PARITY", ""))
    if not (fixtures / name).exists():
        pytest.skip(f"GENESIS_KERAS_PARITY names no folder with {name}")
    out = tmp_path / "model.keras"
    assert main([str(fixtures / name), f"--out={out}"]) == 0
    model = keras.models.load_model(out, safe_mode=True)
    arrays = layout.load_archive(fixtures / name)
    images = layout.images_last(arrays["in/x"])
    draws = CONVERTERS[family].draws(model, arrays)
    outputs = model(images, training=True, **draws)
    for theirs, ours in (("recon", "reconstruction"), ("x_r_k", "components")):
        recorded = layout.images_last(arrays[f"out/{theirs}"])
        np.testing.assert_allclose(outputs[ours], recorded, atol=1e-4)
    np.testing.assert_allclose(
        outputs["reconstruction_error"], arrays["out/err"], rtol=1e-5
    )


def test_bare_names_and_flags(recording, write):
    state, flags = recording
    assert main(write(state, flags)) == 0
    # The release's own flags name the file of the model's settings.
    flags["model_config"] = f"models/{flags.pop('model').split('_')[0]}_config.py"
    assert main(write(state, flags)) == 0
    del flags["model_config"]
    assert main(write(state, flags)) == 0


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("genesisv2", "seg_head.0.weight"),
        ("genesis", "att_process.core.q_z_mean.weight"),
        ("monet", "att_process.core.final_conv.weight"),
    ],
)
def test_flags_or_weights_tell_the_model(family, name):
    assert family_of({"comp_vae.x": 0, name: 0}, {}) == family
    for flags in (
        {"model": f"{family}_32_train"},
        {"model_config": f"models/{family}_config.py"},
        {"model": None, "model_config": family},
    ):
        assert family_of({}, flags) == family


def test_flags_decide_what_weights_do_not(recording):
    state, flags = recording
    model = load_model(state, {**flags, "kernel": "laplacian", "klm_loss": True})
    assert model.kernel == "laplacian" and model.mask_consistency
    assert model.num_slots == flags["K_steps"]


def test_checkpoint_of_torch(recording, write, tmp_path):
    torch = pytest.importorskip("torch")
    state, flags = recording
    arguments = write(state, flags)
    parallel = {f"module.{name}": torch.tensor(array) for name, array in state.items()}
    path = tmp_path / "model.ckpt-FINAL"
    torch.save({"model_state_dict": parallel, "iter_idx": 3, "beta": 0.5}, path)
    assert main([str(path), *arguments[1:]]) == 0
    converted = keras.models.load_model(tmp_path / "model.keras")
    expected = load_model(state, flags)
    for ours, weight in zip(
        converted.trainable_weights, expected.trainable_weights, strict=True
    ):
        np.testing.assert_array_equal(ours, weight)
    half = {name: tensor.bfloat16() for name, tensor in parallel.items()}
    torch.save({"model_state_dict": half}, path)
    assert main([str(path), *arguments[1:]]) == 0


def grids():
    rows, columns = np.meshgrid(*[np.linspace(-1, 1, 32)] * 2, indexing="ij")
    return {
        "old.g_1": rows[None, None].astype("float32"),
        "old.g_2": columns[None, None].astype("float32"),
        "anything": np.stack([columns, rows])[None],
        "line": np.linspace(-1, 1, 32),
    }


def test_coordinate_buffers_are_known_by_their_values(recording, write, capsys):
    state, flags = recording
    assert all(checkpoint.is_coordinate_grid(grid) for grid in grids().values())
    assert main(write(state | grids(), flags)) == 0
    capsys.readouterr()
    other = grids()["old.g_1"]
    other[0, 0, 3, 4] += 0.01
    assert_refused(
        write(state | {"old.g_1": other}, flags), capsys, "left over old.g_1"
    )


@pytest.mark.parametrize(
    "array",
    [np.zeros([32, 32]), np.array([-1.0, 1.0]), np.float64(1.0), np.zeros([0, 4])],
)
def test_other_arrays_are_no_grids(array):
    assert not checkpoint.is_coordinate_grid(array)


def test_wrong_weights_are_all_named_and_the_old_file_stays(
    recording, write, capsys, tmp_path
):
    state, flags = recording
    (tmp_path / "model.keras").write_text("before")
    del state["seg_head.0.weight"]
    state["extra"] = np.zeros(3)
    state["z_head.1.bias"] = np.zeros(5)
    state["encoder.mlp.3.weight"] = np.zeros([3])
    state["encoder.down.0.0.weight"] = np.zeros([3, 3])
    state["prior_lstm.bias_hh_l0"] = np.zeros(1)
    assert_refused(
        write(state, flags),
        capsys,
        "missing seg_head.0.weight",
        "left over extra",
        "z_head.1.bias of shape (5,)",
        "encoder.mlp.3.weight of shape (3,)",
        "encoder.down.0.0.weight of shape (3, 3)",
        "prior_lstm.bias_hh_l0",
    )
    assert (tmp_path / "model.keras").read_text() == "before"


def test_a_failed_write_keeps_the_old_file(
    recording, write, capsys, tmp_path, monkeypatch
):
    def full_disk(*_, **kwargs):
        raise OSError(28, "No space left on device")

    (tmp_path / "model.keras").write_text("before")
    monkeypatch.setattr(keras.Model, "save", full_disk)
    assert_refused(write(*recording), capsys, "model.keras", "No space left")
    assert (tmp_path / "model.keras").read_text() == "before"
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"model.npz", "flags.json", "model.keras"}


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"z_head.0.weight": None}, "z_head.0.weight"),
        ({"z_head.0.weight": np.float32(1.0)}, "too few axes"),
        ({"z_head.1.bias": np.full(32, np.nan)}, "z_head.1.bias"),
        ({"z_head.1.bias": np.array(["a"])}, "z_head.1.bias"),
    ],
)
def test_weights_that_tell_nothing_are_named(recording, write, capsys, change, part):
    state, flags = recording
    state = {k: v for k, v in (state | change).items() if v is not None}
    assert_refused(write(state, flags), capsys, part)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"img_size": None}, "img_size"),
        ({"K_steps": "many"}, "K_steps"),
        ({"img_size": 48}, "48"),
        ({"img_size": 64}, "encoder.down.4.0.weight"),
        ({"kernel": "cubic"}, "cubic"),
    ],
)
def test_wrong_flags_are_named(recording, write, capsys, change, part):
    state, flags = recording
    assert_refused(write(state, flags | change), capsys, part)


@pytest.mark.parametrize("text", ["[1]", "{", "\x00"])
def test_flags_that_are_no_object_are_refused(recording, write, capsys, tmp_path, text):
    arguments = write(*recording)
    (tmp_path / "flags.json").write_text(text)
    assert_refused(arguments, capsys, "flags.json")


def test_missing_files_and_flags_are_named(recording, write, capsys, tmp_path):
    arguments = write(*recording)
    assert_refused([arguments[0], arguments[2]], capsys, "--flags")
    assert_refused(["nowhere.ckpt-FINAL", arguments[2]], capsys, "nowhere.ckpt-FINAL")
    flags = f"--flags={tmp_path / 'none.json'}"
    assert_refused([arguments[0], flags, arguments[2]], capsys, "none.json")
    assert_refused([*arguments[:2], "--out=x.h5"], capsys, ".keras", "x.h5")
    assert_refused(write({"a.weight": np.zeros(3)}, {"x": 1}), capsys, "a.weight")


class Evil:
    """An object whose pickle creates a file when it is loaded."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("kind", ["pickle", "torch", "old torch"])
def test_a_malicious_checkpoint_does_not_run(recording, write, capsys, tmp_path, kind):
    torch = pytest.importorskip("torch")
    trap, path = tmp_path / "trap", tmp_path / "model.ckpt-FINAL"
    content = {"model_state_dict": {"seg_head.0.weight": Evil(trap)}}
    if kind == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind == "torch")
    arguments = [path, *write(*recording)[1:]]
    assert_refused(arguments, capsys, "model.ckpt-FINAL", "nothing in it was run")
    assert not trap.exists()
    pickle.loads(pickle.dumps(Evil(trap)))  # checks that the trap works
    assert trap.exists()


def test_damaged_and_foreign_checkpoints_are_refused(
    recording, write, capsys, tmp_path
):
    torch = pytest.importorskip("torch")
    path = tmp_path / "model.ckpt-FINAL"
    arguments = [path, *write(*recording)[1:]]
    torch.save({"model_state_dict": {"a": torch.zeros(500)}}, path)
    path.write_bytes(path.read_bytes()[:900])
    assert_refused(arguments, capsys, "model.ckpt-FINAL", "damaged")
    torch.save({"weights": {}}, path)
    assert_refused(arguments, capsys, "model_state_dict")
    torch.save({"model_state_dict": {"a": 3}}, path)
    assert_refused(arguments, capsys, "not tensors", "'a'")


def test_without_torch_the_message_says_what_to_install(
    recording, write, capsys, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "torch", None)
    path = tmp_path / "model.ckpt-FINAL"
    path.write_bytes(b"any")
    arguments = [path, *write(*recording)[1:]]
    assert_refused(arguments, capsys, 'pip install "genesis-keras[convert]"')


def test_parameters_are_only_their_numbers(recording, write, tmp_path):
    torch = pytest.importorskip("torch")
    state, flags = recording
    arguments = write(state, flags)
    path = tmp_path / "model.ckpt-FINAL"
    parameters = {
        name: torch.nn.Parameter(torch.tensor(array), requires_grad=True)
        for name, array in state.items()
        if array.dtype.kind == "f"
    }
    torch.save({"model_state_dict": parameters}, path)
    assert main([str(path), *arguments[1:]]) == 0


def test_tensors_without_numbers_of_their_own_are_refused(
    recording, write, capsys, tmp_path
):
    torch = pytest.importorskip("torch")
    path = tmp_path / "model.ckpt-FINAL"
    arguments = [path, *write(*recording)[1:]]
    for tensor in (
        torch.zeros(1).expand(2**40),
        torch.zeros(3, 3).to_sparse(),
        torch.empty(3, device="meta"),
    ):
        torch.save({"model_state_dict": {"a.weight": tensor}}, path)
        assert_refused(arguments, capsys, "a.weight", "no plain tensor")


def test_recordings_that_lack_something_are_refused(fixtures, capsys, tmp_path):
    arrays = layout.load_archive(fixtures / RECORDING)
    path = tmp_path / "part.npz"
    flags = json.loads(str(arrays["meta"]))
    for change, part in (
        ({"draw/eps/0": None}, "'draw/eps/0'"),
        ({"meta": "{"}, "no JSON"),
        ({"meta": "[" * 100_000}, "no JSON"),
        ({"meta": "{}"}, "'model'"),
        ({"meta": json.dumps({**flags, "img_size": None})}, "not a whole recording"),
    ):
        kept = {k: v for k, v in {**arrays, **change}.items() if v is not None}
        np.savez(path, **kept)
        assert_refused([path, "--verify"], capsys, part)
