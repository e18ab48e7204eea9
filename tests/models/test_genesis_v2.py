import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from genesis_keras import GenesisV2
from genesis_keras.models.outputs import OUTPUTS
from genesis_keras.objectives.elbo import weighted_loss
from genesis_keras.objectives.mask_guidance import mask_guidance

DIMENSIONS = {"B": 4, "K": 4, "H": 32, "W": 32, "D": 8, "1": 1, "3": 3}


def values(outputs):
    return {name: value.numpy() for name, value in outputs.items()}


def assert_same(first, second, **tolerance):
    for name in first:
        np.testing.assert_allclose(first[name], second[name], err_msg=name, **tolerance)


def test_outputs_are_the_contract(make_model, images):
    outputs = make_model()(images)
    assert outputs.keys() == OUTPUTS.keys()
    for name, text in OUTPUTS.items():
        shape = text[text.index("[") + 1 : text.index("]")].split(", ")
        assert outputs[name].shape == tuple(DIMENSIONS[d] for d in shape), name
        assert np.isfinite(outputs[name]).all(), name
    for masks in ("log_masks", "log_object_masks"):
        total = tf.reduce_sum(tf.exp(outputs[masks]), axis=1)
        np.testing.assert_allclose(total, 1.0, atol=1e-5)
    composed = tf.reduce_sum(
        tf.exp(outputs["log_object_masks"]) * outputs["components"], axis=1
    )
    np.testing.assert_allclose(outputs["reconstruction"], composed, atol=1e-6)


def test_parameters_are_those_of_the_release():
    model = GenesisV2(image_size=64, num_slots=7, feature_dim=64)
    count = sum(int(tf.size(weight)) for weight in model.trainable_weights)
    assert count == 2_729_422 - 1_024  # the release's LSTM has a second bias


@pytest.mark.parametrize("image_size", [32, 64, 128])
def test_image_sizes(make_model, image_size):
    model = make_model(image_size=image_size)
    outputs = model(tf.zeros([1, image_size, image_size, 3]))
    assert outputs["components"].shape == (1, 4, image_size, image_size, 3)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"kernel": "laplacian", "mask_consistency": True},
        {"kernel": "epanechnikov", "autoregressive_prior": False},
        {"semi_convolution": False},
        {"hard_masks": True},
        {"mask_normalization": "softmax"},
        {"hard_masks": True, "mask_normalization": "softmax"},
        {"spatial_transformer": True, "glimpse_size": 4, "object_latent_dim": 24},
        {"learned_prior_start": True},
        {"learned_prior_start": True, "prior_components": 3},
        {"learned_prior_start": True, "prior_components": 3, "prior_couplings": 2},
    ],
)
def test_every_weight_gets_a_finite_gradient(make_model, images, settings):
    # Groups of one channel would take all effect from a bias before them.
    model = make_model(feature_dim=16, **settings)
    with tf.GradientTape() as tape:
        loss = weighted_loss(model(images, training=True), 0.5)
    weights = model.trainable_weights
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all(), weight.path
        if weight.path.endswith("embedding_head/conv/bias") and model.semi_convolution:
            continue  # distances do not see what is common to all embeddings
        if "prior/flow/hidden" in weight.path:
            continue  # the layer after it begins with zeros
        assert np.abs(gradient).max() > 0, weight.path


def test_graph_equals_eager(make_model, images):
    model = make_model()
    draws = model.fixed_draws(4)
    eager = values(model(images, **draws))
    graph = values(tf.function(model.call)(images, **draws))
    assert_same(eager, graph, rtol=2e-4, atol=2e-4)


def test_likelihood_ignores_the_order_of_slots(make_model, images):
    from genesis_keras.distributions.pixel_mixture import reconstruction_error

    model = make_model()
    outputs = model(images)
    order = [2, 0, 3, 1]
    decoded = model.decode(tf.gather(outputs["latents"], order, axis=1))
    error = reconstruction_error(
        images, decoded["log_object_masks"], decoded["components"], 0.7
    )
    np.testing.assert_allclose(error, outputs["reconstruction_error"], rtol=1e-5)


