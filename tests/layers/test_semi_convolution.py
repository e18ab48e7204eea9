import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers.semi_convolution import SemiConvolution

SIDE = 12


def test_initial_embeddings_are_coordinates():
    embeddings, delta = SemiConvolution()(tf.random.normal([2, SIDE, SIDE, 16]))
    np.testing.assert_array_equal(delta, 0.0)
    np.testing.assert_array_equal(embeddings[..., :6], 0.0)
    np.testing.assert_allclose(
        embeddings[0, :, 3, 6], np.linspace(-1, 1, SIDE), atol=1e-6
    )
    np.testing.assert_allclose(
        embeddings[1, 5, :, 7], np.linspace(-1, 1, SIDE), atol=1e-6
    )


def test_semi_convolution_without_coordinates_has_no_gate():
    layer = SemiConvolution(use_coordinates=False)
    embeddings, delta = layer(tf.random.normal([2, SIDE, SIDE, 16]))
    assert [w.name for w in layer.weights] == ["kernel", "bias"]
    np.testing.assert_array_equal(delta, embeddings[..., -2:])


def test_appearance_is_as_precise_with_16_bits():
    features = tf.random.stateless_normal([2, SIDE, SIDE, 16], [1, 2])
    images = tf.random.stateless_uniform([2, SIDE, SIDE, 3], [1, 3])
    results = [
        SemiConvolution(
            appearance_scale=3.0, region_passes=2, kuwahara_passes=1, dtype=policy
        )(features, images)[0]
        for policy in ("float32", "mixed_bfloat16", "mixed_float16")
    ]
    for result in results[1:]:  # the gate is 0: only coordinates and appearance
        np.testing.assert_allclose(result, results[0], atol=1e-6)


def test_gate_rate_slows_the_gate_under_adam():
    features = tf.random.stateless_normal([2, SIDE, SIDE, 16], [1, 2])
    gates = []
    for rate in (1.0, 0.1):
        layer = SemiConvolution(gate_rate=rate)
        with tf.GradientTape() as tape:
            embeddings, _ = layer(features)
            value = tf.reduce_sum(embeddings**2)
        variables = layer.trainable_weights
        keras.optimizers.Adam(0.01).apply(tape.gradient(value, variables), variables)
        gates.append(abs(float(layer.gate)))
    np.testing.assert_allclose(gates, [0.01, 0.001], rtol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"embedding_dim": 1}, "embedding_dim.*1"),
        ({"gate_rate": 0.0}, "gate_rate.*0"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        SemiConvolution(**arguments)


def test_config_round_trip():
    layer = SemiConvolution(6, gate_rate=0.1, name="embedding")
    assert SemiConvolution.from_config(layer.get_config()).get_config() == (
        layer.get_config()
    )
