import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras.layers.instance_colouring import InstanceColouring
from genesis_keras.layers.kernels import KERNELS, initial_log_sigma
from genesis_keras.layers.mask_variants import softmax_masks, stick_breaking_masks
from genesis_keras.layers.stick_breaking import LOG_ZERO, break_stick, clamp_value

SIDE = 12


def blobs(batch=3, seed=0):
    """Embeddings with a few clear clusters, different in each image."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-1, 1, [batch, 4, 8])
    member = rng.integers(0, 4, [batch, SIDE, SIDE])
    embeddings = np.take_along_axis(
        centres[:, :, None, None], member[:, None, ..., None], axis=1
    )[:, 0]
    return (embeddings + rng.normal(0, 0.1, embeddings.shape)).astype("float32")


def scores(batch=3, seed=1):
    rng = np.random.default_rng(seed)
    return rng.uniform(size=[batch, SIDE, SIDE]).astype("float32")


def numpy_process(embeddings, seed_scores, kernel, sigma, num_slots, min_pixels=None):
    """Algorithm 1 for one image as a simple loop."""
    scope = np.ones(embeddings.shape[:2])
    masks = []
    while len(masks) < num_slots - 1:
        index = np.argmax(seed_scores * scope)
        seed = embeddings.reshape(-1, embeddings.shape[-1])[index]
        squared = np.sum((embeddings - seed) ** 2, axis=-1)
        alpha = {
            "gaussian": np.exp(-squared / sigma),
            "laplacian": np.exp(-np.sqrt(squared) / sigma),
            "epanechnikov": np.maximum(1 - squared / sigma, 0),
        }[kernel]
        alpha = np.clip(alpha, 0.01, 0.99)
        if min_pixels is not None and np.sum(scope * alpha) < min_pixels:
            break
        masks.append(scope * alpha)
        scope = scope * (1 - alpha)
    return [*masks, scope]


@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_fixed_slots_follow_algorithm_1(kernel):
    embeddings, seed_scores = blobs(), scores()
    layer = InstanceColouring(5, kernel=kernel)
    out = layer(embeddings, seed_scores=seed_scores)
    sigma = float(tf.exp(layer.log_sigma))
    for i in range(3):
        expected = numpy_process(embeddings[i], seed_scores[i], kernel, sigma, 5)
        np.testing.assert_allclose(out["masks"][i, ..., 0], expected, atol=2e-6)
    np.testing.assert_array_equal(out["num_slots"], [5, 5, 5])


@pytest.mark.parametrize("kernel", sorted(KERNELS))
@pytest.mark.parametrize("as_graph", [False, True])
def test_flexible_slots_equal_a_loop_over_images(kernel, as_graph):
    embeddings, seed_scores = blobs(batch=6), scores(batch=6)
    layer = InstanceColouring(7, kernel=kernel)
    layer.build(embeddings.shape)

    def run(e, s):
        return layer(e, flexible_slots=True, min_mask_pixels=16.0, seed_scores=s)

    if as_graph:
        any_batch = tf.TensorSpec([None, SIDE, SIDE, 8])
        run = tf.function(
            run, input_signature=[any_batch, tf.TensorSpec([None, SIDE, SIDE])]
        )
    out = run(embeddings, seed_scores)
    sigma = float(tf.exp(layer.log_sigma))
    counts = []
    for i in range(6):
        expected = numpy_process(
            embeddings[i], seed_scores[i], kernel, sigma, 7, min_pixels=16.0
        )
        counts.append(len(expected))
        np.testing.assert_allclose(
            out["masks"][i, : len(expected), ..., 0], expected, atol=2e-6
        )
        np.testing.assert_array_equal(out["log_masks"][i, len(expected) :], LOG_ZERO)
    np.testing.assert_array_equal(out["num_slots"], counts)
    assert len(set(counts)) > 1, "the images should stop at different points"
    np.testing.assert_allclose(tf.reduce_sum(out["masks"], 1), 1.0, atol=1e-5)


def test_flexible_slots_compile_under_xla():
    embeddings, seed_scores = blobs(), scores()
    layer = InstanceColouring(5)
    layer.build(embeddings.shape)

    @tf.function(jit_compile=True)
    def run(e, s):
        return layer(e, flexible_slots=True, min_mask_pixels=16.0, seed_scores=s)

    plain = layer(
        embeddings, flexible_slots=True, min_mask_pixels=16.0, seed_scores=seed_scores
    )
    compiled = run(embeddings, seed_scores)
    np.testing.assert_allclose(compiled["masks"], plain["masks"], atol=1e-5)
    np.testing.assert_array_equal(compiled["num_slots"], plain["num_slots"])


def test_flexible_slots_with_threshold_zero_are_fixed_slots():
    embeddings, seed_scores = blobs(), scores()
    layer = InstanceColouring(5)
    fixed = layer(embeddings, seed_scores=seed_scores)
    flexible = layer(
        embeddings, flexible_slots=True, min_mask_pixels=0.0, seed_scores=seed_scores
    )
    np.testing.assert_array_equal(flexible["num_slots"], [5, 5, 5])
    np.testing.assert_allclose(flexible["log_masks"], fixed["log_masks"], atol=1e-6)
    np.testing.assert_array_equal(flexible["seeds"], fixed["seeds"])


@pytest.mark.parametrize("flexible", [False, True])
@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("normalization", ["stick_breaking", "softmax"])
def test_masks_sum_to_one_and_have_gradients(flexible, hard, normalization):
    embeddings, seed_scores = tf.constant(blobs()), scores()
    layer = InstanceColouring(5, hard_masks=hard, normalization=normalization)
    weights = np.random.default_rng(2).normal(size=[3, 5, SIDE, SIDE, 1])
    with tf.GradientTape() as tape:
        tape.watch(embeddings)
        out = layer(
            embeddings,
            flexible_slots=flexible,
            min_mask_pixels=10.0,
            seed_scores=seed_scores,
        )
        value = tf.reduce_sum(out["masks"] * weights)
    np.testing.assert_allclose(tf.reduce_sum(out["masks"], 1), 1.0, atol=1e-5)
    np.testing.assert_allclose(
        tf.reduce_sum(tf.exp(out["log_masks"]), 1), 1.0, atol=1e-5
    )
    gradients = tape.gradient(value, [embeddings, layer.scaled_log_sigma.value])
    for gradient in gradients:
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 1e-4


def test_hard_masks_are_binary_and_their_seeds_are_in_their_own_mask():
    out = InstanceColouring(5, hard_masks=True)(blobs(), seed_scores=scores())
    masks = tf.reshape(out["masks"], [3, 5, -1]).numpy()
    assert set(np.unique(masks.round(6))) <= {0.0, 1.0}
    for masks_of_image, seeds in zip(masks, out["seeds"].numpy(), strict=True):
        for mask, seed in list(zip(masks_of_image, seeds, strict=True))[:-1]:
            assert mask[seed] == 1 or mask.sum() == 0


@pytest.fixture
def alphas():
    """Kernels of three seeds, `[1, 3, N]`."""
    layer = InstanceColouring(3)
    embeddings = blobs(batch=1)
    layer.build(embeddings.shape)
    pixels = tf.reshape(embeddings, [1, -1, 8])
    alphas = layer._alphas(pixels, tf.constant([[5, 40, 99]]))
    return tf.clip_by_value(alphas, 0.01, 0.99)


def test_softmax_masks_are_equivariant_to_the_order_of_seeds(alphas):
    used = tf.constant([3])
    masks = softmax_masks(alphas, used)
    permuted = softmax_masks(tf.gather(alphas, [2, 0, 1], axis=1), used)
    np.testing.assert_allclose(permuted, tf.gather(masks, [2, 0, 1], axis=1), atol=1e-6)


def test_stick_breaking_masks_depend_on_the_order(alphas):
    masks = stick_breaking_masks(alphas)
    permuted = stick_breaking_masks(tf.gather(alphas, [1, 0, 2], axis=1))
    assert np.abs(permuted - tf.gather(masks, [1, 0, 2], axis=1)).max() > 0.01


def test_more_slots_in_a_call_than_in_training():
    out = InstanceColouring(3)(blobs(), num_slots=9, seed_scores=scores())
    assert out["masks"].shape == (3, 9, SIDE, SIDE, 1)
    np.testing.assert_allclose(tf.reduce_sum(out["masks"], 1), 1.0, atol=1e-5)


def test_one_slot_takes_all():
    out = InstanceColouring(1)(blobs())
    np.testing.assert_array_equal(out["masks"], 1.0)


@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_initial_scale_makes_the_half_width_patch_an_equal_share(kernel):
    """Eq. 4: alpha is 1/2 at the radius whose disc is about 1/K of the square."""
    num_slots = 7
    sigma = np.exp(initial_log_sigma(kernel, num_slots))
    squared_radius = np.float32(1.0 / num_slots)
    alpha = KERNELS[kernel](tf.constant(squared_radius), sigma)
    np.testing.assert_allclose(alpha, 0.5, atol=1e-6)


def test_seed_scores_are_drawn_anew_and_reproducibly():
    layer, twin = InstanceColouring(4, seed=3), InstanceColouring(4, seed=3)
    first, second = layer(blobs())["seeds"], layer(blobs())["seeds"]
    assert np.any(first != second)
    np.testing.assert_array_equal(first, twin(blobs())["seeds"])


def test_log_sigma_rate_slows_log_sigma_under_adam():
    moved = []
    for rate in (1.0, 0.1):
        layer = InstanceColouring(4, log_sigma_rate=rate)
        layer.build([None, SIDE, SIDE, 8])
        start = float(layer.log_sigma)
        np.testing.assert_allclose(start, initial_log_sigma("gaussian", 4), rtol=1e-6)
        optimizer = keras.optimizers.Adam(0.01)
        with tf.GradientTape() as tape:
            value = layer(blobs(), seed_scores=scores())["masks"][:, 0]
            value = tf.reduce_sum(value)
        variables = layer.trainable_weights
        optimizer.apply(tape.gradient(value, variables), variables)
        moved.append(abs(float(layer.log_sigma) - start))
    np.testing.assert_allclose(moved[1], 0.1 * moved[0], rtol=1e-2)


def test_break_stick_conserves_the_scope():
    log_scope = tf.math.log(tf.constant([1.0, 0.5, 1e-6]))
    log_mask, rest = break_stick(log_scope, tf.constant([0.01, 0.5, 0.99]))
    np.testing.assert_allclose(
        tf.exp(log_mask) + tf.exp(rest), tf.exp(log_scope), rtol=1e-6
    )


def test_clamp_value_keeps_the_gradient():
    x = tf.constant([-1.0, 0.5, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = clamp_value(x, 0.0, 1.0)
    np.testing.assert_array_equal(y, [0.0, 0.5, 1.0])
    np.testing.assert_array_equal(tape.gradient(y, x), [1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_slots": 0}, "num_slots.*0"),
        ({"num_slots": 2.5}, "num_slots.*2.5"),
        ({"num_slots": 4, "kernel": "cubic"}, "kernel.*cubic"),
        ({"num_slots": 4, "normalization": "sum"}, "normalization.*sum"),
        ({"num_slots": 4, "log_sigma_rate": 0.0}, "log_sigma_rate.*0"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        InstanceColouring(**arguments)


def test_bad_num_slots_of_a_call_is_named():
    with pytest.raises(ValueError, match="num_slots.*0"):
        InstanceColouring(4)(blobs(), num_slots=0)


def test_config_round_trip():
    layer = InstanceColouring(
        4, "laplacian", True, "softmax", log_sigma_rate=0.1, seed=5, name="colouring"
    )
    twin = InstanceColouring.from_config(layer.get_config())
    assert twin.get_config() == layer.get_config()


@pytest.mark.parametrize("drop", [False, True])
def test_drops_a_small_remainder(drop):
    # Two regions, far apart: two masks explain 0.99 of each of 1,024 pixels.
    embeddings = np.zeros([2, 32, 32, 4], "float32")
    embeddings[0, :, 16:] = 10.0
    embeddings[1, :8] = 10.0
    layer = InstanceColouring(6, drop_small_remainder=drop)
    outputs = layer(
        embeddings,
        flexible_slots=True,
        min_mask_pixels=20.0,
        seed_scores=_seed_scores(2, 32),
    )
    np.testing.assert_array_equal(outputs["num_slots"], [2, 2] if drop else [3, 3])
    np.testing.assert_allclose(tf.reduce_sum(outputs["masks"], axis=1), 1.0, atol=1e-6)
    found = np.argmax(outputs["masks"][..., 0], axis=1)  # [B, H, W]
    for labels, embedding in zip(found, embeddings[..., 0], strict=True):
        regions = [set(labels[embedding == value]) for value in (0.0, 10.0)]
        assert len(regions[0]) == len(regions[1]) == 1 and regions[0] != regions[1]
    fixed = layer(embeddings, num_slots=4, seed_scores=_seed_scores(2, 32))
    np.testing.assert_array_equal(fixed["num_slots"], [4, 4])


def _seed_scores(batch, side):
    return tf.random.stateless_uniform([batch, side, side], seed=[0, 1])