def test_flexible_slots_leave_the_others_out(make_model, images):
    model = make_model(num_slots=6)
    outputs = model(images, flexible_slots=True, min_mask_pixels=120.0)
    used = outputs["num_slots"].numpy()
    assert used.max() < 6, "the threshold should stop every image early"
    unused = np.arange(6) >= used[:, None]
    for name in ("masks", "log_object_masks"):
        share = outputs[name] if name == "masks" else tf.exp(outputs[name])
        assert np.max(share.numpy()[unused]) == 0.0
    assert np.all(outputs["kl_latents"].numpy()[unused] == 0.0)
    alone = model.decode(outputs["latents"][:1, : used[0]])
    np.testing.assert_allclose(
        outputs["reconstruction"][0], alone["reconstruction"][0], atol=1e-5
    )


def test_more_slots_at_test_time(make_model, images):
    outputs = make_model()(images, num_slots=9)
    assert outputs["components"].shape == (4, 9, 32, 32, 3)


@pytest.mark.parametrize("autoregressive", [True, "from the first slot on", False])
def test_samples_have_the_statistics_of_the_prior(make_model, autoregressive):
    model = make_model(
        autoregressive_prior=bool(autoregressive),
        learned_prior_start=isinstance(autoregressive, str),
    )
    noise = np.random.default_rng(0).normal(size=[4000, 5, 8]).astype("float32")
    if autoregressive:
        latents = model.prior.sample(noise)
        mean, scale, _ = model.prior(latents)
        standardised = (latents - mean) / scale
        # Some slot's prior differs from N(0, 1), or the test shows nothing.
        assert np.abs(mean[:, 1:]).max() > 0.1
        assert np.any(mean[:, 0] != 0) == model.learned_prior_start
    else:
        standardised = model.sample(4000 // 100, 5, noise[:40])["latents"]
        noise = noise[:40]
    np.testing.assert_allclose(standardised, noise, atol=1e-4)


def test_kl_is_to_the_mixture_and_its_moments_are_reported(make_model, images):
    model = make_model(prior_components=3, learned_prior_start=True)
    outputs = model(images)
    mean, scale, log_prior = model.prior(outputs["latents"])
    np.testing.assert_allclose(outputs["prior_mean"], mean, atol=1e-5)
    np.testing.assert_allclose(outputs["prior_scale"], scale, atol=1e-5)
    posterior = stats.norm(outputs["posterior_mean"], outputs["posterior_scale"])
    log_posterior = posterior.logpdf(outputs["latents"]).sum(axis=-1)
    expected = log_posterior - log_prior
    np.testing.assert_allclose(outputs["kl_latents"], expected, atol=1e-3)
    assert model.sample(2, 6)["latents"].shape == (2, 6, 8)


def test_size_of_the_latents(make_model, images):
    model = make_model(object_latent_dim=24)
    outputs = model(images)
    assert outputs["latents"].shape == (4, 4, 24)
    assert outputs["prior_mean"].shape == (4, 4, 24)
    assert model.latent_dim == 24
    assert model.sample(2)["latents"].shape == (2, 4, 24)
    assert model.fixed_draws(2)["noise"].shape == (2, 4, 24)
    assert make_model(object_latent_dim=0).latent_dim == 8
    with pytest.raises(ValueError, match="object_latent_dim must .* got 7"):
        make_model(object_latent_dim=7)


@pytest.mark.parametrize("num_slots", [1, 4, 8])
def test_samples_are_images(make_model, num_slots):
    scene = make_model().sample(3, num_slots)
    assert scene["reconstruction"].shape == (3, 32, 32, 3)
    assert scene["latents"].shape == (3, num_slots, 8)
    total = tf.reduce_sum(tf.exp(scene["log_object_masks"]), axis=1)
    np.testing.assert_allclose(total, 1.0, atol=1e-5)


def test_first_latent_of_samples_is_standard_normal(make_model):
    from scipy import stats

    latents = make_model().sample(500, 2)["latents"][:, 0].numpy().ravel()
    assert stats.kstest(latents, "norm").pvalue > 1e-3


def test_fixed_draws_do_not_depend_on_the_batch(make_model):
    model = make_model()
    for name, draw in model.fixed_draws(2, seed=3).items():
        np.testing.assert_array_equal(draw, model.fixed_draws(4, seed=3)[name][:2])
        assert np.any(draw != model.fixed_draws(2, seed=4)[name])


def test_narrow_posterior_starts_narrow(make_model, images):
    wide = make_model()(images)["posterior_scale"]
    narrow = make_model(posterior_scale_bias=-3.0)(images)["posterior_scale"]
    assert np.mean(wide) > 0.5 and np.mean(narrow) < 0.15


def test_glorot_initialization(make_model):
    model = make_model(initialization="glorot", posterior_scale_bias=-3.0)
    kernel = model.decoder.project.kernel.numpy()
    limit = np.sqrt(6 / (8 + 4))  # the release's is 1 / sqrt(8)
    assert 0.8 * limit < np.abs(kernel).max() <= limit
    assert np.all(model.decoder.project.bias.numpy() == 0)
    assert model.pooling.posterior.bias.numpy()[8:].max() < -2


def test_training_step_learns_and_uses_beta_from_before(make_model, images):
    from genesis_keras import GECO

    model = make_model(mask_consistency=True)
    model.compile(keras.optimizers.Adam(1e-3))
    geco = GECO(goal=0.57, step_size=1e-4, initial_beta=0.25)
    history = model.fit(
        images, batch_size=4, epochs=12, verbose=0, shuffle=False, callbacks=[geco]
    ).history
    assert history["beta"][0] == 0.25
    assert history["loss"][-1] < history["loss"][0]
    assert history["beta"][1] < 0.25  # the goal is not met, so beta falls
    first_error = history["geco_error"][0]
    np.testing.assert_allclose(first_error, history["error"][0], rtol=1e-5)
    expected = 0.25 * np.exp(4e-4 * (0.57 - first_error) * 32 * 32 * 3)
    np.testing.assert_allclose(history["beta"][1], expected, rtol=1e-4)
    assert history["geco_beta"][0] == history["beta"][1]


def test_without_geco_the_loss_is_the_negative_elbo(make_model, images):
    model = make_model()
    model.compile(keras.optimizers.Adam(1e-3))
    history = model.fit(images, batch_size=4, verbose=0).history
    np.testing.assert_allclose(history["loss"], np.negative(history["elbo"]), rtol=1e-6)


def test_keras_file_round_trip_in_a_new_process(make_model, images, tmp_path):
    model = make_model(kernel="laplacian", pixel_scale=0.3)
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(images, batch_size=2, verbose=0)
    path = tmp_path / "x.keras"
    model.save(path)
    np.save(tmp_path / "images.npy", images)
    script = (
        "import sys, keras, numpy as np, genesis_keras\n"
        f"model = keras.models.load_model({str(path)!r}, safe_mode=True)\n"
        f"outputs = model(np.load({str(tmp_path / 'images.npy')!r}))\n"
        "weights = [w.numpy() for w in model.variables]\n"
        f"np.savez({str(tmp_path / 'out.npz')!r}, *weights, **outputs)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    loaded = np.load(tmp_path / "out.npz")
    for i, weight in enumerate(model.variables):
        if "seed_generator" not in weight.path:
            np.testing.assert_array_equal(loaded[f"arr_{i}"], weight)
    # The random state is saved too, so the next draws and outputs are the same.
    assert_same(values(model(images)), loaded, rtol=1e-6, atol=1e-6)


def test_config_round_trip(make_model):
    model = make_model(hard_masks=True, log_sigma_rate=0.1)
    assert GenesisV2.from_config(model.get_config()).get_config() == model.get_config()


def test_mixed_precision_keeps_the_algebra_in_float32(make_model, images):
    model = make_model(dtype="mixed_bfloat16")
    outputs = model(images)
    reference = make_model()(images, **model.fixed_draws(4))
    for name in ("log_masks", "log_object_masks"):
        assert outputs[name].dtype == "float32"
        total = tf.reduce_sum(tf.exp(outputs[name]), axis=1)
        np.testing.assert_allclose(total, 1.0, atol=1e-3)
    half = model(images, **model.fixed_draws(4))
    np.testing.assert_allclose(half["elbo"], reference["elbo"], rtol=0.02)


def test_xla_is_off_on_the_cpu_unless_asked_for(make_model):
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU, where XLA is on")
    model = make_model()
    model.compile("adam")
    assert not model.jit_compile
    model.compile("adam", jit_compile=True)
    assert model.jit_compile


@pytest.mark.slow
def test_training_step_compiles_under_xla(make_model, images, monkeypatch):
    losses = []
    for jit_compile in (False, True):
        model = make_model()
        # From the same seed XLA draws other numbers.
        draws = model.fixed_draws(4)
        monkeypatch.setattr(model, "draws_of", lambda *_, draws=draws: draws)
        model.compile(keras.optimizers.SGD(1e-6), jit_compile=jit_compile)
        history = model.fit(images, batch_size=4, shuffle=False, verbose=0)
        losses.append(history.history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_slots": 0}, "num_slots.*0"),
        ({"feature_dim": 12}, "feature_dim.*12"),
        ({"feature_dim": 128}, "feature_dim.*128"),
        ({"image_size": 48}, "48"),
        ({"pixel_scale": 0.0}, "pixel_scale.*0"),
        ({"kernel": "cubic"}, "cubic"),
        ({"embedding_dim": 1}, "embedding_dim.*1"),
        ({"initialization": "zeros"}, "initialization.*zeros"),
        ({"decoder_widening": 0}, "decoder_widening.*0"),
        ({"prior_components": 0}, "prior_components.*0"),
        ({"prior_components": 257}, "prior_components.*at most 256; got 257"),
        ({"prior_couplings": -1}, "prior_couplings.*-1"),
        ({"prior_couplings": 33}, "prior_couplings.*at most 32; got 33"),
    ],
)
def test_bad_settings_are_named(make_model, settings, message):
    with pytest.raises(ValueError, match=message):
        make_model(**settings)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros([2, 32, 32, 3], "uint8"), "uint8"),
        (np.zeros([2, 64, 64, 3], "float32"), "64"),
        (np.zeros([2, 32, 32, 1], "float32"), "32, 32, 1"),
        (np.zeros([32, 32, 3], "float32"), "32, 32, 3"),
    ],
)
def test_bad_images_are_named(make_model, bad, message):
    with pytest.raises(ValueError, match=message):
        make_model()(bad)


