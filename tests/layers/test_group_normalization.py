"""Group normalisation against Keras's layer in double precision, values and gradients.

The compiled path runs only inside `tf.function` on tensors above a size; the size is
set to 0 to reach it with tiny ones.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers import compilation
from genesis_keras.layers.group_normalization import (
    GroupNormalization,
    group_normalize,
)

EPSILON = 1e-5


@pytest.fixture(params=["eager", "plain graph", "compiled", "unknown batch", "xla"])
def run(request, monkeypatch):
    """A way to run a function of tensors."""
    if request.param == "eager":
        return lambda function, *args: function(*args)
    small = 0 if request.param == "compiled" else 2**60
    monkeypatch.setattr(compilation, "MIN_SIZE", small)

    def call(function, *args):
        signature = None
        if request.param == "unknown batch":
            signature = [tf.TensorSpec([None, *a.shape[1:]], a.dtype) for a in args]
        xla = request.param == "xla"
        return tf.function(function, input_signature=signature, jit_compile=xla)(*args)

    return call


def inputs_and_upstream(shape, mean=0.0, scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(mean, scale, shape).astype("float32")
    return tf.constant(x), tf.constant(rng.normal(size=shape).astype("float32"))


def parameters(channels, seed=1):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=channels).astype("float32") for _ in range(3)]


def ours(gamma, beta, bias, **settings):
    parts = [tf.constant(p) for p in (gamma, beta, bias)]

    def values_and_gradients(x, upstream):
        with tf.GradientTape() as tape:
            tape.watch([x, *parts])
            y = group_normalize(x, *parts, epsilon=EPSILON, **settings)
        return y, tape.gradient(y, [x, *parts], output_gradients=upstream)

    return values_and_gradients


def oracle(x, upstream, gamma, beta, bias, groups, activation):
    """Keras's layer and an activation, in float64."""
    layer = keras.layers.GroupNormalization(groups, epsilon=EPSILON, dtype="float64")
    layer.build(x.shape)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    x, bias = tf.cast(x, "float64"), tf.constant(bias, "float64")
    sources = [x, layer.gamma.value, layer.beta.value, bias]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        y = keras.activations.get(activation)(layer(x + bias))
    upstream = tf.cast(upstream, "float64")
    return y, tape.gradient(y, sources, output_gradients=upstream)


def assert_near(actual, expected, tolerance):
    """Errors relative to the largest value: sums of many terms cancel."""
    expected = np.asarray(expected)
    bound = tolerance * max(np.abs(expected).max(), 1e-6)
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=0, atol=bound)


@pytest.mark.parametrize(
    ("groups", "activation"), [(1, "relu"), (2, None), (4, "relu")]
)
def test_values_and_gradients_equal_keras(run, groups, activation):
    x, upstream = inputs_and_upstream([3, 6, 4, 8], mean=0.5)
    parts = parameters(8)
    settings = {"groups": groups, "activation": activation}
    y, gradients = run(ours(*parts, **settings), x, upstream)
    y_true, true_gradients = oracle(x, upstream, *parts, **settings)
    # float32 rounds at 6e-8; the sums here have about a hundred terms.
    assert_near(y, y_true, 2e-6)
    for gradient, expected in zip(gradients, true_gradients, strict=True):
        assert_near(gradient, expected, 1e-5)


def test_small_variance_around_a_large_mean(run):
    """Inputs near 100 with deviation 0.1 carry 7e-6 / 0.1 of rounding, no more."""
    x, upstream = inputs_and_upstream([2, 16, 16, 8], mean=100.0, scale=0.1)
    gamma, beta, _ = parameters(8)
    parts = gamma, beta, np.zeros(8, "float32")
    settings = {"groups": 4, "activation": None}
    y, gradients = run(ours(*parts, **settings), x, upstream)
    y_true, true_gradients = oracle(x, upstream, *parts, **settings)
    assert_near(y, y_true, 1e-4)
    for gradient, expected in zip(gradients[:3], true_gradients[:3], strict=True):
        assert_near(gradient, expected, 5e-4)


