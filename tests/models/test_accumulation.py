"""Gradients of micro-batches: the same training step as with the whole batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras import GECO, Genesis, GenesisV2, SlotAttentionModel
from genesis_keras.models import micro_batches
from genesis_keras.models.base import SceneModel
from genesis_keras.training.optimizers import SkippingOptimizer, make_optimizer

BATCH_SIZE = 4


def make_images(number):
    rng = np.random.default_rng(0)
    return rng.uniform(size=[number, 16, 16, 3]).astype("float32")


def make_model(name):
    keras.utils.set_random_seed(0)
    settings = {"image_size": 16, "num_slots": 2, "seed": 0}
    if name == "slot_attention":
        return SlotAttentionModel(num_iterations=1, slot_dim=8, filters=8, **settings)
    # With all that depends on the step, and unused weights.
    return GenesisV2(
        feature_dim=8,
        mask_guidance=0.5,
        mask_guidance_steps=3,
        mask_consistency=True,
        pixel_scale_final=0.5,
        pixel_scale_steps=5,
        stop_mask_gradient=name == "unused",
        **settings,
    )


def train(name, accumulate_steps, optimizer=None, num_steps=3):
    """Returns the trained model and the logs of the last step."""
    model = make_model(name)
    # A large epsilon: gradients that are nothing but rounding do not move weights.
    optimizer = optimizer or keras.optimizers.Adam(1e-2, epsilon=1.0)
    model.compile(optimizer, accumulate_steps=accumulate_steps)
    batches = tf.data.Dataset.from_tensor_slices(make_images(BATCH_SIZE * num_steps))
    geco = [GECO(goal=0.57, step_size=1e-4)] if model.has_likelihood else []
    history = model.fit(
        batches.batch(BATCH_SIZE, drop_remainder=True), verbose=0, callbacks=geco
    ).history
    return model, {key: values[-1] for key, values in history.items()}


def assert_close(model, other):
    for a, b in zip(model.weights, other.weights, strict=True):
        scale = max(1.0, float(np.abs(a.numpy()).max()))
        difference = np.abs(a.numpy() - b.numpy()).max() / scale
        assert difference < 1e-5, (a.path, difference)
    # Adam's moments are means of the gradients, and of their squares.
    pairs = zip(model.optimizer.variables, other.optimizer.variables, strict=True)
    pairs = [(a.path, a.numpy(), b.numpy()) for a, b in pairs if a.shape.rank]
    largest = max(np.abs(a).max() for _, a, _ in pairs)
    for path, a, b in pairs:
        assert np.abs(a - b).max() < 1e-4 * largest, path


@pytest.mark.parametrize("name", ["genesis_v2", "unused", "slot_attention"])
def test_micro_batches_train_as_the_whole_batch(name):
    whole, logs = train(name, 1)
    parts, logs_of_parts = train(name, 2)
    assert int(parts.optimizer.iterations) == int(whole.optimizer.iterations) == 3
    assert_close(whole, parts)
    for key, value in logs.items():
        assert logs_of_parts[key] == pytest.approx(value, rel=1e-5), key
    start = make_model(name)
    moved = [
        float(np.abs(a.numpy() - b.numpy()).max())
        for a, b in zip(start.trainable_weights, whole.trainable_weights, strict=True)
    ]
    assert max(moved) > 1e-4  # there is something to compare


def test_clipping_averages_and_skipped_batches_are_those_of_the_whole_batch():
    def optimizer():
        adam = make_optimizer(1e-2, 2, 8, clip_norm=1e-2, ema_momentum=0.9)
        adam.epsilon = 1.0
        return SkippingOptimizer(adam)

    whole, logs = train("slot_attention", 1, optimizer())
    parts, logs_of_parts = train("slot_attention", 4, optimizer())
    assert_close(whole, parts)
    assert logs_of_parts == pytest.approx(logs, rel=1e-5)
    # An image that is not a number spoils its whole batch, not only its part.
    images = make_images(BATCH_SIZE)
    images[-1, 0, 0, 0] = np.nan
    before = [weight.numpy() for weight in parts.trainable_weights]
    logs = parts.train_on_batch(images, return_dict=True)
    assert logs["skipped"] == 1.0
    for weight, value in zip(parts.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_the_model_sees_one_micro_batch_at_a_time(monkeypatch):
    sizes = []
    call = SlotAttentionModel.call

    def recorded(self, images, **arguments):
        sizes.append(images.shape[0])
        return call(self, images, **arguments)

    monkeypatch.setattr(SlotAttentionModel, "call", recorded)
    train("slot_attention", 4, num_steps=1)
    assert set(sizes) == {1}


def test_sums_over_parts():
    rows = tf.reshape(tf.range(12.0), [6, 2])

    @tf.function
    def sums(rows):
        return micro_batches.sum_over_parts(
            lambda x, y: ([tf.reduce_max(x, axis=0), None], tf.reduce_sum(y["y"])),
            (rows, {"y": rows}),
            3,
            ([tf.zeros([2]), tf.zeros([])], 0.0),
        )

    (largest, none), total = sums(rows)
    np.testing.assert_array_equal(largest, [2 + 6 + 10, 3 + 7 + 11])
    assert none is None and float(total) == 66.0


def test_batches_that_cannot_be_split_are_refused():
    model = make_model("slot_attention")
    message = r"accumulate_steps must divide the number of images.*; got 3 and 4 images"
    model.compile("sgd", accumulate_steps=3)
    with pytest.raises(ValueError, match=message):
        model.fit(make_images(4), batch_size=4, verbose=0)
    for wrong in (0, -1, 1.5, "2"):
        with pytest.raises(ValueError, match=f"accumulate_steps must be .*{wrong}"):
            model.compile("sgd", accumulate_steps=wrong)
    message = message.replace("4 images", "1 images")
    model.compile("sgd", accumulate_steps=3)  # the last batch has one image
    with pytest.raises(ValueError, match=message) as error:
        model.fit(make_images(4), batch_size=3, verbose=0)
    assert "\n" not in str(error.value)


def test_batch_normalisation_on_several_replicas_is_refused(monkeypatch):
    class Strategy:
        num_replicas_in_sync = 2

    model = Genesis(image_size=32, num_slots=2, seed=0)
    model.compile("sgd", jit_compile=False, accumulate_steps=2)
    monkeypatch.setattr(SceneModel, "distribute_strategy", Strategy())
    with pytest.raises(
        ValueError, match="accumulate_steps must be 1 for Genesis.*2 re"
    ):
        model._maybe_symbolic_build()


def test_saved_models_keep_the_number_of_micro_batches(tmp_path):
    model = make_model("slot_attention")
    model.compile("sgd", accumulate_steps=2)
    model.save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").accumulate_steps == 2
