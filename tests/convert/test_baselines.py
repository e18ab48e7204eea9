"""GENESIS and MONet-G of the release.

The recordings are too large for the repository: `GENESIS_KERAS_PARITY` names their
folder. Recordings of our own small models, in the release's layout, show that the
verification itself compares what it should.
"""

import json
import os
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.convert import component_vae, genesis, layout, monet
from genesis_keras.convert.__main__ import main
from genesis_keras.convert.verify import verify
from genesis_keras.models.genesis import Genesis
from genesis_keras.models.monet import Monet
from genesis_keras.objectives.elbo import weighted_loss

RECORDINGS = ["genesis_32_train.npz", "monet_32_softmax.npz"]
SLOTS, IMAGES, SIDE = 3, 2, 16


@pytest.fixture(params=RECORDINGS)
def recording(request):
    folder = os.environ.get("GENESIS_KERAS_PARITY")
    if not folder:
        pytest.skip("GENESIS_KERAS_PARITY names no folder with recordings")
    path = pathlib.Path(folder) / request.param
    if not path.exists():
        pytest.skip(f"GENESIS_KERAS_PARITY has no {request.param}")
    return path


@pytest.mark.slow
def test_recordings_of_the_release_replay(recording, capsys):
    assert main([str(recording), "--verify"]) == 0
    lines = capsys.readouterr().out.splitlines()
    compared = {line.split()[0] for line in lines[:-1]}
    arrays = layout.load_archive(recording)
    outputs = {name for name in arrays if name.startswith("out/")}
    gradients = {
        name.replace("gradnorm/", "grad/")
        for name in arrays
        if name.startswith("grad") and not name.endswith("bias_hh_l0")
    }
    assert compared == outputs | gradients


def make_genesis(**settings):
    return Genesis(SIDE, SLOTS, mask_latent_dim=6, component_latent_dim=4, **settings)


def make_monet(**settings):
    return Monet(SIDE, SLOTS, component_latent_dim=4, attention_filters=8, **settings)


MODELS = [
    (genesis, make_genesis, {}, {"model": "genesis_16_train", "train": True}),
    (genesis, make_genesis, {}, {"model": "genesis_16_eval", "train": False}),
    (monet, make_monet, {}, {"model": "monet_16_softmax", "train": True}),
    (monet, make_monet, {"mask_prior": "scope"}, {"model": "monet_16_scope"}),
    (
        monet,
        make_monet,
        {"mask_prior": "scope"},
        {"model": "monet_16", "prior_mode": "scope"},
    ),
]


def release_shape(name, shape):
    if name.endswith("q_z_nn.5.conv.weight"):
        return (shape[1], 64, 4, 4)
    if name.endswith("p_x_nn.0.conv.weight"):
        return (shape[0], 128, 4, 4)
    return (*shape[:1:-1], *shape[:2]) if len(shape) == 4 else shape[::-1]


def release_state(weights):
    """Our weights in the release's layout: every conversion is a permutation."""
    state = {}
    for weight in weights:
        value = weight.variable.numpy() / weight.scale
        parts = [value, *[np.zeros_like(value)] * (len(weight.names) - 1)]
        if weight.joined:
            parts = np.split(value, len(weight.names), axis=-1)
        for name, part in zip(weight.names, parts, strict=True):
            theirs = np.zeros(release_shape(name, part.shape), "float32")
            order = weight.convert(np.arange(theirs.size).reshape(theirs.shape))
            theirs.flat[order.ravel()] = part.ravel()
            state[f"state/{name}"] = theirs
    return state


def record(converter, make, settings, flags, path):
    """Writes a recording of our own model."""
    keras.utils.set_random_seed(0)
    model = make(**settings)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.05 * rng.normal(size=weight.shape))
    weights = converter.weights(model)
    arrays = release_state(weights)
    images = rng.uniform(size=[IMAGES, SIDE, SIDE, 3]).astype("float32")
    noise = model.fixed_draws(IMAGES)["noise"].numpy()
    arrays["in/x"] = np.moveaxis(images, -1, 1)
    masks, components = np.split(noise, [noise.shape[-1] - 4], axis=-1)
    draws = [*masks.swapaxes(0, 1)] if masks.size else []
    draws.append(np.concatenate(components.swapaxes(0, 1)))  # slot-major
    arrays |= {f"draw/eps/{i}": draw for i, draw in enumerate(draws)}
    with tf.GradientTape() as tape:
        outputs = model(images, noise=noise, training=flags.get("train", True))
        arrays["out/loss"] = weighted_loss(outputs, 0.5)
    gradients = tape.gradient(
        arrays["out/loss"], [w.variable.value for w in weights if w.variable.trainable]
    )
    trainable = (weight for weight in weights if weight.variable.trainable)
    for weight, gradient in zip(trainable, gradients, strict=True):
        for name, part in weight.gradients(np.asarray(gradient)):
            arrays[f"gradnorm/{name}"] = np.linalg.norm(part)
    for name, ours in (("log_m_k", "log_masks"), ("x_r_k", "components")):
        arrays[f"out/{name}"] = np.moveaxis(outputs[ours], -1, -3)
    arrays["out/err"] = outputs["reconstruction_error"]
    if converter is genesis:
        for kind, part in (("att", slice(0, 6)), ("comp", slice(6, None))):
            arrays[f"out/{kind}_mu_k"] = outputs["posterior_mean"][..., part]
            arrays[f"out/{kind}_pmu_k"] = outputs["prior_mean"][..., part]
        arrays["out/att_pmu_k"] = arrays["out/att_pmu_k"][:, 1:]
    else:
        arrays["out/kl_l_k"] = outputs["kl_latents"]
        arrays["out/kl_m_k"] = outputs["kl_masks"][:, None]
        arrays["out/log_m_r_k"] = np.moveaxis(outputs["log_object_masks"], -1, -3)
    arrays["meta"] = json.dumps({"img_size": SIDE, "K_steps": SLOTS, **flags})
    np.savez(path, **arrays)
    return model


