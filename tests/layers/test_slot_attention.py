"""Slot attention against loops, with the GRU and the norms of tf_keras."""

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers.position_embedding import PositionEmbedding
from genesis_keras.layers.slot_attention import SlotAttention


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def make_layer(channels=6, **settings):
    layer = SlotAttention(3, **{"slot_dim": 4, "hidden_dim": 5, **settings})
    layer.build((None, None, channels))
    for i, weight in enumerate(layer.trainable_weights):
        weight.assign(0.7 * normal(*weight.shape, seed=i) + (weight.name == "gamma"))
    return layer


def copied(tf_keras_layer, ours, shape):
    tf_keras_layer.build(shape)
    tf_keras_layer.set_weights([weight.numpy() for weight in ours.weights])
    return tf_keras_layer


def oracle(layer, inputs, noise, num_iterations):
    """Algorithm 1 as loops over images, slots and pixels."""
    import tf_keras

    dim = layer.slot_dim
    norms = {
        name: copied(tf_keras.layers.LayerNormalization(), ours, (None, size))
        for name, ours, size in (
            ("inputs", layer.norm_inputs, inputs.shape[-1]),
            ("slots", layer.norm_slots, dim),
            ("hidden", layer.norm_hidden, dim),
        )
    }
    cell = copied(tf_keras.layers.GRUCell(dim), layer.cell, (None, dim))
    query, key, value = (
        dense.kernel.numpy() for dense in (layer.query, layer.key, layer.value)
    )
    mean, log_scale = layer.initial_mean.numpy(), layer.initial_log_scale.numpy()
    all_slots, all_masks = [], []
    for image, draws in zip(inputs, noise, strict=True):
        pixels = norms["inputs"](image).numpy()
        slots = mean[0] + np.exp(log_scale[0]) * draws
        for _ in range(num_iterations):
            queries = norms["slots"](slots).numpy() @ query / np.sqrt(dim)
            masks = np.zeros([len(slots), len(pixels)])
            for n, pixel in enumerate(pixels):
                shares = np.exp([q @ (pixel @ key) for q in queries])
                masks[:, n] = shares / shares.sum()
            readings = []
            for mask in masks:
                weights = (mask + 1e-8) / np.sum(mask + 1e-8)
                readings.append(
                    sum(w * (p @ value) for w, p in zip(weights, pixels, strict=True))
                )
            slots = cell(np.array(readings, "float32"), [tf.constant(slots)])[0].numpy()
            hidden = norms["hidden"](slots).numpy() @ layer.hidden.kernel.numpy()
            hidden = np.maximum(hidden + layer.hidden.bias.numpy(), 0)
            residual = hidden @ layer.residual.kernel.numpy()
            slots = slots + residual + layer.residual.bias.numpy()
        all_slots.append(slots)
        all_masks.append(masks)
    return np.array(all_slots), np.array(all_masks)


@pytest.mark.parametrize(
    ("num_slots", "num_iterations"), [(None, None), (5, 1), (1, 2)]
)
def test_attention_follows_algorithm_1(num_slots, num_iterations):
    layer = make_layer()
    inputs = normal(2, 7, 6, seed=50)
    noise = normal(2, num_slots or 3, 4, seed=51)
    slots, log_masks = layer(
        inputs, num_slots=num_slots, num_iterations=num_iterations, noise=noise
    )
    expected = oracle(layer, inputs, noise, num_iterations or 3)
    np.testing.assert_allclose(slots, expected[0], atol=1e-5)
    np.testing.assert_allclose(tf.exp(log_masks), expected[1], atol=1e-5)


