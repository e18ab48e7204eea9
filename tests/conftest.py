"""Fixtures that many tests share: tiny models, images and a data set."""

import os
import pathlib
import signal
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the commands do

import absl.logging
import keras
import numpy as np
import pytest

from genesis_keras.data.preparation import prepare
from genesis_keras.data.registry import get_spec

# TFDS warns about its own code on every example it decodes.
absl.logging.set_verbosity(absl.logging.ERROR)

FIXTURES = pathlib.Path(__file__).parent / "fixtures"


@pytest.fixture(autouse=True)
def seeded():
    """Gives each test the same random numbers, independent of earlier tests."""
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def own_signals(monkeypatch):
    """Takes back what a command called in this process does about signals."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """Redirects the library's cache, so that the user's cache is not changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def fixtures():
    """Folder of the golden recordings."""
    return FIXTURES


@pytest.fixture
def images():
    """Four random images, `[4, 32, 32, 3]` in [0, 1]."""
    rng = np.random.default_rng(0)
    return rng.uniform(size=[4, 32, 32, 3]).astype("float32")


@pytest.fixture
def make_model():
    """Function that makes a small GENESIS-V2 whose zero weights were perturbed."""
    from genesis_keras import GenesisV2

    def make(perturb=True, **settings):
        keras.utils.set_random_seed(0)
        settings = {
            "image_size": 32,
            "num_slots": 4,
            "feature_dim": 8,
            "seed": 0,
            **settings,
        }
        model = GenesisV2(**settings)
        if perturb and model.semi_convolution:
            model.embedding_head.scaled_gate.assign(0.3)
        return model

    return make


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory) -> pathlib.Path:
    """Folder with sprites, generated once for all of pytest's processes."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # that of all workers
    folder = folder / "training_data"
    prepare(get_spec("sprites"), folder)
    return folder