@pytest.mark.parametrize(
    ("converter", "make", "settings", "flags"),
    MODELS,
    ids=["genesis_train", "genesis_eval", "monet", "monet_scope", "monet_scope_flag"],
)
def test_our_own_recordings_replay(converter, make, settings, flags, tmp_path):
    path = tmp_path / "recording.npz"
    record(converter, make, settings, flags, path)
    comparisons = verify(path)
    assert [str(c) for c in comparisons if not c.passed] == []
    arrays = layout.load_archive(path)
    outputs = sum(name.startswith("out/") for name in arrays)
    gradients = sum(name.startswith("gradnorm/") for name in arrays)
    assert len(comparisons) == outputs + gradients


@pytest.mark.parametrize(
    "change",
    [
        "state/att_process.core.q_z_nn.1.g_norm.running_mean",
        "state/att_process.core.q_z_nn.5.conv.weight",
        "state/comp_vae.decoder_module.seq.9.bias",
        "draw/eps/3",
        "out/att_pmu_k",
        "gradnorm/att_process.core.p_x_nn.2.g_norm.weight",
    ],
)
def test_a_difference_fails_the_verification(change, tmp_path):
    path = tmp_path / "recording.npz"
    record(*MODELS[1], path)  # in evaluation mode, averages count
    arrays = layout.load_archive(path)
    arrays[change] = 1.1 * arrays[change] + 0.01
    np.savez(path, **arrays)
    assert not all(comparison.passed for comparison in verify(path))


@pytest.mark.parametrize(
    ("converter", "make"), [(genesis, make_genesis), (monet, make_monet)]
)
def test_every_weight_is_converted_once(converter, make):
    model = make()
    converted = [weight.variable.path for weight in converter.weights(model)]
    own = {"random", "geco"}  # of training, not of the release's models
    expected = [w.path for w in model.weights if not own & set(w.path.split("/"))]
    assert sorted(converted) == sorted(expected)


def test_joined_weights_by_hand():
    variable = tf.Variable([0.0, 0.0, 0.0, 0.0])
    weight = layout.Weight(("h.bias", "g.bias"), variable, joined=True)
    state = {
        "h.bias": np.array([1.0, 2.0]),
        "g.bias": np.array([3.0, 4.0]),
        "h.num_batches_tracked": np.array(7),
        "std": np.array([0.7]),
    }
    layout.load_weights([weight], state)
    np.testing.assert_array_equal(variable, [1, 2, 3, 4])
    gradients = dict(weight.gradients(np.array([5.0, 6.0, 7.0, 8.0])))
    np.testing.assert_array_equal(gradients["h.bias"], [5, 6])
    np.testing.assert_array_equal(gradients["g.bias"], [7, 8])


def test_flattened_maps_are_reordered():
    rows = np.arange(2 * 3 * 3)  # two channels of 3 x 3
    expected = rows.reshape(2, 3, 3).transpose(1, 2, 0).ravel()
    np.testing.assert_array_equal(layout.flattened(rows, 2), expected)
    columns = np.stack([rows, 10 * rows], axis=-1)
    np.testing.assert_array_equal(
        layout.flattened(columns, 2), np.stack([expected, 10 * expected], axis=-1)
    )


def test_draws_of_components_are_slot_major():
    arrays = {"draw/eps/5": np.array([[0.0], [1.0], [10.0], [11.0], [20.0], [21.0]])}
    noise = component_vae.noise(arrays, 5, num_slots=3)
    np.testing.assert_array_equal(noise[..., 0], [[0, 10, 20], [1, 11, 21]])


def test_pixel_scale_is_that_of_all_slots():
    same = {"std": np.full([1, 1, 1, 1, 4], 0.6, "float32")}
    assert component_vae.pixel_scale(same) == 0.6
    assert component_vae.pixel_scale({}) == 0.7
    with pytest.raises(ValueError, match="std.*0.6, 0.7"):
        component_vae.pixel_scale({"std": np.array([0.7, 0.6])})