def test_attention_by_hand():
    """One iteration of two slots at three pixels, with identity projections."""
    layer = make_layer(channels=2, slot_dim=2)
    for dense in (layer.query, layer.key):
        dense.kernel.assign(np.eye(2))
    slots = np.array([[[1.0, -1.0], [-1.0, 1.0]]], "float32")
    layer.norm_slots.gamma.assign([1.0, 1.0])
    layer.norm_slots.beta.assign([0.0, 0.0])
    keys = np.array([[[3.0, 0.0], [0.0, 0.0], [0.0, 1.0]]], "float32")
    unit = 1 / np.sqrt(1 + 1e-3)  # of a slot (1, -1) after its normalisation
    logit = 3 * unit / np.sqrt(2)
    masks = tf.exp(layer._compete(slots, keys))
    first = 1 / (1 + np.exp(-2 * logit))
    third = 1 / (1 + np.exp(2 * unit / np.sqrt(2)))
    np.testing.assert_allclose(masks[0, 0], [first, 0.5, third], rtol=1e-5)
    np.testing.assert_allclose(masks[0, 1], 1 - masks[0, 0], atol=1e-6)


def test_a_slot_that_no_pixel_chose_reads_the_mean_of_all():
    layer = make_layer()
    values = normal(1, 7, 4)
    mean = np.broadcast_to(values.mean(axis=1), [1, 7, 4])
    log_masks = tf.constant([[[0.0] * 7, [-200.0] * 7, [-200.0] * 7]])
    uniform = tf.zeros([1, 3, 7]) - np.log(3)
    slots = normal(1, 3, 4, seed=1)
    updated = layer._update(slots, log_masks, values)
    assert np.isfinite(updated).all()
    np.testing.assert_allclose(
        updated, layer._update(slots, uniform, values), atol=1e-5
    )
    np.testing.assert_allclose(updated, layer._update(slots, uniform, mean), atol=1e-5)


def test_slots_are_equivariant_to_their_order_and_invariant_to_that_of_pixels():
    layer = make_layer()
    inputs, noise = normal(2, 9, 6), normal(2, 3, 4, seed=2)
    slots, log_masks = layer(inputs, noise=noise)
    order, pixels = [2, 0, 1], np.random.default_rng(0).permutation(9)
    permuted, permuted_masks = layer(inputs[:, pixels], noise=noise[:, order])
    np.testing.assert_allclose(permuted, tf.gather(slots, order, axis=1), atol=1e-5)
    expected = log_masks.numpy()[:, order][:, :, pixels]
    # Logs down to -14, whose rounding depends on the place in a matrix product.
    np.testing.assert_allclose(permuted_masks, expected, rtol=1e-5, atol=1e-5)
    assert np.abs(slots[:, 0] - slots[:, 1]).max() > 0.1


def test_masks_sum_to_one_and_draws_follow_the_seed():
    inputs = normal(2, 9, 6)
    first, log_masks = make_layer(seed=1)(inputs)
    total = tf.reduce_sum(tf.exp(log_masks), axis=1)
    np.testing.assert_allclose(total, 1.0, atol=1e-6)
    np.testing.assert_array_equal(first, make_layer(seed=1)(inputs)[0])
    assert np.abs(first - make_layer(seed=2)(inputs)[0]).max() > 1e-3


def gradients_of(layer, inputs, noise, num_iterations, direction):
    with tf.GradientTape() as tape:
        slots, log_masks = layer(inputs, num_iterations=num_iterations, noise=noise)
        loss = tf.reduce_sum(slots * direction) + tf.reduce_sum(log_masks[:, 0])
    weights = {weight.path: weight for weight in layer.trainable_weights}
    return slots, tape.gradient(loss, weights)