@pytest.mark.parametrize("arguments", [(0,), (2, 0)])
def test_bad_sample_sizes_are_named(make_model, arguments):
    with pytest.raises(ValueError, match="at least 1(, at most 256)?; got 0"):
        make_model().sample(*arguments)


def test_guidance_counts_in_training_until_its_last_step(make_model, images):
    model = make_model(mask_guidance=0.5, mask_guidance_steps=2)
    model.compile(keras.optimizers.Adam(1e-3))
    outputs = model(images)
    guidance = mask_guidance(outputs["log_masks"], outputs["log_object_masks"])
    plain = weighted_loss(outputs, 1.0)
    for step, weight in [(0, 0.5), (1, 0.25), (2, 0.0), (9, 0.0)]:
        model.optimizer.iterations.assign(step)
        expected = plain + weight * tf.reduce_mean(guidance)
        np.testing.assert_allclose(
            model.training_loss(outputs, 1.0, images), expected, rtol=1e-6
        )
    assert float(tf.reduce_mean(guidance)) > 0


@pytest.mark.parametrize("name", ["mask_guidance", "mask_guidance_steps"])
def test_bad_guidance_is_refused(make_model, name):
    with pytest.raises(ValueError, match=f"{name} must .*; got -1"):
        make_model(**{name: -1})


