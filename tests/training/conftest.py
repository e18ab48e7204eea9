"""The data set that runs train on."""

import os
import pathlib

import pytest

from genesis_keras.data.preparation import prepare
from genesis_keras.data.registry import get_spec


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory) -> pathlib.Path:
    """Folder with sprites; drawn once, for all of pytest's processes."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # that of all workers
    folder = folder / "training_data"
    prepare(get_spec("sprites"), folder)
    return folder
