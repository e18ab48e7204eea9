"""An exported model that the tests of this folder share, as exporting is slow."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """A small GENESIS-V2, the folder it was saved to, and what loading gave."""
    from genesis_keras import GenesisV2

    keras.utils.set_random_seed(0)
    model = GenesisV2(image_size=32, num_slots=4, feature_dim=8, seed=0)
    model.embedding_head.scaled_gate.assign(0.3)
    folder = tmp_path_factory.mktemp("export") / "1"
    model.save(folder)
    loaded = tf.saved_model.load(str(folder))

    def call(signature, **inputs):
        """Fills defaults in, which Python's loader ignores; returns arrays."""
        function = loaded.signatures[signature]
        specs = function.structured_input_signature[1]
        defaults = {"seed": 0, "min_mask_pixels": 0.0, "num_images": 1}
        defaults["num_slots"] = [] if signature == "decode" else 4
        tensors = {
            name: tf.constant(inputs.get(name, defaults.get(name)), spec.dtype)
            for name, spec in specs.items()
        }
        return {key: value.numpy() for key, value in function(**tensors).items()}

    return types.SimpleNamespace(model=model, folder=folder, call=call, loaded=loaded)


@pytest.fixture(scope="session")
def pictures():
    """Images `[3, 32, 32, 3]` in [0, 1], of multiples of 1/255."""
    pixels = np.random.default_rng(0).integers(0, 256, [3, 32, 32, 3])
    return (pixels / 255.0).astype("float32")