def test_pixel_counts_that_have_no_parts(run):
    """15 pixels: the compiled sum works on eighths where it can."""
    x, upstream = inputs_and_upstream([2, 5, 3, 8])
    parts = parameters(8)
    settings = {"groups": 2, "activation": "relu"}
    y, gradients = run(ours(*parts, **settings), x, upstream)
    y_true, true_gradients = oracle(x, upstream, *parts, **settings)
    assert_near(y, y_true, 2e-6)
    for gradient, expected in zip(gradients, true_gradients, strict=True):
        assert_near(gradient, expected, 1e-5)


def test_instance_norm_ignores_the_bias():
    """One group a channel takes the mean, and with it any bias, out again."""
    x, _ = inputs_and_upstream([2, 4, 4, 6])
    layer = GroupNormalization(groups=-1)
    y = layer(x, bias=tf.constant([5.0, -3.0, 0.0, 1.0, 2.0, -1.0]))
    assert_near(y, layer(x), 2e-5)
    np.testing.assert_allclose(tf.reduce_mean(y, axis=[1, 2]), 0.0, atol=1e-6)
    np.testing.assert_allclose(tf.math.reduce_std(y, axis=[1, 2]), 1.0, atol=1e-4)


def test_constant_images_give_beta_and_finite_gradients(run):
    parts = parameters(8)
    x = tf.fill([2, 4, 4, 8], 3.0)
    bias = np.zeros(8, "float32")
    y, gradients = run(ours(*parts[:2], bias, groups=2), x, tf.ones_like(x))
    assert_near(y, np.broadcast_to(parts[1], y.shape), 1e-6)
    for gradient in gradients:
        assert np.isfinite(gradient).all()


def test_statistics_of_low_precision_inputs_are_float32(run):
    """Only inputs and outputs are rounded: a mean of 3 does not drown the rest."""
    x, upstream = inputs_and_upstream([2, 16, 16, 8], mean=3.0)
    x, upstream = tf.cast(x, "bfloat16"), tf.cast(upstream, "bfloat16")
    parts = parameters(8)
    settings = {"groups": 4, "activation": "relu"}
    y, gradients = run(ours(*parts, **settings), x, upstream)
    y_true, true_gradients = oracle(x, upstream, *parts, **settings)
    assert y.dtype == gradients[0].dtype == "bfloat16"
    assert gradients[1].dtype == "float32"
    assert_near(tf.cast(y, "float32"), y_true, 2**-8)
    assert_near(tf.cast(gradients[0], "float32"), true_gradients[0], 2**-8)
    for gradient, expected in zip(gradients[1:], true_gradients[1:], strict=True):
        assert_near(gradient, expected, 1e-4)


def test_mixed_precision_keeps_float32_weights():
    layer = GroupNormalization(4, activation="relu", dtype="mixed_bfloat16")
    y = layer(tf.random.normal([2, 4, 4, 8]))
    assert y.dtype == "bfloat16"
    assert layer.gamma.dtype == layer.beta.dtype == "float32"


def test_config_and_weights_survive_a_save(tmp_path):
    inputs = keras.Input([4, 4, 8])
    layer = GroupNormalization(4, epsilon=1e-3, activation="relu")
    model = keras.Model(inputs, layer(inputs))
    layer.gamma.assign(np.arange(8.0))
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.models.load_model(path)
    config = loaded.layers[-1].get_config()
    assert config == layer.get_config()
    assert (config["groups"], config["epsilon"]) == (4, 1e-3)
    x, _ = inputs_and_upstream([2, 4, 4, 8])
    np.testing.assert_array_equal(loaded(x), model(x))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"groups": 3}, "groups=3.*8"),
        ({"groups": 0}, "groups.*0"),
        ({"activation": "elu"}, "activation.*elu"),
    ],
)
def test_bad_arguments(settings, message):
    with pytest.raises(ValueError, match=message):
        GroupNormalization(**settings)(tf.zeros([1, 2, 2, 8]))
