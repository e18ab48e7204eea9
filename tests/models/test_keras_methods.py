"""The Keras methods: compile, fit, evaluate, predict, summary, save and export.

A model of two slots of 16x16 pixels is used for all steps, since tracing takes long.
"""

import types
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from genesis_keras import GECO, Genesis, GenesisV2, Monet, SlotAttentionModel
from genesis_keras.models import batches
from genesis_keras.models.base import SceneModel
from genesis_keras.models.weights import check_finite_weights

KEY = "reconstruction"


def make_images(number=5, scale=1.0):
    images = np.random.default_rng(0).uniform(size=[number, 16, 16, 3])
    return (scale * images).astype("float32")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return SlotAttentionModel(
        16, num_slots=2, num_iterations=1, slot_dim=8, filters=8, seed=0
    )


@pytest.fixture(scope="module")
def generative():
    return GenesisV2(image_size=16, num_slots=2, feature_dim=8, seed=0)


@pytest.mark.parametrize(
    "name", ["loss", "loss_weights", "metrics", "weighted_metrics"]
)
def test_losses_and_metrics_of_others_are_refused(model, name):
    with pytest.raises(ValueError, match=f"{name} is not used: .*; got .'?mse"):
        model.compile("sgd", **{name: ["mse"]})


def test_targets_and_weights_are_refused(model):
    x = make_images()
    for method in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="y is not used: .*; got ndarray"):
            method(x, np.zeros(5))
        with pytest.raises(ValueError, match="sample_weight is not used"):
            method(x, sample_weight=np.ones(5))
    with pytest.raises(ValueError, match=r"class_weight is not used: .*got \{0: 2.0\}"):
        model.fit(x, class_weight={0: 2.0})
    with pytest.raises(ValueError, match="y is not used"):
        model.fit(x, validation_data=(x, np.zeros(5)))
    with pytest.raises(ValueError, match="y is not used"):
        batches.images_of((x, np.zeros(5)))  # a batch of a dataset of pairs
    assert batches.images_of((x,)) is batches.images_of({"image": x, "label": 0}) is x


def test_val_error_stops_early_and_bytes_as_floats_stop_at_once(model):
    images = make_images()
    model.compile(keras.optimizers.SGD(0.0))  # no improvement is large enough
    stop = keras.callbacks.EarlyStopping("val_error", mode="min")
    history = model.fit(
        images, batch_size=5, epochs=9, verbose=0, callbacks=[stop],
        validation_data=images,
    ).history  # fmt: skip
    assert len(history["val_error"]) == 2
    np.testing.assert_allclose(history["val_error"][0], history["error"][0], rtol=0.5)
    message = r"images must be floats in \[0, 1\]; got values from \S+ to 2\S+ \(div"
    wrong = make_images(scale=255.0)
    dataset = tf.data.Dataset.from_tensors(wrong)
    before = [weight.numpy() for weight in model.weights]
    for x in (wrong, {"image": wrong}, dataset):
        for method in (model.fit, model.evaluate):
            with pytest.raises(ValueError, match=message):
                method(x, verbose=0)
    with pytest.raises(ValueError, match=message):
        model.fit(images, validation_data=(wrong,), verbose=0)
    with pytest.raises(ValueError, match=message):
        model.predict(wrong, verbose=0)
    with pytest.raises(ValueError, match=message):
        model(wrong)
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value, err_msg=weight.path)


def test_datasets_are_checked_where_xla_would_leave_the_check_out():
    wrong = make_images(scale=-1.0)
    for elements in (wrong, {"image": wrong, "label": 1}, (wrong, 1)):
        checked = batches.checked_dataset(tf.data.Dataset.from_tensors(elements))
        assert checked.element_spec is not None
        with pytest.raises(ValueError, match="from -0.9"), batches.short_errors():
            next(iter(checked))
    right = {"image": make_images(), "label": 1}
    batch = next(iter(batches.checked_dataset(tf.data.Dataset.from_tensors(right))))
    np.testing.assert_array_equal(batch["image"], right["image"])
    assert batch["label"] == 1


def test_rounding_and_nan_pass_the_check():
    images = make_images()
    images[0, 0, 0] = [1.0005, -0.0005, np.nan]
    batches.check_arrays(images)
    batches.check_arrays(np.zeros([0, 16, 16, 3], "float32"))


