"""Arguments of constructors: all are validated, and errors name them."""

import importlib
import inspect
import json
import math
import pkgutil
import re

import keras
import numpy as np
import pytest

import genesis_keras.layers
from genesis_keras import GECO
from genesis_keras.arguments import boolean, choice, integer, number, quoted, seed
from genesis_keras.models.registry import MODELS
from genesis_keras.objectives.geco import GecoSettings
from genesis_keras.objectives.mask_objective import MaskObjective

REQUIRED = {"filters": 8, "units": 8, "dim": 8, "feature_dim": 8, "goal": 0.5}
REQUIRED |= {"image_size": 32, "num_slots": 2, "components": 2, "couplings": 2}
REQUIRED |= {"slot_dim": 8}
FILTERS = [8, 8, 8, 8]
NO_SUCH = ["4x", [4], math.nan, {}, object()]


def layer_classes():
    for info in pkgutil.iter_modules(genesis_keras.layers.__path__):
        module = importlib.import_module(f"genesis_keras.layers.{info.name}")
        for _, item in inspect.getmembers(module, inspect.isclass):
            if issubclass(item, keras.layers.Layer) and (
                item.__module__ == module.__name__
            ):
                yield item


def arguments_of(item):
    if "__init__" not in vars(item):
        return {}  # it has those of Keras
    parameters = dict(list(inspect.signature(item.__init__).parameters.items())[1:])
    parameters.pop("kwargs", None)
    return {name: p.default for name, p in parameters.items()}


def required(item):
    return {
        name: FILTERS
        if (item.__name__, name) == ("BroadcastDecoder", "filters")
        else REQUIRED[name]
        for name, default in arguments_of(item).items()
        if default is inspect.Parameter.empty
    }


CLASSES = [*layer_classes(), *MODELS.values(), GECO, GecoSettings, MaskObjective]
CASES = [(item, name) for item in CLASSES for name in arguments_of(item)]


def test_all_layers_are_found():
    assert {"UNet", "ConvBlock", "RandomSource"} <= {c.__name__ for c in CLASSES}
    assert len(CASES) > 90


@pytest.mark.parametrize(
    ("item", "name"), CASES, ids=[f"{c.__name__}-{n}" for c, n in CASES]
)
def test_what_is_no_value_is_refused(item, name):
    default = arguments_of(item)[name]
    values = [*NO_SUCH]
    values += [None] * (default is not None)
    values += [1, "no"] if isinstance(default, bool) else [True]
    if item in MODELS.values():
        values = values[::3]  # making the base of a model takes a while
    for value in values:
        message = rf"{name}(\[\d\])? must .*; got {re.escape(quoted(value))}"
        with pytest.raises(ValueError, match=message):
            item(**{**required(item), name: value})


@pytest.mark.parametrize("item", CLASSES, ids=lambda item: item.__name__)
def test_numbers_of_numpy_end_in_plain_configs(item):
    if not hasattr(item, "get_config"):
        pytest.skip("it has no config")
    if "__init__" not in vars(item):
        pytest.skip("its arguments are those of Keras")
    small = {"feature_dim": 8, "filters": 8, "mask_latent_dim": 4, "units": 8}
    values = {**arguments_of(item), **required(item)}
    values = {name: small.get(name, v) for name, v in values.items()}
    values |= {name: v for name, v in required(item).items() if isinstance(v, list)}
    if "image_size" in values:
        values |= {"image_size": 16}
    types = {int: np.int64, float: np.float32, bool: np.bool_, str: np.str_}
    numpy_values = {
        name: types.get(type(value), lambda value: value)(value)
        for name, value in values.items()
    }
    config = item(**numpy_values).get_config()
    json.dumps(config)
    for name, value in values.items():
        if isinstance(value, float):
            assert config[name] == pytest.approx(value), name
        else:
            assert np.array_equal(config[name], value), name
        assert not isinstance(config[name], np.generic), name


@pytest.mark.parametrize(
    ("value", "bounds", "message"),
    [
        (1, {"least": 2}, "x must be an integer, at least 2; got 1"),
        (
            9,
            {"least": 2, "most": 8},
            "x must be an integer, at least 2, at most 8; got 9",
        ),
        (12, {"multiple_of": 8}, "x must be a multiple of 8; got 12"),
        (
            48,
            {"least": 16, "power_of_two": True},
            "x must be a power of two, at least 16; ",
        ),
        (0, {"power_of_two": True}, "x must be a power of two; got 0"),
        (
            -2,
            {"least": 1, "also": -1},
            "x must be an integer, at least 1, or -1; got -2",
        ),
        (2.0, {}, "x must be an integer; got 2.0"),
        (np.float64(2), {}, "x must be an integer; got np.float64"),
        (np.True_, {}, "x must be an integer; got np.True_"),
    ],
)
def test_integers_out_of_bounds(value, bounds, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        integer("x", value, **bounds)


def test_integers_within_bounds():
    assert integer("x", -1, least=1, also=-1) == -1
    assert integer("x", 8, 8, 64, 8) == integer("x", np.uint8(64), 8, 64, 8) / 8 == 8
    assert type(integer("x", np.int64(16), power_of_two=True)) is int
    assert integer("x", 10**30) == 10**30


@pytest.mark.parametrize(
    ("value", "bounds", "message"),
    [
        (0, {"above": 0}, "x must be a finite number, above 0; got 0"),
        (1.0, {"least": 0, "below": 1}, "number, at least 0, below 1; got 1.0"),
        (2, {"most": 1.5}, "at most 1.5; got 2"),
        (-math.inf, {}, "x must be a finite number; got -inf"),
        (10**400, {}, "x must be a finite number; got 1000"),
        (1j, {}, "got 1j"),
    ],
)
def test_numbers_out_of_bounds(value, bounds, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        number("x", value, **bounds)


def test_other_values():
    assert number("x", 3) == 3.0 and type(number("x", np.float32(0.5))) is float
    assert number("x", 0, least=0, below=1) == 0.0
    assert boolean("x", np.False_) is False
    assert choice("x", None, ["a", None]) is None
    assert (
        seed("seed", None) is None and seed("seed", np.uint32(2**32 - 1)) == 2**32 - 1
    )
    for value in (-1, 2**32, 0.5):
        with pytest.raises(ValueError, match=f"seed must .*; got {value}"):
            seed("seed", value)


def test_long_values_are_shortened_in_errors():
    with pytest.raises(
        ValueError, match=r"K must be an integer; got \[0, 1, .*\.\.\.$"
    ) as e:
        integer("K", list(range(10_000)))
    assert len(str(e.value)) < 150


def test_any_value_is_kept_or_named():
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies
    junk = st.one_of(
        st.text(max_size=5),
        st.binary(max_size=3),
        st.none(),
        st.floats(),
        st.integers(),
        st.booleans(),
        st.lists(st.integers(), max_size=3),
        st.sampled_from([np.nan, np.array([1, 2]), object, 1j, {"a": 1}]),
    )
    # What models accept takes long to build.
    cases = [(item, name) for item, name in CASES if item not in MODELS.values()]

    @hypothesis.settings(
        max_examples=300, deadline=None, derandomize=True, database=None
    )
    @hypothesis.given(case=st.sampled_from(cases), value=junk)
    def check(case, value):
        item, name = case
        try:
            made = item(**{**required(item), name: value})
        except ValueError as error:
            assert str(error).removeprefix("GECO ").startswith(name), error
            shown = str(error).endswith(quoted(value))
            assert shown or str(error).startswith(f"{name}["), error
        else:
            kept = getattr(made, name)
            assert isinstance(kept, bool | int | float | str | None)
            assert kept == value

    check()