def test_an_implicit_gradient_is_that_of_the_last_iteration():
    """It equals the full gradient of one iteration from the slots that two reach."""
    settings = {"num_slots": 3, "slot_dim": 4, "hidden_dim": 5}
    layer = make_layer()
    implicit = SlotAttention(**settings, implicit_gradient=True)
    implicit.build((None, None, 6))
    implicit.set_weights(layer.get_weights())
    inputs, direction = normal(2, 7, 6, seed=50), normal(2, 3, 4, seed=52)
    noise = normal(2, 3, 4, seed=51)
    slots, full = gradients_of(layer, inputs, noise, 3, direction)
    same_slots, gradients = gradients_of(implicit, inputs, noise, 3, direction)
    np.testing.assert_allclose(same_slots, slots, atol=1e-5)
    # Noise that puts the initial slots where two iterations end.
    middle = layer(inputs, num_iterations=2, noise=noise)[0]
    moved = (middle - layer.initial_mean) / tf.exp(layer.initial_log_scale)
    _, last = gradients_of(layer, inputs, moved, 1, direction)
    paths = [weight.path for weight in layer.trainable_weights]
    for path, ours in zip(paths, implicit.trainable_weights, strict=True):
        if "log_scale" not in path:
            np.testing.assert_allclose(gradients[ours.path], last[path], atol=1e-4)
    # The gradient of the slots goes straight to the initial ones: mu + exp(s) noise.
    by_path = {path.split("/")[-1]: value for path, value in gradients.items()}
    scale = tf.exp(layer.initial_log_scale)
    with tf.GradientTape() as tape:
        tape.watch(middle)
        log_masks = layer._compete(middle, layer.key(layer.norm_inputs(inputs)))
        values = layer.value(layer.norm_inputs(inputs))
        slots = layer._update(middle, log_masks, values)
        loss = tf.reduce_sum(slots * direction) + tf.reduce_sum(log_masks[:, 0])
    of_slots = tape.gradient(loss, middle)
    expected = tf.reduce_sum(of_slots * noise * scale, axis=[0, 1], keepdims=True)
    np.testing.assert_allclose(by_path["initial_log_scale"], expected, atol=1e-4)
    difference = [
        np.abs(gradients[ours.path] - full[path]).max()
        for path, ours in zip(paths, implicit.trainable_weights, strict=True)
    ]
    assert max(difference) > 0.1


def random_twin(layer):
    """A layer of random slots with the weights of one of learned slots."""
    twin = make_layer()
    twin.initial_mean.assign(tf.zeros_like(twin.initial_mean))
    twin.initial_log_scale.assign(tf.zeros_like(twin.initial_log_scale))
    twin.set_weights([w.numpy() for w in twin.weights[:2] + layer.weights[1:]])
    return twin  # its initial slots are the noise


@pytest.mark.parametrize("num_slots", [2, 3, 5])
def test_learned_slots_start_the_iterations(num_slots):
    """Further slots are samples of their Gaussian."""
    layer = make_layer(initial_slots="learned")
    inputs, noise = normal(2, 7, 6, seed=50), normal(2, num_slots, 4, seed=51)
    learned = layer.learned_slots.numpy()
    samples = learned.mean(axis=1) + learned.std(axis=1) * noise[:, 3:]
    start = np.concatenate([learned[:, :num_slots].repeat(2, 0), samples], axis=1)
    expected = random_twin(layer)(inputs, num_slots=num_slots, noise=start)
    actual = layer(inputs, num_slots=num_slots, noise=noise)
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, e, atol=1e-5)


def test_learned_slots_are_not_random():
    inputs = normal(2, 7, 6, seed=50)
    for initial in ("learned", "random"):
        layer = make_layer(initial_slots=initial)
        same = np.allclose(layer(inputs)[0], layer(inputs)[0], atol=1e-6)
        assert same == (initial == "learned")


@pytest.mark.parametrize("implicit", [True, False])
def test_given_slots_start_the_iterations(implicit):
    layer = make_layer(initial_slots="given", implicit_gradient=implicit)
    twin = make_layer()
    twin.set_weights([*twin.get_weights()[:2], *layer.get_weights()])
    twin.initial_mean.assign(tf.zeros([1, 1, 4]))
    twin.initial_log_scale.assign(tf.zeros([1, 1, 4]))
    inputs, start = normal(2, 7, 6, seed=50), tf.constant(normal(2, 3, 4, seed=51))
    expected = twin(inputs, noise=start)
    with tf.GradientTape() as tape:
        tape.watch(start)
        actual = layer(inputs, given=start)
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, e, atol=1e-5)
    assert np.abs(tape.gradient(actual[0], start)).max() > 1e-3
    with pytest.raises(ValueError, match="given must be the initial slots; got None"):
        layer(inputs)