def test_predictions_follow_the_seed_alone(model):
    images = make_images(4)
    first = model.predict(images, batch_size=2, verbose=0, seed=3)[KEY]
    again = model.predict(images[::-1], batch_size=4, verbose=0, seed=np.int64(3))[KEY]
    np.testing.assert_allclose(first, again[::-1], atol=1e-5)
    other = model.predict(images, batch_size=2, verbose=0, seed=4)[KEY]
    assert np.abs(first - other).max() > 1e-4
    draws = {n: np.repeat(d, 4, 0) for n, d in model.fixed_draws(1, seed=3).items()}
    np.testing.assert_allclose(first, model(images, **draws)[KEY], atol=1e-5)
    # Draws may be given, also in the batches of a dataset; and without, they are new.
    given = model.predict(images, batch_size=4, verbose=0, draws=draws)[KEY]
    np.testing.assert_allclose(first, given, atol=1e-5)
    dataset = tf.data.Dataset.from_tensors({"image": images, **draws})
    given = model.predict(dataset, verbose=0)[KEY]
    np.testing.assert_allclose(first, given, atol=1e-5)
    free = [model.predict(images, batch_size=4, verbose=0)[KEY] for _ in range(2)]
    assert np.abs(free[0] - free[1]).max() > 1e-4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": "7x"}, "seed must be an integer.*got '7x'"),
        ({"seed": 2**31}, "seed must be .*at most 2147483647; got 2147483648"),
        ({"seed": 1, "draws": {}}, "seed must be None where draws are given; got 1"),
        ({"draws": {"nose": 0}}, r"draws must be a dict of \['noise'\]; got \{'nose"),
        ({"draws": {"noise": np.zeros([5, 2, 9])}}, r"\(5, 2, 8\); got \(5, 2, 9\)"),
    ],
)
def test_bad_draws_of_predictions_are_named(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        model.predict(make_images(), verbose=0, **arguments)


def test_fit_says_once_that_beta_stays(generative, monkeypatch):
    def begin(self, *args, callbacks, **kwargs):
        keras.callbacks.CallbackList(callbacks, model=self).on_train_begin()

    monkeypatch.setattr(keras.Model, "fit", begin)
    generative.compile("sgd")
    with pytest.warns(UserWarning, match="no GECO: beta, .*, stays 1 .*GECO"):
        generative.fit(make_images())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        generative.fit(make_images())
        generative.told_beta = False
        generative.fit(make_images(), callbacks=[GECO()])
        generative.fit(make_images())  # GECO stays attached
        SlotAttentionModel(16, num_slots=2, filters=8, slot_dim=8).fit(make_images())
    assert {"error", "elbo", "kl", "beta"} <= {m.name for m in generative.metrics}


@pytest.mark.parametrize("model_class", [Genesis, GenesisV2, Monet, SlotAttentionModel])
def test_summary_shows_shapes(model_class):
    lines = []
    model = model_class(image_size=16, num_slots=2)
    model.summary(print_fn=lines.append, line_length=160)
    text = "\n".join(lines)
    assert "?" not in text and text.count("(None") >= 3, text


def test_shapes_of_the_summary_are_those_of_the_outputs(generative):
    features = generative.backbone(make_images())
    layers = [
        (generative.backbone, (5, 16, 16, 3), features),
        (generative.segmentation_head, features.shape, features),
    ]
    embeddings, _ = generative.embed(features)
    slots = generative.instance_colouring(embeddings)
    layers.append((generative.instance_colouring, embeddings.shape, slots))
    latents = tf.zeros([5, 2, 8])
    layers += [
        (generative.decoder, latents.shape, generative.decoder(latents)),
        (generative.prior, latents.shape, generative.prior(latents)),
    ]
    for layer, shape, outputs in layers:
        expected = keras.tree.map_structure(lambda x: tuple(x.shape), outputs)
        assert layer.compute_output_shape(tuple(shape)) == expected, layer.name


def test_a_loaded_model_is_compiled_as_before(model, tmp_path):
    model.compile(keras.optimizers.Adam(0.123), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "a.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = keras.models.load_model(tmp_path / "a.keras")
    assert float(loaded.optimizer.learning_rate) == pytest.approx(0.123)
    assert loaded.optimizer.built and loaded.jit_compile is False


@pytest.mark.parametrize("name", ["a.h5", "a.hdf5", "a.tf", "export/1.0"])
def test_other_endings_are_refused(model, tmp_path, name):
    with pytest.raises(ValueError, match=f"filepath must end in '.keras', .*{name}'"):
        model.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_export_writes_what_save_writes(model, monkeypatch):
    calls = []
    for name in ("write_saved_model", "write_portable"):
        monkeypatch.setattr(
            SceneModel, name, lambda *a, name=name, **k: calls.append((name, a[1:], k))
        )
    model.save("a/1", masks="object")
    model.export("a/1", masks="object")
    model.export("a.onnx", format="onnx", batch_size=2)
    assert calls[0] == calls[1] == ("write_saved_model", ("a/1",), {"masks": "object"})
    assert calls[2] == ("write_portable", ("a.onnx", "onnx"), {"batch_size": 2})
    with pytest.raises(ValueError, match="input_signature is not used: .*got 3"):
        model.export("a/1", input_signature=3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_latents_that_are_not_finite_are_refused(model, generative, value):
    monet = Monet(16, 2, component_latent_dim=8, attention_filters=8)
    for scene_model in (model, monet, generative):
        latents = np.zeros([1, 2, 8], "float32")
        latents[0, 1, 3:5] = value
        with pytest.raises(ValueError, match="latents must be finite; got 2 values"):
            scene_model.decode(latents)
        for bad in (np.zeros([1, 2, 7]), np.zeros([2, 8])):
            with pytest.raises(
                ValueError, match=r"latents must have shape \[B, K, 8\]"
            ):
                scene_model.decode(bad)
        with pytest.raises(ValueError, match="latents must be numbers; got 'abc'"):
            scene_model.decode("abc")
    with pytest.raises(ValueError, match="noise must be finite; got 2 values"):
        generative.sample(1, noise=latents)


def test_weights_that_are_not_finite_are_named():
    weight = keras.Variable([1.0, np.nan, np.inf], name="kernel")
    counter = keras.Variable(1, dtype="int32", name="counter")
    with pytest.raises(ValueError, match=r"x: weight kernel is not finite \(2 of 3"):
        check_finite_weights(types.SimpleNamespace(weights=[counter, weight]), "x")
    check_finite_weights(types.SimpleNamespace(weights=[counter]), "x")
