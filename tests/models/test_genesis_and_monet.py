"""Common properties of GENESIS and MONet-G."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.models.genesis import Genesis
from genesis_keras.models.monet import Monet
from genesis_keras.models.outputs import OUTPUTS
from genesis_keras.objectives.elbo import weighted_loss
from genesis_keras.training.callbacks import GECO

SETTINGS = {
    Genesis: {"mask_latent_dim": 6, "component_latent_dim": 4},
    Monet: {"component_latent_dim": 4, "attention_filters": 8},
}
SIDE = 16
GATED_BIAS = re.compile(r"mask_(encoder/down|decoder/up)_\d/bias$")
both = pytest.mark.parametrize("model_class", SETTINGS)


def make(model_class, **settings):
    keras.utils.set_random_seed(0)
    defaults = {"image_size": SIDE, "num_slots": 3, "seed": 0}
    return model_class(**{**defaults, **SETTINGS[model_class], **settings})


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return rng.uniform(size=[4, SIDE, SIDE, 3]).astype("float32")


def values(outputs):
    return {name: value.numpy() for name, value in outputs.items()}


def assert_same(first, second, **tolerance):
    for name in first:
        np.testing.assert_allclose(first[name], second[name], err_msg=name, **tolerance)


@both
def test_narrow_posterior_starts_narrow(model_class, images):
    wide, narrow = (
        make(model_class, posterior_scale_bias=bias)(images)["posterior_scale"]
        for bias in (0.0, -3.0)
    )
    assert np.min(wide) > 0.3 and np.max(narrow) < 0.3


@both
def test_glorot_initialization(model_class):
    model = make(model_class, initialization="glorot", posterior_scale_bias=-3.0)
    project = model.component_decoder.project
    limit = np.sqrt(6 / sum(project.kernel.shape[2:]))  # of the release 1 / sqrt(32)
    assert 0.8 * limit < np.abs(project.kernel).max() <= limit
    assert np.all(project.bias.numpy() == 0)
    assert model.component_encoder.posterior.bias.numpy()[4:].max() < -2
    with pytest.raises(ValueError, match="initialization must be one of.*'zeros'"):
        make(model_class, initialization="zeros")


@both
@pytest.mark.parametrize("training", [True, False])
def test_outputs_are_the_contract(model_class, training, images):
    model = make(model_class)
    outputs = model(images, training=training)
    dims = {"B": 4, "K": 3, "H": SIDE, "W": SIDE, "D": model.latent_dim}
    assert outputs.keys() == OUTPUTS.keys()
    for name, text in OUTPUTS.items():
        shape = text[text.index("[") + 1 : text.index("]")].split(", ")
        expected = tuple(dims[d] if d in dims else int(d) for d in shape)
        assert outputs[name].shape == expected, name
        assert np.isfinite(outputs[name]).all(), name
    for masks in ("log_masks", "log_object_masks"):
        total = tf.reduce_sum(tf.exp(outputs[masks]), axis=1)
        np.testing.assert_allclose(total, 1.0, atol=1e-5)
    np.testing.assert_array_equal(outputs["masks"], tf.exp(outputs["log_masks"]))
    assert outputs["num_slots"].dtype == "int32"
    np.testing.assert_array_equal(outputs["num_slots"], 3)
    composed = tf.reduce_sum(outputs["masks"] * outputs["components"], axis=1)
    np.testing.assert_allclose(outputs["reconstruction"], composed, atol=1e-6)


@both
@pytest.mark.parametrize("image_size", [32, 64, 128])
def test_image_sizes(model_class, image_size):
    model = make(model_class, image_size=image_size, num_slots=2)
    outputs = model(tf.zeros([1, image_size, image_size, 3]))
    assert outputs["components"].shape == (1, 2, image_size, image_size, 3)


@pytest.mark.parametrize(
    ("model_class", "settings"),
    [
        (Genesis, {}),
        (Genesis, {"autoregressive_prior": False}),
        (Monet, {}),
        (Monet, {"mask_prior": "scope"}),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_every_weight_gets_a_finite_gradient(model_class, settings, training, images):
    model = make(model_class, **settings)
    with tf.GradientTape() as tape:
        loss = weighted_loss(model(images, training=training), 0.5)
    weights = model.trainable_weights
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all(), weight.path
        if training and GATED_BIAS.search(weight.path):
            continue  # a BatchNorm by the batch takes a bias before it away
        assert np.abs(gradient).max() > 0, weight.path


@both
def test_graph_equals_eager_for_any_batch_size(model_class, images):
    model = make(model_class)
    signature = [
        tf.TensorSpec([None, SIDE, SIDE, 3]),
        tf.TensorSpec([None, 3, model.latent_dim]),
    ]
    traced = tf.function(
        lambda x, noise: model(x, noise=noise), input_signature=signature
    )
    for n in (4, 2):
        noise = model.fixed_draws(n)["noise"]
        eager = values(model(images[:n], noise=noise))
        graph = values(traced(images[:n], noise))
        assert_same(eager, graph, rtol=2e-4, atol=2e-4)


@both
def test_images_do_not_see_each_other_in_evaluation(model_class, images):
    model = make(model_class)
    noise = model.fixed_draws(4)["noise"]
    together = values(model(images, noise=noise))
    alone = values(model(images[2:3], noise=noise[2:3]))
    assert_same(alone, {k: v[2:3] for k, v in together.items()}, rtol=1e-4, atol=1e-4)


@both
@pytest.mark.parametrize("num_slots", [2, 5])
def test_other_numbers_of_slots_at_test_time(model_class, num_slots, images):
    model = make(model_class)
    draws = model.fixed_draws(4, num_slots)
    outputs = model(images, num_slots=num_slots, **draws)
    assert outputs["components"].shape[1] == num_slots
    np.testing.assert_array_equal(outputs["num_slots"], num_slots)
    scene = model.sample(2, num_slots)
    assert scene["reconstruction"].shape == (2, SIDE, SIDE, 3)
    assert scene["latents"].shape == (2, num_slots, model.latent_dim)
    total = tf.reduce_sum(tf.exp(scene["log_object_masks"]), axis=1)
    np.testing.assert_allclose(total, 1.0, atol=1e-5)


@both
def test_samples_repeat_with_their_noise_and_else_differ(model_class):
    model = make(model_class)
    noise = model.fixed_draws(2)["noise"]
    first, second = (model.sample(2, noise=noise) for _ in range(2))
    assert_same(values(first), values(second))
    first, second = model.sample(2)["latents"], model.sample(2)["latents"]
    assert np.all(first != second)
    np.testing.assert_array_equal(make(model_class).sample(2)["latents"], first)


@both
def test_fixed_draws_do_not_depend_on_the_batch(model_class):
    model = make(model_class)
    draw = model.fixed_draws(2, seed=3)["noise"]
    np.testing.assert_array_equal(draw, model.fixed_draws(4, seed=3)["noise"][:2])
    assert np.all(draw != model.fixed_draws(2, seed=4)["noise"])
    assert np.all(draw != model.fixed_draws(2, seed=[3, 1])["noise"])


@both
def test_training_with_geco_learns(model_class, images):
    model = make(model_class)
    model.compile(keras.optimizers.Adam(1e-3), run_eagerly=True)
    averages = [w.numpy() for w in model.weights if "moving" in w.path]
    history = model.fit(
        images,
        batch_size=4,
        epochs=8,
        verbose=0,
        shuffle=False,
        callbacks=[GECO(goal=0.57, step_size=1e-4, initial_beta=0.25)],
    ).history
    assert history["beta"][1] < history["beta"][0] == 0.25
    assert history["error"][-1] < history["error"][0]
    after = [w.numpy() for w in model.weights if "moving" in w.path]
    assert len(after) == (20 if model_class is Genesis else 0)
    for old, new in zip(averages, after, strict=True):
        assert np.all(old != new)
    model.evaluate(images, batch_size=4, verbose=0)
    kept = [w.numpy() for w in model.weights if "moving" in w.path]
    for old, new in zip(after, kept, strict=True):
        np.testing.assert_array_equal(old, new)


@both
def test_saved_and_loaded(model_class, images, tmp_path):
    model = make(model_class)
    model(images, training=True)  # moves the averages, where there are some
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    for old, new in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(old, new, err_msg=old.path)
    # The random state is saved too, so the next draws are the same.
    assert_same(values(model(images)), values(loaded(images)))


@both
def test_config_round_trip(model_class):
    model = make(model_class, pixel_scale=0.5)
    assert model_class.from_config(model.get_config()).get_config() == (
        model.get_config()
    )


@both
def test_mixed_precision_keeps_the_algebra_in_float32(model_class, images):
    model = make(model_class, dtype="mixed_bfloat16")
    noise = model.fixed_draws(4)["noise"]
    half = model(images, noise=noise, training=True)
    full = make(model_class)(images, noise=noise, training=True)
    for name in ("log_masks", "log_object_masks", "latents"):
        assert half[name].dtype == "float32"
    np.testing.assert_allclose(half["elbo"], full["elbo"], rtol=0.02)


@both
@pytest.mark.slow
def test_training_step_compiles_under_xla(model_class, images):
    losses = []
    for jit_compile in (False, True):
        model = make(model_class)
        model.compile(keras.optimizers.SGD(1e-6), jit_compile=jit_compile)
        losses.append(model.fit(images, batch_size=4, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-2)


@both
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"flexible_slots": True}, "flexible_slots.*True"),
        ({"num_slots": 0}, "num_slots.*0"),
        ({"noise": np.zeros([4, 5, 3], "float32")}, r"noise.*\(4, 5, 3\)"),
    ],
)
def test_bad_arguments_of_a_call_are_named(model_class, arguments, message, images):
    with pytest.raises(ValueError, match=message):
        make(model_class)(images, **arguments)


@both
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_slots": 0}, "num_slots.*0"),
        ({"image_size": 48}, "48"),
        ({"pixel_scale": 0.0}, "pixel_scale.*0"),
    ],
)
def test_bad_settings_are_named(model_class, settings, message):
    with pytest.raises(ValueError, match=message):
        make(model_class, **settings)


@both
@pytest.mark.parametrize("arguments", [(0,), (2, 0)])
def test_bad_sample_sizes_are_named(model_class, arguments):
    with pytest.raises(ValueError, match="at least .(, at most 256)?; got 0"):
        make(model_class).sample(*arguments)