BEYOND_THE_PAPER = {
    "appearance_scale": 3.0,
    "region_passes": 2,
    "fade_start": 1,
    "fade_steps": 2,
    "pooled_statistics": True,
    "stop_mask_gradient": True,
    "mask_consistency": True,
    "mask_guidance": 1.0,
    "mask_guidance_final": 0.5,
    "mask_responsibility": 0.3,
    "background_share": 0.12,
    "edge_share": 0.3,
}


def test_walls_and_floor_are_one_slot(make_model):
    # Two rooms: a wall over a floor, with an object before them.
    rooms = np.zeros([2, 32, 32, 3], "float32")
    rooms[:, :14], rooms[:, 14:] = (0.9, 0.1, 0.1), (0.1, 0.1, 0.9)
    rooms[:, 10:20, 8:18] = (0.1, 0.9, 0.1)
    settings = {"appearance_scale": 6.0, "coordinate_scale": 0.1, "gate_rate": 1e-6}
    model = make_model(**settings, drop_small_remainder=True, background_share=0.12)
    outputs = model(
        rooms, flexible_slots=True, min_mask_pixels=70, **model.fixed_draws(2)
    )
    np.testing.assert_array_equal(outputs["num_slots"], [2, 2])
    labels = np.argmax(outputs["log_masks"][..., 0], axis=1)
    assert (labels[:, 10:20, 8:18] != labels[:, :1, :1]).all()
    assert (labels[:, [0, 31]] == labels[:, :1, :1]).all()
    np.testing.assert_array_equal(outputs["log_object_masks"][:, 2:] < -1e8, True)
    fixed = model(rooms, **model.fixed_draws(2))
    np.testing.assert_array_equal(fixed["num_slots"], [4, 4])
    assert np.isfinite(fixed["reconstruction_error"]).all()