@pytest.mark.parametrize("implicit", [True, False])
def test_learned_slots_have_gradients(implicit):
    layer = make_layer(initial_slots="learned", implicit_gradient=implicit)
    noise = normal(2, 3, 4)
    _, gradients = gradients_of(layer, normal(2, 7, 6), noise, 3, normal(2, 3, 4))
    assert np.abs(gradients[layer.learned_slots.path]).max() > 1e-4


def stored(layer):
    """The weights of the layer itself, as Keras stores them."""
    store = {}
    layer.save_own_variables(store)
    return store


def test_weights_of_random_slots_become_learned_slots():
    layer = SlotAttention(900, slot_dim=2, initial_slots="learned", seed=0)
    layer.build((None, None, 6))
    mean, log_scale = np.array([1.0, -2.0]), np.log([0.1, 3.0])
    layer.load_own_variables({"0": mean[None, None], "1": log_scale[None, None]})
    slots = layer.learned_slots.numpy()
    assert slots.shape == (1, 900, 2)
    np.testing.assert_allclose(slots.mean(axis=1)[0], mean, atol=0.3)
    np.testing.assert_allclose(slots.std(axis=1)[0], np.exp(log_scale), rtol=0.1)


def test_weights_of_learned_slots_become_random_slots():
    source, layer = make_layer(initial_slots="learned"), make_layer()
    layer.load_own_variables(stored(source))
    slots = source.learned_slots.numpy()
    np.testing.assert_allclose(layer.initial_mean[:, 0], slots.mean(1), rtol=1e-5)
    scale = np.exp(layer.initial_log_scale[:, 0])
    np.testing.assert_allclose(scale, slots.std(1), rtol=1e-5)


@pytest.mark.parametrize("initial", ["random", "learned"])
def test_weights_of_the_same_kind_are_kept(initial):
    source, layer = (make_layer(initial_slots=initial) for _ in range(2))
    for weight in layer.trainable_weights:
        weight.assign(tf.zeros_like(weight))
    layer.load_own_variables(stored(source))
    for name, value in stored(source).items():
        np.testing.assert_array_equal(stored(layer)[name], value)


def test_another_number_of_learned_slots():
    """The last are left out, or samples of the others' Gaussian added."""
    source = make_layer(initial_slots="learned")
    for number in (2, 4, 900):
        layer = SlotAttention(number, slot_dim=4, initial_slots="learned", seed=0)
        layer.build((None, None, 6))
        layer.load_own_variables(stored(source))
        loaded, slots = layer.learned_slots.numpy(), source.learned_slots.numpy()
        assert loaded.shape == (1, number, 4)
        np.testing.assert_array_equal(loaded[:, :3], slots[:, :number])
    np.testing.assert_allclose(loaded.mean(1), slots.mean(1), atol=0.15)
    np.testing.assert_allclose(loaded.std(1), slots.std(1), rtol=0.1)


def test_config_round_trip():
    layer = make_layer(
        num_iterations=2, implicit_gradient=True, initial_slots="learned", seed=3
    )
    again = SlotAttention.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize(
    "bad", [{"num_slots": 0}, {"num_iterations": 0}, {"noise": np.zeros([2, 2, 4])}]
)
def test_bad_calls_are_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        make_layer()(normal(2, 9, 6), **bad)


@pytest.mark.parametrize("name", ["slot_dim", "num_iterations", "hidden_dim"])
def test_bad_settings_are_named(name):
    with pytest.raises(ValueError, match=f"{name}.*0"):
        make_layer(**{name: 0})


def test_positions_are_those_of_the_pixels():
    layer = PositionEmbedding()
    layer.build((None, 3, 5, 4))
    layer.project.kernel.assign(np.eye(4))
    added = layer(np.full([1, 3, 5, 4], 10.0, "float32"))[0] - 10.0
    np.testing.assert_allclose(added[0, 0], [0, 0, 1, 1], atol=1e-5)  # y, x, 1-y, 1-x
    np.testing.assert_allclose(added[2, 0], [1, 0, 0, 1], atol=1e-5)
    np.testing.assert_allclose(added[1, 3], [0.5, 0.75, 0.5, 0.25], atol=1e-5)
