"""Affine couplings: invertible, with the Jacobian that they report."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers.coupling_flow import CouplingFlow


def built(dim, couplings=3):
    flow = CouplingFlow(couplings, units=16)
    flow.build((None, None, dim))
    rng = np.random.default_rng(0)
    for weight in flow.weights:
        weight.assign(rng.normal(size=weight.shape) * 0.3)
    return flow


@pytest.fixture(params=[2, 6, 7])
def case(request):
    values = np.random.default_rng(1).normal(size=[2, 3, request.param])
    return built(request.param), tf.constant(values, tf.float32)


def test_the_inverse_undoes_the_flow(case):
    flow, values = case
    mapped, _ = flow(values)
    assert np.abs(mapped - values).max() > 0.1
    np.testing.assert_allclose(flow.inverse(mapped), values, atol=1e-5)


def test_the_log_determinant_is_that_of_the_jacobian(case):
    flow, values = case
    for value in tf.reshape(values, [-1, values.shape[-1]])[:3]:
        with tf.GradientTape() as tape:
            tape.watch(value)
            mapped, log_det = flow(value[None])
        jacobian = tape.jacobian(mapped, value)[0].numpy().astype("float64")
        expected = np.linalg.slogdet(jacobian)[1]
        assert abs(expected) > 1e-3
        np.testing.assert_allclose(log_det[0], expected, atol=1e-4)


def test_a_new_flow_only_changes_the_order():
    flow = CouplingFlow(2)
    values = tf.constant([[1.0, 2.0, 3.0, 4.0]])
    mapped, log_det = flow(values)
    np.testing.assert_array_equal(mapped, values)  # halves changed places twice
    np.testing.assert_array_equal(log_det, [0.0])


def test_config_round_trip():
    flow = CouplingFlow(2, units=5)
    again = keras.layers.deserialize(keras.layers.serialize(flow))
    assert (again.couplings, again.units) == (2, 5)


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="couplings must be .* at least 1; got 0"):
        CouplingFlow(0)
    with pytest.raises(ValueError, match="units must be .* at least 1; got 0"):
        CouplingFlow(1, units=0)
