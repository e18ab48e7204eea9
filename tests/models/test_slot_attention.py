import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.models.outputs import OUTPUTS
from genesis_keras.models.slot_attention import SlotAttentionModel

WITHOUT = {"posterior_scale", "prior_mean", "prior_scale", "kl_latents", "kl_masks"}


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return SlotAttentionModel(image_size=32, num_slots=4, slot_dim=8, seed=0)


@pytest.fixture(scope="module")
def clustered():
    keras.utils.set_random_seed(0)
    return make_clustered()


def make_clustered(**settings):
    settings = {"slot_dim": 8, "filters": 8, "appearance_scale": 3.0, **settings}
    return SlotAttentionModel(
        32, 4, initial_slots="clusters", implicit_gradient=True, seed=0, **settings
    )


def values(outputs):
    return {name: value.numpy() for name, value in outputs.items()}


@pytest.mark.parametrize(
    ("batch", "num_slots", "num_iterations"), [(1, None, None), (5, 2, 1), (3, 9, 5)]
)
def test_outputs_are_the_contract(model, batch, num_slots, num_iterations):
    images = np.random.default_rng(1).uniform(size=[batch, 32, 32, 3])
    images = images.astype("float32")
    outputs = model(images, num_slots=num_slots, num_iterations=num_iterations)
    sizes = {"B": batch, "K": num_slots or 4, "H": 32, "W": 32, "D": 8, "1": 1, "3": 3}
    for name, text in OUTPUTS.items():
        shape = text[text.index("[") + 1 : text.index("]")].split(", ")
        assert outputs[name].shape == tuple(sizes[d] for d in shape), name
        assert np.isfinite(outputs[name]).all() == (name != "elbo"), name
        assert np.any(outputs[name]) == (name not in WITHOUT), name
    for masks in ("log_masks", "log_object_masks"):
        total = tf.reduce_sum(tf.exp(outputs[masks]), axis=1)
        np.testing.assert_allclose(total, 1.0, atol=1e-5)
    composed = tf.reduce_sum(
        tf.exp(outputs["log_object_masks"]) * outputs["components"], axis=1
    )
    np.testing.assert_allclose(outputs["reconstruction"], composed, atol=1e-6)
    error = np.sum((images - composed.numpy()) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(outputs["reconstruction_error"], error, rtol=1e-5)


@pytest.mark.parametrize(("image_size", "doublings"), [(32, 2), (64, 3), (128, 4)])
def test_decoder_doubles_up_to_the_image(image_size, doublings):
    model = SlotAttentionModel(image_size=image_size, num_slots=2, slot_dim=8)
    strided = [layer for layer in model.decoder if layer.strides[0] == 2]
    assert len(strided) == doublings
    outputs = model(tf.zeros([1, image_size, image_size, 3]), num_iterations=1)
    assert outputs["components"].shape == (1, 2, image_size, image_size, 3)


def test_parameters_are_those_of_the_paper():
    conv, grid, norm = 25 * 64 * 64 + 64, 4 * 64 + 64, 2 * 64
    dense = 64 * 64 + 64
    encoder = (25 * 3 * 64 + 64) + 3 * conv + grid + norm + 2 * dense
    attention = 2 * 64 + 3 * norm + 3 * 64 * 64
    attention += 2 * 64 * 3 * 64 + 2 * 3 * 64  # the GRU has two biases
    attention += (64 * 128 + 128) + (128 * 64 + 64)
    decoder = grid + 4 * conv + 9 * 64 * 4 + 4
    model = SlotAttentionModel(image_size=64, num_slots=7)
    count = sum(int(tf.size(weight)) for weight in model.trainable_weights)
    assert count == encoder + attention + decoder


def test_slots_follow_the_order_of_their_noise(model, images):
    draws = model.fixed_draws(4)
    order = [3, 1, 0, 2]
    outputs = model(images, **draws)
    permuted = model(images, noise=tf.gather(draws["noise"], order, axis=1))
    for name in ("latents", "masks", "components", "log_object_masks"):
        expected = tf.gather(outputs[name], order, axis=1)
        np.testing.assert_allclose(permuted[name], expected, atol=1e-4, err_msg=name)
    np.testing.assert_allclose(
        permuted["reconstruction"], outputs["reconstruction"], atol=1e-5
    )


def test_masks_are_where_the_pixels_are(model, images):
    features = model.encode(images)  # [B, HW, C]
    draws = model.fixed_draws(4)
    _, log_masks = model.attention(features, noise=draws["noise"])
    masks = model(images, **draws)["log_masks"]
    np.testing.assert_allclose(masks[:, :, 5, 7, 0], log_masks[:, :, 5 * 32 + 7])


def test_fixed_draws_do_not_depend_on_the_batch(model):
    draw = model.fixed_draws(2, seed=3)["noise"]
    np.testing.assert_array_equal(draw, model.fixed_draws(4, seed=3)["noise"][:2])
    assert np.any(draw != model.fixed_draws(2, seed=4)["noise"])


def test_graph_equals_eager(model, images):
    draws = model.fixed_draws(4)
    eager = values(model(images, **draws))
    graph = values(tf.function(model.call)(images, **draws))
    for name in eager:
        np.testing.assert_allclose(eager[name], graph[name], atol=2e-4, err_msg=name)


def test_every_weight_gets_a_finite_gradient(model, images):
    with tf.GradientTape() as tape:
        loss = model.training_loss(model(images, training=True), 1.0, images)
    weights = model.trainable_weights
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert np.isfinite(gradient).all(), weight.path
        if weight.path.endswith("norm_slots/beta"):
            continue  # the softmax over slots does not see what is common to all
        assert np.abs(gradient).max() > 1e-9, weight.path


def test_training_minimises_the_squared_error(images):
    model = SlotAttentionModel(image_size=32, num_slots=3, slot_dim=8, seed=0)
    model.compile(keras.optimizers.Adam(1e-3))
    history = model.fit(images, batch_size=4, epochs=4, verbose=0).history
    assert history.keys() == {"loss", "error"}
    np.testing.assert_allclose(history["loss"], history["error"], rtol=1e-5)
    assert history["loss"][-1] < history["loss"][0]
    scores = model.evaluate(images, verbose=0, return_dict=True)
    outputs = model.predict(images, verbose=0)
    difference = np.mean((outputs["reconstruction"] - images) ** 2)
    np.testing.assert_allclose(scores["loss"], difference, rtol=0.2)  # other noise


def test_mixed_precision_keeps_the_attention_in_float32(model, images):
    half = SlotAttentionModel(
        image_size=32, num_slots=4, slot_dim=8, dtype="mixed_bfloat16"
    )
    half.set_weights(model.get_weights())
    draws = model.fixed_draws(4)
    outputs, reference = half(images, **draws), model(images, **draws)
    for name in ("log_masks", "log_object_masks", "reconstruction"):
        assert outputs[name].dtype == "float32"
        np.testing.assert_allclose(outputs[name], reference[name], atol=0.05)
    total = tf.reduce_sum(outputs["masks"], axis=1)
    np.testing.assert_allclose(total, 1.0, atol=1e-5)


@pytest.mark.slow
def test_gradients_are_the_same_under_xla(model, images):
    draws = model.fixed_draws(4)  # XLA's own draws are others

    def gradients():
        with tf.GradientTape() as tape:
            loss = model.training_loss(
                model(images, training=True, **draws), 1.0, images
            )
        return loss, tape.gradient(loss, [w.value for w in model.trainable_weights])

    plain, compiled = (
        tf.function(gradients, jit_compile=jit_compile)()
        for jit_compile in (False, True)
    )
    np.testing.assert_allclose(plain[0], compiled[0], rtol=1e-5)
    for first, second in zip(plain[1], compiled[1], strict=True):
        scale = np.abs(first).max()
        np.testing.assert_allclose(first, second, atol=1e-3 * scale + 1e-9)


def test_it_says_that_it_cannot_sample(model):
    assert not model.is_generative and not model.has_likelihood
    with pytest.raises(ValueError, match="SlotAttentionModel is not generative"):
        model.sample(4)


def test_keras_file_round_trip(model, images, tmp_path):
    model.save(tmp_path / "x.keras")
    loaded = keras.models.load_model(tmp_path / "x.keras", safe_mode=True)
    assert loaded.get_config() == model.get_config()
    # The random state is saved too, so the next draws are the same.
    np.testing.assert_allclose(
        loaded(images)["reconstruction"], model(images)["reconstruction"], atol=1e-6
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_slots": 0}, "num_slots.*0"),
        ({"num_iterations": 0}, "num_iterations.*0"),
        ({"slot_dim": 0}, "slot_dim.*0"),
        ({"initial_slots": "given"}, "initial_slots.*'random'.*'clusters'.*'given'"),
        ({"cluster_guidance": -1}, "cluster_guidance.*-1"),
        ({"region_edge_scale": 0}, "region_edge_scale.*0"),
        ({"image_size": 48}, "image_size.*48"),
        ({"image_size": 4}, "image_size.*4"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        SlotAttentionModel(**{"image_size": 32, "num_slots": 2, **settings})


@pytest.mark.parametrize(
    ("arguments", "message"), [({"num_slots": 0}, "num_slots.*0"), ({}, "32, 32, 3")]
)
def test_bad_calls_are_named(model, images, arguments, message):
    with pytest.raises(ValueError, match=message):
        model(images if arguments else images[..., :2], **arguments)


def test_the_entropy_of_both_kinds_of_masks_is_a_part_of_the_loss(images):
    losses = {}
    for weight in (0.0, 0.5):
        keras.utils.set_random_seed(0)
        model = SlotAttentionModel(32, 3, filters=8, mask_entropy=weight, seed=0)
        outputs = model(images, **model.fixed_draws(len(images)))
        losses[weight] = float(model.training_loss(outputs, 1.0, images))
    entropies = [
        -np.mean(np.sum(np.exp(log) * log, axis=1))
        for log in (outputs["log_masks"].numpy(), outputs["log_object_masks"].numpy())
    ]
    assert min(entropies) > 0.1
    np.testing.assert_allclose(losses[0.5] - losses[0.0], sum(entropies) / 2, rtol=1e-4)


def test_the_implicit_gradient_is_that_of_the_attention(images):
    """Same outputs, and other gradients of what the iterations read."""
    gradients = []
    for implicit in (False, True):
        keras.utils.set_random_seed(0)
        model = SlotAttentionModel(32, 3, filters=8, implicit_gradient=implicit, seed=0)
        with tf.GradientTape() as tape:
            outputs = model(images, **model.fixed_draws(len(images)))
            loss = model.training_loss(outputs, 1.0, images)
        gradients.append((loss, tape.gradient(loss, model.attention.value.kernel)))
    (loss, full), (same_loss, implicit) = gradients
    np.testing.assert_allclose(same_loss, loss, rtol=1e-5)
    assert np.abs(full - implicit).max() > 1e-3 * np.abs(full).max()


@pytest.mark.parametrize("num_slots", [None, 2, 7])
def test_clusters_are_the_initial_slots(clustered, images, num_slots):
    count = num_slots or 4
    draws = clustered.fixed_draws(len(images))
    assert draws.keys() == {"seed_scores"}
    outputs = clustered(images, num_slots=num_slots, **draws)
    features = clustered.encode(images)
    initial, log_clusters = clustered.clusters(
        features, images, num_slots=num_slots, **draws
    )
    slots, log_masks = clustered.attention(features, num_slots=count, given=initial)
    np.testing.assert_allclose(outputs["latents"], slots, atol=1e-5)
    shape = [len(images), count, 32, 32, 1]
    np.testing.assert_allclose(
        outputs["log_masks"], tf.reshape(log_masks, shape), atol=1e-5
    )
    expected = sum(
        np.sum(np.exp(log_clusters) * (log_clusters - outputs[name]), (1, 2, 3, 4))
        for name in ("log_masks", "log_object_masks")
    )
    np.testing.assert_allclose(outputs["kl_masks"], expected, rtol=1e-4)
    assert expected.min() > 10.0


def test_clusters_do_not_depend_on_the_batch(clustered):
    draw = clustered.fixed_draws(2, seed=3)["seed_scores"]
    same = clustered.fixed_draws(4, seed=3)["seed_scores"][:2]
    np.testing.assert_array_equal(draw, same)
    assert np.any(draw != clustered.fixed_draws(2, seed=4)["seed_scores"])


def test_guidance_by_clusters_is_a_part_of_the_loss(clustered, images):
    guided = make_clustered(cluster_guidance=0.5)
    guided.set_weights(clustered.get_weights())
    losses = []
    for model in (clustered, guided):
        outputs = model(images, **model.fixed_draws(len(images)))
        losses.append(model.training_loss(outputs, 1.0, images))
    guidance = np.mean(outputs["kl_masks"]) / 32**2  # nats per pixel
    assert guidance > 0.1
    np.testing.assert_allclose(losses[1] - losses[0], guidance / 2, rtol=1e-4)


def test_training_pulls_both_kinds_of_masks_to_the_clusters(images):
    model = make_clustered(cluster_guidance=1.0, slot_dim=16, filters=16)
    model.compile(keras.optimizers.Adam(3e-3))
    draws = model.fixed_draws(len(images))
    features = model.encode(images)
    clusters = np.exp(model.clusters(features, images, **draws)[1])

    def agreement():
        outputs = model(images, **draws)
        return [
            np.mean(np.sum(clusters * np.exp(outputs[name]), axis=1))
            for name in ("log_masks", "log_object_masks")
        ]

    before = agreement()
    model.fit(images, batch_size=4, epochs=60, verbose=0)
    assert min(np.subtract(agreement(), before)) > 0.03, (before, agreement())


def test_every_weight_gets_a_gradient_with_clusters(clustered, images):
    with tf.GradientTape() as tape:
        loss = clustered.training_loss(clustered(images, training=True), 1.0, images)
    weights = clustered.trainable_weights
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        assert np.isfinite(gradient).all(), weight.path
        if not weight.path.endswith("norm_slots/beta"):
            assert np.abs(gradient).max() > 1e-9, weight.path


def test_keras_file_of_a_model_with_clusters(clustered, images, tmp_path):
    clustered.save(tmp_path / "x.keras")
    loaded = keras.models.load_model(tmp_path / "x.keras", safe_mode=True)
    assert loaded.get_config() == clustered.get_config()
    draws = clustered.fixed_draws(len(images))
    np.testing.assert_allclose(
        loaded(images, **draws)["masks"], clustered(images, **draws)["masks"], atol=1e-5
    )