def test_options_beyond_the_paper_train_and_are_saved(make_model, images, tmp_path):
    model = make_model(**BEYOND_THE_PAPER)
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(images, batch_size=2, epochs=1, verbose=0)  # two steps
    assert float(model.embedding_head.fade_step) == 1.0
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    draws = model.fixed_draws(4)
    assert_same(
        values(model(images, **draws)), values(loaded(images, **draws)), rtol=1e-6
    )


def test_stopped_gradients_leave_embeddings_to_responsibilities(make_model, images):
    settings = {"appearance_scale": 3.0, "stop_mask_gradient": True}
    for responsibility in (0.0, 1.0):
        model = make_model(mask_responsibility=responsibility, **settings)
        model.compile(keras.optimizers.Adam(1e-3))
        with tf.GradientTape() as tape:
            loss = model.training_loss(model(images), 1.0, images)
        gradient = tape.gradient(loss, model.embedding_head.scaled_gate)
        reached = gradient is not None and abs(float(gradient)) > 1e-3
        assert reached == bool(responsibility)


def test_consistency_has_its_own_weight_and_first_step(make_model, images):
    model = make_model(
        mask_consistency=True, mask_consistency_weight=0.25, mask_consistency_start=3
    )
    model.compile(keras.optimizers.Adam(1e-3))
    outputs = model(images)
    without = weighted_loss({**outputs, "kl_masks": tf.zeros([4])}, 2.0)
    term = tf.reduce_mean(outputs["kl_masks"])
    for step, weight in [(2, 0.0), (3, 0.25), (9, 0.25)]:
        model.optimizer.iterations.assign(step)
        np.testing.assert_allclose(
            model.training_loss(outputs, 2.0, images),
            without + 2.0 * weight * term,
            rtol=1e-6,
        )
    assert float(term) > 0
