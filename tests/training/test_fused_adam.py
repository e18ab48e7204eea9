"""The fused Adam has the updates and the state of Keras's."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.training.fused_adam import FusedAdam

START = np.linspace(-1.0, 1.0, 12).reshape(4, 3)


def pair(dtype="float32", **settings):
    """A variable each, and its optimiser: ours and Keras's."""
    pairs = []
    for kind in (FusedAdam, keras.optimizers.Adam):
        variable = keras.Variable(START, dtype=dtype)
        optimizer = kind(0.1, epsilon=1e-8, **settings)
        optimizer.build([variable])
        pairs.append((variable, optimizer))
    return pairs


def apply(variable, optimizer, gradient):
    optimizer.apply([gradient], [variable])


def state(variable, optimizer):
    return [v.numpy() for v in (variable, *optimizer.variables)]


@pytest.mark.parametrize("graph", [False, True])
def test_updates_are_those_of_keras(graph):
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=[20, 4, 3]).astype("float32")
    states = []
    for variable, optimizer in pair(beta_1=0.8, beta_2=0.95):
        update = functools.partial(apply, variable, optimizer)
        run = tf.function(update, autograph=False) if graph else update
        for gradient in gradients:
            run(tf.constant(gradient))
        states.append(state(variable, optimizer))
    for ours, keras_own in zip(*states, strict=True):
        np.testing.assert_allclose(ours, keras_own, rtol=1e-4, atol=1e-6)
    assert np.abs(states[0][0] - START).mean() > 0.1


@pytest.mark.parametrize("case", ["amsgrad", "sparse", "16 bits"])
def test_without_a_fused_kernel_keras_updates(case):
    gradient = tf.random.stateless_normal([4, 3], [0, 1])
    settings = {}
    if case == "amsgrad":
        settings = {"amsgrad": True}
    elif case == "16 bits":
        settings = {"dtype": "bfloat16", "beta_2": 0.9}
        gradient = tf.cast(gradient, "bfloat16")
    else:
        gradient = tf.IndexedSlices(gradient[:2], [1, 3], [4, 3])
    states = []
    for variable, optimizer in pair(**settings):
        for _ in range(3):
            apply(variable, optimizer, gradient)
        states.append(state(variable, optimizer))
    for ours, keras_own in zip(*states, strict=True):
        np.testing.assert_array_equal(ours, keras_own)
    assert np.any(states[0][0] != START)


def test_it_continues_with_the_state_of_keras():
    (ours, fused), (other, keras_own) = pair()
    gradient = tf.random.stateless_normal([4, 3], [0, 1])
    for _ in range(5):
        apply(other, keras_own, gradient)
    ours.assign(other)
    keras_own.save_own_variables(store := {})
    fused.load_own_variables(store)
    for variable, optimizer in ((ours, fused), (other, keras_own)):
        apply(variable, optimizer, -gradient)
    np.testing.assert_allclose(ours, other, rtol=1e-4)
