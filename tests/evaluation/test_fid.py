"""The FID network, compared with pytorch-fid, and FIDs, with their definition.

The published weights cannot be in a repository, so the network has pseudo-random
weights that any program can generate; `fixtures/fid_inception_features.npz` has the
features that pytorch-fid 0.3.0 computed with them on torch 2.13.
"""

import hashlib

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras import SlotAttentionModel
from genesis_keras.evaluation import fid as fid_module
from genesis_keras.evaluation.fid import (
    as_uint8,
    feature_moments,
    frechet_inception_distance,
)
from genesis_keras.evaluation.fid_weights import (
    URL,
    load_fid_network,
    named_weights,
    set_weights,
)
from genesis_keras.evaluation.generation import sample_batches
from genesis_keras.evaluation.protocol import FidMeter, Protocol
from genesis_keras.metrics.fid_inception import fid_inception


@pytest.fixture(scope="module")
def network():
    return fid_inception()


def random_state(network):
    """PyTorch's name -> array, drawn in the order of the names."""
    rng = np.random.default_rng(0)
    state = {}
    for name, weight in sorted(dict(named_weights(network)).items()):
        shape = tuple(weight.shape)
        if len(shape) == 4:
            shape = (shape[3], shape[2], *shape[:2])  # [O, I, h, w]
            array = rng.normal(size=shape) * np.sqrt(2.0 / np.prod(shape[1:]))
        elif name.endswith((".weight", ".running_var")):
            array = rng.uniform(0.5, 1.5, shape)
        else:
            array = rng.normal(0.0, 0.1, shape)
        state[name] = array.astype(np.float32)
    return state


def random_images():
    """Two images of different sizes of detail, `[2, 24, 24, 3]` in [0, 1]."""
    rng = np.random.default_rng(1)
    fine = rng.uniform(size=[24, 24, 3])
    coarse = rng.uniform(size=[4, 4, 3]).repeat(6, 0).repeat(6, 1)
    return np.stack([fine, coarse]).astype(np.float32)


@pytest.mark.slow
def test_features_are_those_of_pytorch_fid(network, fixtures):
    set_weights(network, random_state(network))
    expected = np.load(fixtures / "fid_inception_features.npz")["features"]
    found = network(random_images()).numpy()
    error = np.linalg.norm(found - expected, axis=1)
    assert found.shape == (2, 2048)
    assert (error < 1e-3 * np.linalg.norm(expected, axis=1)).all()
    # The features tell the two images apart by far more than that.
    apart = np.linalg.norm(expected[0] - expected[1])
    assert error.max() < 0.01 * apart


def test_weights_that_do_not_fit_change_nothing(network):
    state = random_state(network)
    before = [np.array(weight) for weight in network.get_weights()[:3]]
    name = "Mixed_6e.branch7x7_2.conv.weight"
    with pytest.raises(ValueError, match=f"missing.*{name}"):
        set_weights(network, {k: v for k, v in state.items() if k != name})
    with pytest.raises(ValueError, match="unknown.*other"):
        set_weights(network, {**state, "other": np.zeros(3)})
    with pytest.raises(ValueError, match=f"{name} must have shape.*(7, 1, 192, 192)"):
        set_weights(network, {**state, name: state[name].swapaxes(2, 3)})
    for old, new in zip(before, network.get_weights(), strict=False):
        np.testing.assert_array_equal(old, new)


def test_missing_or_wrong_files_say_how_to_get_the_right_one(tmp_path):
    with pytest.raises(ValueError, match="needs the weights.*none given.*" + URL):
        load_fid_network(None)
    with pytest.raises(ValueError, match=f"no file fid_weights='{tmp_path}/x.*" + URL):
        load_fid_network(tmp_path / "x.pth")
    other = tmp_path / "other.pth"
    other.write_bytes(b"other")
    found = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(ValueError, match=f"another file or damaged.*{found}.*{URL}"):
        load_fid_network(other)


@pytest.fixture
def mean_colours(monkeypatch):
    """A network whose three features can be computed by hand."""
    monkeypatch.setattr(fid_module, "NUM_FEATURES", 3)
    return lambda images, training: tf.reduce_mean(images, axis=[1, 2])


def test_fid_is_the_distance_of_the_features_of_8_bit_images(
    make_model, images, mean_colours
):
    model = make_model()
    real = feature_moments(mean_colours, [images[:3], images[3:]])
    assert real.count == 4
    found = frechet_inception_distance(
        model, mean_colours, real, num_samples=5, batch_size=2, seed=3
    )
    batches = sample_batches(model, 5, batch_size=2, seed=3)
    samples = np.concatenate([b["reconstruction"] for b in batches])
    colours = [
        np.round(255 * np.clip(x, 0, 1)).mean(axis=(1, 2)) / 255
        for x in (samples, images)
    ]
    first, second = (np.cov(c, rowvar=False) for c in colours)
    values = np.linalg.eigvals(first @ second).real
    shift = colours[0].mean(axis=0) - colours[1].mean(axis=0)
    expected = shift @ shift + np.trace(first + second)
    expected -= 2 * np.sqrt(np.maximum(values, 0)).sum()
    assert len(samples) == 5
    assert found == pytest.approx(expected, rel=1e-3)


def test_meter_reads_the_real_images_once(make_model, images, mean_colours):
    asked = []

    def load_images(number):
        asked.append(number)
        return tf.data.Dataset.from_tensor_slices({"image": images}).batch(3)

    meter, protocol = FidMeter(mean_colours), Protocol(num_samples=5, batch_size=4)
    first, again = (meter(make_model(), load_images, "data", protocol) for _ in "12")
    assert first == again and asked == [5]
    assert first["num_samples"] == 5 and first["num_images"] == 4
    assert first["fid"] > 0
    model = SlotAttentionModel(32, 2, num_iterations=1)
    assert meter(model, load_images, "data", protocol) is None


def test_images_are_rounded_and_clipped_to_8_bits():
    images = np.array([-0.1, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 1.1])[None, None, :, None]
    assert as_uint8(images).ravel().tolist() == [0, 0, 0, 1, 255, 255]
    assert as_uint8(np.uint8([[7]])).tolist() == [[7]]


def test_fid_needs_samples(make_model, mean_colours):
    with pytest.raises(ValueError, match="at least 2 for an FID; got 1"):
        frechet_inception_distance(make_model(), mean_colours, None, num_samples=1)
    model = SlotAttentionModel(32, 2, num_iterations=1)
    with pytest.raises(ValueError, match="SlotAttentionModel is not generative"):
        frechet_inception_distance(model, mean_colours, None, num_samples=2)
