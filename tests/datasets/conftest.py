"""Dummy source files, and data sets prepared from them, shared by all tests."""

import importlib

import pytest

from genesis_keras.data.preparation import import_builder

# Imports the package under its name here, and records the name.
_PACKAGE = import_builder("sprites").__package__.rpartition(".")[0]


def package_module(name):
    """A module of the builders' package."""
    return importlib.import_module(f"{_PACKAGE}.{name}")


@pytest.fixture(scope="session")
def builders():
    """Function (name) -> a module of the builders' package."""
    return package_module


@pytest.fixture(scope="session")
def dummy(tmp_path_factory):
    """Function (data set) -> contents of its dummy files, the files, data_dir."""
    folder = tmp_path_factory.mktemp("dummy")
    made = {}

    def get(name):
        if name not in made:
            dummy_data = package_module("dummy_data")
            truth = dummy_data.WRITERS[name](name, folder / "source" / name)
            dummy_data.make(name, folder / "source", folder / "data")
            made[name] = truth
        return made[name], folder / "source" / name, folder / "data"

    return get
