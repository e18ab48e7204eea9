"""The baselines have the signatures that make sense for them."""

import numpy as np
import pytest
import tensorflow as tf

from genesis_keras import Genesis, Monet, SlotAttentionModel
from genesis_keras.export.signatures import signatures


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model_class", "settings"),
    [
        (Genesis, {}),
        (Monet, {}),
        (SlotAttentionModel, {}),
        (SlotAttentionModel, {"initial_slots": "clusters", "appearance_scale": 3.0}),
    ],
)
def test_baseline(model_class, settings, pictures):
    model = model_class(image_size=32, num_slots=3, seed=0, **settings)
    served = signatures(model, masks="object")
    assert ("generate" in served) == model.is_generative
    names = [spec.name for spec in served["serving_default"].inputs]
    assert names == ["images", "seed"]  # no threshold: K is the same for all images
    images, seed = tf.constant(pictures[:2]), tf.constant(4)
    ((name, draw),) = model.fixed_draws(1, seed=4).items()
    want = model(images, **{name: tf.repeat(draw, 2, axis=0)})
    outputs = served["reconstruct"].graph()(images, seed)
    np.testing.assert_allclose(
        outputs["reconstruction"], want["reconstruction"], atol=1e-4
    )
    # Any number of slots may be decoded.
    latents = tf.constant(
        np.random.default_rng(0).normal(size=[2, 5, served_dim(want)])
    )
    latents = tf.cast(latents, "float32")
    decoded = served["decode"].graph()(latents)
    np.testing.assert_allclose(
        decoded["components"], model.decode(latents)["components"], atol=1e-4
    )
    if model.is_generative:
        scenes = served["generate"].graph()(*map(tf.constant, (2, 5, 1)))
        noise = model.fixed_draws(2, 5, seed=1)["noise"]
        want = model.sample(2, 5, noise=noise)["reconstruction"]
        np.testing.assert_allclose(scenes["reconstruction"], want, atol=1e-4)


def served_dim(outputs):
    return outputs["latents"].shape[-1]
