"""The settings of `RunConfig` agree with the arguments of the models."""

import dataclasses
import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genesis_keras.commands.train import _describe_schedule as describe_schedule
from genesis_keras.layers.instance_colouring import NORMALIZATIONS
from genesis_keras.layers.kernels import KERNELS
from genesis_keras.models import registry
from genesis_keras.models.generative import INITIALIZATIONS
from genesis_keras.models.monet import MASK_PRIORS
from genesis_keras.training import config as module
from genesis_keras.training.config import models_with, resolve
from genesis_keras.training.flags import read_settings
from genesis_keras.training.recipes import SCHEDULE
from genesis_keras.training.run_config import CONFIG_FILE, RunConfig
from genesis_keras.training.settings.general import MODELS

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
    if name.startswith("geco_") or name == "goal_mse":
        takers = {n for n, model in registry.MODELS.items() if model.has_likelihood}
    assert set(models_with(name)) == (takers or set(MODELS)), (
        f"say in training/run_config.py which models have {name}: setting(..., of=...)"
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
    ("object_latent_dim", 5, "at least 8, or 0; got 5"),
    ("object_latent_dim", -1, "at least 8, or 0; got -1"),
    ("accumulate_steps", 0, "positive"),
    ("accumulate_steps", -2, "positive"),
    ("accumulate_steps", 7, "must divide batch_size="),
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
    ("precision", "float64", "one of auto, float32"),
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


def test_schedule_follows_the_steps():
    whole, short = resolve({}), resolve({"steps": 300})
    assert (whole.steps, whole.warmup_steps, whole.decay_steps) == (5000, 200, 4800)
    assert (short.warmup_steps, short.decay_steps) == (12, 288)
    assert (short.mask_guidance_steps, short.mask_responsibility_start) == (150, 198)
    assert (short.halving_steps, whole.halving_steps) == (0, 0)
    chosen = {"steps": 300, "warmup_steps": 7, "mask_guidance_steps": 9}
    config = resolve(chosen)
    assert (config.warmup_steps, config.decay_steps) == (7, 288)
    assert describe_schedule(chosen, config) == (
        "steps=300, where the recipe has 5000; to the same scale decay_steps=288, "
        "mask_responsibility_start=198, mask_responsibility_steps=48"
    )
    assert resolve({"steps": 1}).decay_steps == 1  # never 0, which would mean no decay
    assert describe_schedule({}, whole) == ""


def test_every_setting_of_a_schedule_follows():
    """A setting whose name says that it counts steps is in the schedule."""
    names = {name for name in FIELDS if name.endswith(("_steps", "_start"))}
    # Those two are parts of a step, and a prior.
    others = {"accumulate_steps", "learned_prior_start"}
    assert names - others == set(SCHEDULE)


def test_schedule_of_the_paper_stays():
    paper = {"recipe": "paper", "model": "slot_attention"}
    config = resolve({**paper, "steps": 100})
    assert (config.warmup_steps, config.halving_steps) == (10_000, 100_000)
    assert describe_schedule({**paper, "steps": 100}, config) == ""


@pytest.mark.parametrize("dataset", ["folder", "objects_room", "clevr_with_masks"])
def test_default_recipe_without_a_gpu_is_fast(dataset, monkeypatch):
    monkeypatch.setattr(module, "sees_gpu", lambda: False)
    assert resolve({"dataset": dataset}).recipe == "fast"
    assert resolve({"dataset": dataset}).steps < 100_000
    assert resolve({"dataset": dataset, "recipe": "paper"}).steps == 500_000
    monkeypatch.setattr(module, "sees_gpu", lambda: True)
    assert resolve({"dataset": dataset}).recipe == "paper"
    assert resolve({}).recipe == "fast"


PLAUSIBLE = {
    bool: st.booleans(),
    int: st.integers(0, 10_000),
    float: st.floats(1e-6, 10.0),
    str: st.sampled_from(["sprites/hard", "monet", "paper", "auto", "softmax", ""]),
}
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


def value_of(name):
    field = FIELDS.get(name)
    if field is None:
        return VALUES
    choices = field.metadata["choices"]
    right = st.sampled_from(choices) if choices else PLAUSIBLE[field.type]
    odd = st.sampled_from([math.nan, math.inf, -math.inf, 2**70, -1, "", "no"])
    return st.one_of(right, right, right, odd, VALUES)


NAMES = st.one_of(*[st.sampled_from(sorted(FIELDS))] * 9, st.text(max_size=12))
# Half of them have a single setting: of many at once, one is nearly always wrong.
SETTINGS = st.one_of(
    st.lists(NAMES, max_size=6, unique=True),
    st.lists(st.sampled_from(sorted(FIELDS)), min_size=1, max_size=1),
).flatmap(lambda names: st.fixed_dictionaries({n: value_of(n) for n in names}))


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(SETTINGS)
def test_any_settings_are_taken_whole_or_refused_by_name(chosen):
    try:
        config = resolve(chosen)
    except ValueError as error:
        message = str(error)
        assert any(repr(name)[1:-1] in message for name in chosen) or (
            chosen.keys() & {"dataset", "model"}  # of which others depend
        )
        return
    for name, field in FIELDS.items():
        value = getattr(config, name)
        assert type(value) is field.type
        assert field.type is not float or math.isfinite(value)
    for name, value in chosen.items():
        if name not in ("dataset", "recipe") and value != "auto":  # auto is resolved
            assert getattr(config, name) == value


@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=st.one_of(st.binary(max_size=60), VALUES, SETTINGS))
def test_any_settings_file_is_read_or_refused_by_name(content, tmp_path):
    path = tmp_path / CONFIG_FILE
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(json.dumps(content))
    try:
        resolve(read_settings(path))
    except ValueError as error:
        assert str(error)
    try:
        RunConfig.load(tmp_path)
    except ValueError as error:
        assert str(path) in str(error) and "damaged" in str(error)


def test_a_deeply_nested_file_is_refused(tmp_path):
    path = tmp_path / CONFIG_FILE
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match="config.json"):
        read_settings(path)
    with pytest.raises(ValueError, match="damaged"):
        RunConfig.load(tmp_path)
