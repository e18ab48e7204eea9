"""Low precision: the same training, with masks and objective in float32."""

import keras
import numpy as np
import pytest

from genesis_keras import GECO
from genesis_keras.training.config import resolve
from genesis_keras.training.run import build_model

LOW = ("mixed_bfloat16", "mixed_float16")
NUM_STEPS = 12


def model_of(precision, **settings):
    keras.utils.set_random_seed(0)
    # With the paper's sigma_x float16 need not skip the first step to find its scale.
    small = {"feature_dim": 8, "pixel_scale": 0.7, "geco_goal": 0.5655}
    tiny = {"num_slots": 3, "warmup_steps": 0, **(settings or small)}
    return build_model(resolve({**tiny, "precision": precision}))


class Recorder(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.losses, self.skipped = [], []

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(float(logs["loss"]))
        self.skipped.append(float(logs.get("skipped", 0.0)))


def losses_of(precision, images):
    model, recorder = model_of(precision), Recorder()
    repeated = np.concatenate([images] * NUM_STEPS)
    model.fit(
        repeated,
        batch_size=len(images),
        shuffle=False,
        verbose=0,
        callbacks=[GECO(), recorder],
    )
    return model, recorder


@pytest.mark.parametrize("precision", LOW)
@pytest.mark.parametrize("name", ["genesis_v2", "genesis", "monet", "slot_attention"])
def test_outputs_are_float32_and_masks_sum_to_one(name, precision, images):
    settings = {"feature_dim": 8} if name == "genesis_v2" else {}
    keras.utils.set_random_seed(0)
    config = {"model": name, "num_slots": 3, "precision": precision, **settings}
    model = build_model(resolve(config))
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
    outputs = model(images[:2])
    for key in ("masks", "log_object_masks", "reconstruction_error", "kl_latents"):
        assert outputs[key].dtype == "float32", key
    for masks in (outputs["masks"], np.exp(outputs["log_object_masks"])):
        np.testing.assert_allclose(np.sum(masks, axis=1), 1.0, atol=1e-3)
    exact = model_error(name, settings, images[:2])
    np.testing.assert_allclose(outputs["reconstruction_error"], exact, rtol=0.02)


def model_error(name, settings, images):
    keras.utils.set_random_seed(0)
    model = build_model(resolve({"model": name, "num_slots": 3, **settings}))
    return model(images)["reconstruction_error"]


@pytest.fixture(scope="module")
def losses_in_float32():
    """A batch of images, and the losses of the training below on it."""
    rng = np.random.default_rng(0)
    images = rng.uniform(size=[4, 32, 32, 3]).astype("float32")
    return images, losses_of("float32", images)[1].losses


@pytest.mark.slow
@pytest.mark.parametrize("precision", LOW)
def test_training_follows_float32(precision, losses_in_float32):
    images, exact = losses_in_float32
    assert exact[-1] < exact[0]
    model, low = losses_of(precision, images)
    assert low.skipped == [0.0] * NUM_STEPS
    np.testing.assert_allclose(low.losses, exact, rtol=0.02)
    scales = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scales == (precision == "mixed_float16")
    assert int(model.geco.num_updates) == NUM_STEPS
    assert model.geco.beta.dtype == "float32"


def test_gradients_of_float16_are_those_of_the_loss(images):
    """Scaled by 2^6 on the way back only: a step moves the weights as ever."""
    steps = {}
    for precision in ("float32", "mixed_float16"):
        model = model_of(precision, model="slot_attention", num_iterations=1, filters=8)
        before = [weight.numpy() for weight in model.trainable_weights]
        model.train_on_batch(images)
        after = [weight.numpy() for weight in model.trainable_weights]
        steps[precision] = np.concatenate(
            [(a - b).ravel() for a, b in zip(after, before, strict=True)]
        )
    exact, low = steps["float32"], steps["mixed_float16"]
    assert np.corrcoef(exact, low)[0, 1] > 0.9  # Adam moves by signs at first
    assert np.abs(low).max() < 2 * np.abs(exact).max()
