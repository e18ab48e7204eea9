"""Settings: what `RunConfig` says of the models is what the models say."""

import dataclasses

import pytest

from genesis_keras.layers.instance_colouring import NORMALIZATIONS
from genesis_keras.layers.kernels import KERNELS
from genesis_keras.models import registry
from genesis_keras.models.generative import INITIALIZATIONS
from genesis_keras.models.monet import MASK_PRIORS
from genesis_keras.training.config import MODELS, RunConfig, models_with, resolve

FIELDS = {field.name: field for field in dataclasses.fields(RunConfig)}


def test_every_model_has_a_name():
    assert set(MODELS) == set(registry.MODELS)


@pytest.mark.parametrize("name", FIELDS)
def test_a_setting_is_of_the_models_that_take_it(name):
    takers = {
        model
        for model, model_class in registry.MODELS.items()
        if name in registry.settings_of(model_class)
    }
    if name.startswith("geco_"):
        takers = {n for n, model in registry.MODELS.items() if model.has_likelihood}
    assert set(models_with(name)) == (takers or set(MODELS)), (
        f"say in training/config.py which models have {name}: setting(..., of=...)"
    )


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("kernel", KERNELS),
        ("mask_normalization", NORMALIZATIONS),
        ("initialization", INITIALIZATIONS),
        ("mask_prior", MASK_PRIORS),
    ],
)
def test_choices_are_those_of_the_models(name, choices):
    assert set(FIELDS[name].metadata["choices"]) == set(choices)


BAD = [
    ("hard_masks", "no", "true or false"),
    ("hard_masks", 1, "true or false"),
    ("hard_masks", None, "true or false"),
    ("batch_size", 2.5, "an integer"),
    ("batch_size", 2.0, "an integer"),
    ("batch_size", "4", "an integer"),
    ("batch_size", True, "an integer"),
    ("batch_size", [4], "an integer"),
    ("batch_size", 0, "positive"),
    ("seed", -1, "not be negative"),
    ("seed", 2**31, "at most 2147483647"),
    ("steps", 10**8, "at most 99999999"),
    ("steps", 10**30, "at most 99999999"),
    ("learning_rate", float("nan"), "a finite number"),
    ("learning_rate", float("inf"), "a finite number"),
    ("learning_rate", 10**400, "a finite number"),
    ("learning_rate", "1e-3", "a finite number"),
    ("learning_rate", True, "a finite number"),
    ("learning_rate", 0.0, "positive"),
    ("geco_goal", float("nan"), "a finite number"),
    ("feature_dim", 12, "a multiple of 8"),
    ("image_size", 48, "one of 32, 64"),
    ("kernel", "gausian", "one of gaussian"),
    ("kernel", None, "a text"),
    ("dataset", 3, "a text"),
    ("dataset", "nothing", "'nothing'"),
    ("data_dir", "a\0b", "a text"),
    ("recipe", "slow", "one of"),
    ("precision", "float64", "one of float32"),
]


@pytest.mark.parametrize(("name", "value", "message"), BAD)
def test_wrong_values_are_named_and_quoted(name, value, message):
    for make in (resolve, lambda settings: RunConfig(**settings)):
        with pytest.raises(ValueError, match=name) as error:
            make({name: value})
        assert message in str(error.value)
        assert repr(value) in str(error.value)


def test_values_get_their_own_types():
    import numpy as np

    config = resolve(
        {"learning_rate": 1, "steps": np.int64(7), "hard_masks": np.bool_(True)}
    )
    for name, kind in (("learning_rate", float), ("steps", int), ("hard_masks", bool)):
        assert type(getattr(config, name)) is kind
    assert (config.learning_rate, config.steps, config.hard_masks) == (1.0, 7, True)
