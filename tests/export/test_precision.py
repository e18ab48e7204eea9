"""Models trained in 16 bits are exported in float32."""

import numpy as np

from genesis_keras import GenesisV2
from genesis_keras.export.precision import in_float32


def make_model(dtype):
    return GenesisV2(32, num_slots=2, feature_dim=8, seed=0, dtype=dtype)


def test_copy_in_float32_has_the_same_weights():
    model = make_model("mixed_bfloat16")
    images = np.random.default_rng(0).random((2, 32, 32, 3), "float32")
    draws = model.fixed_draws(2)
    exact = in_float32(model)
    assert {layer.compute_dtype for layer in exact._flatten_layers()} == {"float32"}
    for weight, twin in zip(model.weights, exact.weights, strict=True):
        np.testing.assert_array_equal(weight, twin)
    rounded, outputs = model(images, **draws), exact(images, **draws)
    assert exact.decoder.blocks[0].compute_dtype == "float32"
    np.testing.assert_allclose(outputs["masks"], rounded["masks"], atol=0.05)
    assert np.any(np.asarray(outputs["components"]) != rounded["components"])


def test_float32_stays_as_it_is():
    model = make_model("float32")
    assert in_float32(model) is model
